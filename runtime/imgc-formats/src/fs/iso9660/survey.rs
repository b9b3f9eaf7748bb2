//! Goes through a tree once: what ISO 9660 cannot hold, what it loses, who is the same file, how many names it has.

use std::collections::BTreeMap;

use imgc_image::{Entry, Failure, Node, Problem, Tree};

use super::{contents::MAX_SECTION, options::Options, time};
use crate::loss::{self, Loss};

/// The most levels of directories, the root being the first (ECMA-119, 6.8.2.1).
pub const MAX_LEVEL: u32 = 8;

/// The longest target of a symbolic link that Linux takes (`PATH_MAX` without its NUL).
const MAX_TARGET: usize = 4095;

/// Linux shows no more bytes of a name (`fs/isofs/rock.c`, `get_rock_ridge_filename`).
const MAX_SHOWN: usize = 253;

/// How many problems are listed before the rest is only counted.
const MOST_PROBLEMS: usize = 100;

/// A tree that ISO 9660 can hold.
pub struct Survey<'t> {
    /// The entries.
    pub entries: &'t [Entry],
    /// For each entry, its directory.
    pub parents: Vec<u32>,
    /// For each entry, the number of its file (from 1 on): names of one file have the same.
    pub serials: Vec<u32>,
    /// For each entry, how many names its file has; a directory also names itself, and is named by each directory in it.
    pub links: Vec<u32>,
    /// A serial that nobody has.
    pub next_serial: u32,
    /// What is left out.
    pub losses: Vec<Problem>,
}

impl<'t> Survey<'t> {
    /// Goes through a tree.
    ///
    /// # Errors
    /// Everything that ISO 9660 with these options cannot hold.
    pub fn of(tree: &'t Tree, options: &Options) -> Result<Self, Failure> {
        let (entries, parents) = (tree.entries(), tree.parents());
        let mut problems: Vec<Problem> = entries.iter().filter_map(|entry| refusal(entry, options)).collect();
        if !options.rock_ridge && !options.keep_deep {
            problems.extend(too_deep(entries, &parents));
        }
        refuse(problems)?;
        let (serials, links, next_serial) = count(entries, &parents);
        let mut losses =
            loss::warnings("iso9660", if options.rock_ridge { &ROCK_RIDGE } else { &PLAIN }, entries);
        losses.extend(cut_names(entries).filter(|_| options.rock_ridge));
        Ok(Self { entries, parents, serials, links, next_serial, losses })
    }
}

/// Fails when there are problems, with as many as a person can read.
pub fn refuse(mut problems: Vec<Problem>) -> Result<(), Failure> {
    if problems.len() > MOST_PROBLEMS {
        let rest = problems.len() - MOST_PROBLEMS;
        problems.truncate(MOST_PROBLEMS);
        problems.push(Problem::new("more-problems", format!("{rest} more entries cannot be held")));
    }
    if problems.is_empty() { Ok(()) } else { Err(problems.into()) }
}

/// Serials, names of each entry's file, and the serial after the last.
fn count(entries: &[Entry], parents: &[u32]) -> (Vec<u32>, Vec<u32>, u32) {
    let (mut serials, mut next) = (Vec::with_capacity(entries.len()), 1u32);
    let mut groups = BTreeMap::new();
    let mut links = vec![0u32; entries.len()];
    for (at, entry) in entries.iter().enumerate() {
        // For a group of names: its serial, and how many names were met.
        let group = entry.link.map(|link| groups.entry(link).or_insert((next, 0)));
        let serial = group.map_or(next, |(serial, names)| {
            *names += 1;
            *serial
        });
        next += u32::from(serial == next);
        serials.push(serial);
        links[at] += if entry.is_dir() { 2 } else { 1 };
        if entry.is_dir() && at > 0 {
            links[parents[at] as usize] += 1;
        }
    }
    for (names, entry) in links.iter_mut().zip(entries) {
        if let Some((_, all)) = entry.link.and_then(|link| groups.get(&link)) {
            *names = *all;
        }
    }
    (serials, links, next)
}

/// Why ISO 9660 cannot hold an entry.
fn refusal(entry: &Entry, options: &Options) -> Option<Problem> {
    let what = match &entry.node {
        Node::Dir => return None,
        Node::File { content, .. } if options.level >= 3 || content.len() <= MAX_SECTION => return None,
        Node::File { content, .. } => {
            let message = format!(
                "{} has {} bytes, and level {} holds files below 4 GiB",
                entry.path,
                content.len(),
                options.level
            );
            return Some(Problem::new("file-too-large", message).help("set `level=3`"));
        }
        Node::Symlink(target) if options.rock_ridge => {
            let message =
                format!("{} points at {} bytes, {MAX_TARGET} are the most", entry.path, target.len());
            return (target.len() > MAX_TARGET).then(|| Problem::new("symlink-too-long", message));
        }
        // Linux reads this as another device, as of the two ways to write a number it tries the older first.
        Node::Char { major: 0, minor } | Node::Block { major: 0, minor }
            if *minor > 255 && options.rock_ridge =>
        {
            let message = format!("{} is the device 0:{minor}, which Rock Ridge cannot hold", entry.path);
            return Some(Problem::new("unsupported-entry", message).help("leave it out of the tree"));
        }
        _ if options.rock_ridge => return None,
        Node::Symlink(_) => "symbolic link",
        Node::Char { .. } | Node::Block { .. } => "device node",
        Node::Fifo => "named pipe",
        Node::Socket => "socket",
    };
    let message = format!("iso9660 without Rock Ridge cannot hold the {what} {}", entry.path);
    Some(
        Problem::new("unsupported-entry", message)
            .help("set `rock-ridge=#true`, or leave it out of the tree"),
    )
}

/// Directories right below the last level that there may be.
fn too_deep<'t>(entries: &'t [Entry], parents: &[u32]) -> impl Iterator<Item = Problem> + 't {
    let mut levels = vec![1u32; entries.len()];
    for at in 1..entries.len() {
        levels[at] = levels[parents[at] as usize] + 1;
    }
    let deep = move |(at, entry): &(usize, &Entry)| entry.is_dir() && levels[*at] == MAX_LEVEL + 1;
    entries.iter().enumerate().filter(deep).map(|(_, entry)| {
        let message = format!("{} is below {MAX_LEVEL} levels of directories", entry.path);
        Problem::new("directory-too-deep", message).help("set `rock-ridge=#true`, `deep=keep` or `level=4`")
    })
}

fn cut_names(entries: &[Entry]) -> impl Iterator<Item = Problem> {
    let mut long = entries.iter().filter(|entry| entry.name().len() > MAX_SHOWN);
    let first = long.next().map(|entry| {
        let message = format!(
            "Linux will cut the names of {} entries, which have more than {MAX_SHOWN} bytes; the first is {}",
            1 + long.count(),
            entry.path
        );
        Problem { warning: true, ..Problem::new("name-cut-by-readers", message) }
    });
    first.into_iter()
}

fn beyond(entry: &Entry, (first, last): (i64, i64)) -> bool {
    !(first..=last).contains(&entry.meta.mtime)
}

const XATTRS: Loss =
    Loss { code: "attribute-not-held", what: "extended attributes", lost: |entry| !entry.xattrs.is_empty() };
const NANOS: Loss = Loss {
    code: "time-precision",
    what: "a part of a second in the time",
    lost: |entry| entry.meta.mtime_nanos != 0,
};

/// What Rock Ridge leaves out.
static ROCK_RIDGE: [Loss; 3] = [
    XATTRS,
    NANOS,
    Loss {
        code: "time-range",
        what: "a time beyond the years 1 to 9999",
        lost: |entry| beyond(entry, time::LONG),
    },
];

/// What is left out without Rock Ridge and is not what readers show anyway: 0:0, 0755 for directories, 0644 or 0755 for files.
static PLAIN: [Loss; 6] = [
    Loss {
        code: "owners-dropped",
        what: "an owner other than 0:0",
        lost: |entry| (entry.meta.uid, entry.meta.gid) != (0, 0),
    },
    Loss {
        code: "modes-dropped",
        what: "a mode that is not the usual one",
        lost: |entry| entry.meta.mode != 0o755 && (entry.is_dir() || entry.meta.mode != 0o644),
    },
    Loss { code: "links-dropped", what: "other names (hard links)", lost: |entry| entry.link.is_some() },
    XATTRS,
    NANOS,
    Loss {
        code: "time-range",
        what: "a time beyond the years 1900 to 2155",
        lost: |entry| beyond(entry, time::SHORT),
    },
];
