//! What a guest said, taken apart, and compared with what was meant.

use std::collections::BTreeMap;

use imgc_tests::listing::{Kind, Line, escape};

use super::{forest::Forest, kinds::Holds};

/// What was said between a pair of markers.
#[derive(Default)]
pub struct Part {
    /// The lines of a listing.
    pub lines: Vec<Line>,
    /// What the kernel said meanwhile.
    pub kernel: Vec<String>,
    /// Everything else.
    pub other: Vec<String>,
    /// Whether it went well.
    pub done: bool,
}

/// Words with which a kernel complains of a filesystem or a disk, in lower case.
const COMPLAINTS: &[&str] = &[
    "error",
    "corrupt",
    "warning",
    "invalid",
    "bad ",
    "bug:",
    "failed",
    "unable",
    "not properly",
    "recommended",
    "erofs: ",
    "call trace",
    "beyond end",
    "unidentified",
    "truncated",
];

/// What erofs says when all is well.
const CONTENT: &str = "mounted with root inode";

/// The parts of a log by name.
pub fn parts(log: &str) -> BTreeMap<String, Part> {
    let mut parts: BTreeMap<String, Part> = BTreeMap::new();
    let mut open: Option<(String, Part)> = None;
    for line in log.lines() {
        if let Some(name) = line.strip_prefix("BEGIN ") {
            open = Some((name.to_owned(), Part::default()));
        } else if let Some((name, part)) = &mut open {
            if line == format!("END {name}") {
                let (name, part) = open.take().expect("because it is open");
                assert!(parts.insert(name.clone(), part).is_none(), "{name} is there twice");
            } else if line == format!("DONE {name}") {
                part.done = true;
            } else if let Some(line) = line.strip_prefix("kernel: ") {
                part.kernel.push(line.to_owned());
            } else if let Some(line) = Line::parse(line) {
                part.lines.push(line);
            } else {
                part.other.push(line.to_owned());
            }
        }
    }
    parts
}

impl Part {
    /// What is wrong when it should have gone well and the kernel should be content.
    pub fn complaints(&self) -> Vec<String> {
        let complains = |line: &&String| {
            !line.contains(CONTENT) && COMPLAINTS.iter().any(|word| line.to_lowercase().contains(word))
        };
        let mut found: Vec<String> =
            self.kernel.iter().filter(complains).map(|line| format!("kernel: {line}")).collect();
        if !self.done {
            found.push("it failed".into());
            found.extend(self.other.iter().map(|line| format!("said: {line}")));
        }
        found
    }

    /// Where what was seen differs from what a filesystem should hold of a forest.
    pub fn differences(&self, forest: &Forest, holds: &Holds) -> Vec<String> {
        let layer = holds.layer.unwrap_or(super::forest::Layer::Base);
        let mut meant: Vec<Line> = forest.lines(layer).into_iter().map(|line| holds.cut(line)).collect();
        meant.retain(|line| !holds.without.contains(&line.path.as_slice()));
        let mut seen: BTreeMap<&[u8], Line> =
            self.lines.iter().map(|line| (&line.path[..], holds.blur(line.clone()))).collect();
        let mut found = Vec::new();
        if seen.remove(&b"lost+found"[..]).is_some() {
            meant[0].links += 1;
        }
        let inodes = names_by_inode(&seen);
        for meant in meant {
            let path = escape(&meant.path);
            let Some(mut line) = seen.remove(&meant.path[..]) else {
                found.push(format!("/{path} is missing"));
                continue;
            };
            if holds.shares && meant.kind == Kind::File && inodes.get(&line.inode) != Some(&meant.links) {
                found.push(format!(
                    "/{path} shares its inode with {:?} names, not {}",
                    inodes.get(&line.inode),
                    meant.links
                ));
            }
            line.inode = 0;
            if line != meant {
                found.push(format!("/{path}\n    is    {line}\n    meant {meant}"));
            }
        }
        let more = seen.into_keys().filter(|path| !(holds.layer.is_none() && path.is_empty()));
        found.extend(more.map(|path| format!("/{} is there, too", escape(path))));
        found
    }
}

/// How many files are seen to be one.
fn names_by_inode(seen: &BTreeMap<&[u8], Line>) -> BTreeMap<u64, u64> {
    let mut names = BTreeMap::new();
    for line in seen.values().filter(|line| line.kind == Kind::File) {
        *names.entry(line.inode).or_default() += 1;
    }
    names
}

#[test]
fn whatever_differs_in_a_listing_is_found() {
    let forest = super::trees::hostile();
    let holds = Holds { shares: false, ..super::kinds::CPIO };
    let layer = holds.layer.expect("because it holds owners");
    let lines: Vec<Line> = forest.lines(layer).into_iter().map(|line| holds.cut(line)).collect();
    let differ = |change: &dyn Fn(&mut Line), path: &str| {
        let mut part = Part { lines: lines.clone(), ..Part::default() };
        change(part.lines.iter_mut().find(|line| line.path == path.as_bytes()).expect("it is there"));
        part.differences(&forest, &holds).len()
    };
    assert_eq!(differ(&|_| {}, "a/mixed"), 0);
    let changes: [&dyn Fn(&mut Line); 10] = [
        &|line| line.kind = Kind::Fifo,
        &|line| line.mode ^= 1,
        &|line| line.uid += 1,
        &|line| line.gid += 1,
        &|line| line.links += 1,
        &|line| line.size += 1,
        &|line| line.device.1 += 1,
        &|line| line.mtime.0 += 1,
        &|line| line.digest.0[15] ^= 1,
        &|line| line.xattrs.push(("user.more".into(), line.digest)),
    ];
    for change in changes {
        assert_eq!(differ(change, "a/mixed"), 1);
    }
    assert_eq!(differ(&|line| line.target.push(b'x'), "kinds/link-60"), 1);
    assert_eq!(differ(&|line| line.path.push(b'x'), "a/mixed"), 2, "one is missing, one is too much");
}

#[test]
fn what_a_kernel_complains_of_is_found() {
    let log = "BEGIN a\nDONE a\nkernel: EXT4-fs error (device vda1)\nkernel: EXT4-fs (vda1): mounted\nEND a\n\
               BEGIN b\nmount: no\nFAILED b\nEND b\nBEGIN c\nDONE c\nEND c\n";
    let parts = parts(log);
    assert_eq!(parts["a"].complaints(), ["kernel: EXT4-fs error (device vda1)"]);
    assert_eq!(parts["b"].complaints(), ["it failed", "said: mount: no", "said: FAILED b"]);
    assert!(parts["c"].complaints().is_empty());
}
