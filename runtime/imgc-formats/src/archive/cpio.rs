//! cpio archives in the `newc` form, as the Linux kernel unpacks them (Documentation/driver-api/early-userspace/buffer-format.rst).

use std::{collections::BTreeMap, sync::Arc};

use imgc_image::{Bytes, Content, Entry, Failure, LinkGroup, Node, Problem, Store, Tree};
use imgc_plan::{
    Family, Kind, Record,
    kind::{ArchiveTraits, OptionProblem, Traits},
    step::Keep,
};

use super::{
    Archive,
    coding::{self, Squeeze},
    packer::Packer,
};
use crate::loss::{self, Loss};

/// cpio archives.
pub struct Cpio;

static KIND: Kind = Kind {
    family: Family::Archive,
    name: "cpio",
    doc: "A cpio archive in the `newc` form: an initramfs. The root directory is its entry `.`; hard links share a number, the last \
          name has the content. It holds no extended attributes, no parts of seconds, and no files from 4 GiB on.",
    since: "0.1.0",
    options: &[coding::COMPRESS, coding::LEVEL],
    traits: Traits::Archive(ArchiveTraits { packs: true, unpacks: false }),
};

/// The last entry.
const TRAILER: &[u8] = b"TRAILER!!!";

/// The most bytes of a path or link target, with the NUL behind it: `PATH_MAX`, beyond which the kernel skips entries.
const PATH_MAX: usize = 4096;

/// GNU cpio reads whole blocks of this many bytes.
const BLOCK: u64 = 512;

impl Archive for Cpio {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn check(&self, options: &Record) -> Vec<OptionProblem> {
        coding::check(options)
    }

    fn pack(
        &self,
        options: &Record,
        tree: &Tree,
        store: &dyn Store,
    ) -> Result<(Bytes, Vec<Problem>), Failure> {
        let problems: Vec<Problem> = tree.entries().iter().filter_map(refusal).collect();
        if !problems.is_empty() {
            return Err(problems.into());
        }
        let mut out = Packer::new(Squeeze::of(options), store)?;
        let links = Links::of(tree);
        for (at, entry) in tree.entries().iter().enumerate() {
            write_entry(at, entry, &links, &mut out)?;
        }
        write_header([0, 0, 0, 0, 1, 0, 0, 0, 0], TRAILER, &mut out)?;
        out.pad(BLOCK)?;
        Ok((out.finish()?, loss::warnings("cpio", &LOSSES, tree.entries())))
    }

    fn unpack(&self, _: &Arc<Bytes>, _: Keep, _: i64, _: &dyn Store) -> Result<Tree, Failure> {
        Err(Failure::Bug("cpio archives are only packed, as their traits say".into()))
    }
}

/// For each group of names for one file: its first name, its last, and how many there are.
struct Links(BTreeMap<LinkGroup, (usize, usize, u32)>);

impl Links {
    /// Only files: the kernel links nothing else.
    fn of(tree: &Tree) -> Self {
        let mut groups = BTreeMap::new();
        for (at, entry) in tree.entries().iter().enumerate() {
            if let (Some(group), Node::File { .. }) = (entry.link, &entry.node) {
                let (_, last, count) = groups.entry(group).or_insert((at, at, 0));
                *last = at;
                *count += 1;
            }
        }
        Self(groups)
    }
}

fn write_entry(at: usize, entry: &Entry, links: &Links, out: &mut Packer<'_>) -> Result<(), Failure> {
    let narrow = |value: usize| u32::try_from(value).expect("because a tree has fewer than 2^32 entries");
    let group =
        entry.link.and_then(|group| links.0.get(&group)).filter(|_| matches!(entry.node, Node::File { .. }));
    let (first, last, count) = group.copied().unwrap_or((at, at, if entry.is_dir() { 2 } else { 1 }));
    let (kind, (major, minor)) = match &entry.node {
        Node::Dir => (0o040_000, (0, 0)),
        Node::File { .. } => (0o100_000, (0, 0)),
        Node::Symlink(_) => (0o120_000, (0, 0)),
        Node::Char { major, minor } => (0o020_000, (*major, *minor)),
        Node::Block { major, minor } => (0o060_000, (*major, *minor)),
        Node::Fifo => (0o010_000, (0, 0)),
        Node::Socket => (0o140_000, (0, 0)),
    };
    let empty = Content::empty();
    let (content, target) = match &entry.node {
        // All names but the last are empty: GNU cpio writes it so, and all readers follow.
        Node::File { content, .. } if at == last => (content, &b""[..]),
        Node::Symlink(target) => (&empty, target.as_ref()),
        _ => (&empty, &b""[..]),
    };
    let len = u32::try_from(content.len()).expect("because larger files were refused") + narrow(target.len());
    let mode = kind | u32::from(entry.meta.mode);
    let mtime = u32::try_from(entry.meta.mtime.clamp(0, u32::MAX.into())).expect("because it is clamped");
    let name: &[u8] = if entry.path.0.is_empty() { b"." } else { &entry.path.0 };
    let fields = [narrow(first) + 1, mode, entry.meta.uid, entry.meta.gid, count, mtime, len, major, minor];
    write_header(fields, name, out)?;
    out.content(content)?;
    out.put(target)?;
    out.pad(4)?;
    Ok(())
}

/// Writes a header and a name. The fields: ino, mode, uid, gid, nlink, mtime, filesize, rdevmajor, rdevminor.
fn write_header(fields: [u32; 9], name: &[u8], out: &mut Packer<'_>) -> Result<(), Failure> {
    let [ino, mode, uid, gid, nlink, mtime, filesize, rdevmajor, rdevminor] = fields;
    let namesize = u32::try_from(name.len() + 1).expect("because longer names were refused");
    let mut header = String::from("070701");
    // The two zeros after the size are the device that the archive was made from.
    for field in [ino, mode, uid, gid, nlink, mtime, filesize, 0, 0, rdevmajor, rdevminor, namesize, 0] {
        header.push_str(&format!("{field:08X}"));
    }
    out.put(header.as_bytes())?;
    out.put(name)?;
    out.zeros(1)?;
    out.pad(4)?;
    Ok(())
}

/// Why an entry cannot be in the archive.
fn refusal(entry: &Entry) -> Option<Problem> {
    let path = &entry.path;
    match &entry.node {
        _ if path.0 == TRAILER => {
            let message = format!("{path} has the name that ends a cpio archive");
            Some(
                Problem::new("unsupported-name", message)
                    .help("give it another name, or move it into a directory"),
            )
        }
        _ if path.0.len() >= PATH_MAX => {
            let message = format!(
                "the path {path} has {} bytes, and the kernel unpacks at most {}",
                path.0.len(),
                PATH_MAX - 1
            );
            Some(Problem::new("unsupported-name", message).help("shorten it"))
        }
        Node::Symlink(target) if target.len() >= PATH_MAX => {
            let message = format!(
                "the target of the symbolic link {path} has {} bytes, and the kernel unpacks at most {}",
                target.len(),
                PATH_MAX - 1
            );
            Some(Problem::new("unsupported-entry", message).help("shorten it"))
        }
        Node::File { content, .. } if u32::try_from(content.len()).is_err() => {
            let message =
                format!("the file {path} has {} bytes, and cpio holds files below 4 GiB", content.len());
            Some(Problem::new("file-too-large", message).help("split it, or put it on a filesystem"))
        }
        _ => None,
    }
}

/// What the archive leaves out.
static LOSSES: [Loss; 4] = [
    Loss { code: "xattrs-dropped", what: "extended attributes", lost: |entry| !entry.xattrs.is_empty() },
    Loss {
        code: "links-dropped",
        what: "hard links that are no files, which become copies",
        lost: |entry| entry.link.is_some() && !matches!(entry.node, Node::File { .. }),
    },
    Loss {
        code: "time-precision",
        what: "a part of a second in the time",
        lost: |entry| entry.meta.mtime_nanos != 0,
    },
    Loss {
        code: "times-clamped",
        what: "a time outside 1970 to 2106, which becomes the nearest",
        lost: |entry| u32::try_from(entry.meta.mtime).is_err(),
    },
];

#[cfg(test)]
mod tests;
