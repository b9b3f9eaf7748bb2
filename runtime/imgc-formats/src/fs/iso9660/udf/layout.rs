//! At which blocks of the partition everything lies.
//!
//! ```text
//! 0                1     2                                           |
//! file set         end   a file entry for each file and directory    | identifiers of each directory
//! ```
//! Contents are those of ISO 9660, behind everything else.

use imgc_image::{Entry, Failure, Node, Problem};

use super::{
    super::{
        contents::SECTOR,
        survey::{self, Survey},
    },
    name,
    node::{EMBEDDED, ID},
};

/// The block of the file entry with serial 1.
const ENTRIES: u64 = 2;

/// Blocks of everything but the contents.
pub struct Layout {
    /// The directories, the root first.
    pub dirs: Vec<Dir>,
    /// For each entry that is a directory, its place in `dirs`.
    pub dir_of: Vec<u32>,
    /// Files that are no directories, each once.
    pub files: u32,
    /// Serials of files, which begin with 1, end before this one.
    pub next_serial: u32,
    /// Blocks in all.
    pub blocks: u64,
}

/// A directory.
pub struct Dir {
    /// What it holds, by entry.
    pub children: Vec<u32>,
    /// The block of its identifiers.
    pub block: u64,
    /// Their bytes.
    pub len: u64,
}

impl Layout {
    /// Lays a tree out.
    ///
    /// # Errors
    /// Everything in it that UDF cannot hold.
    pub fn of(survey: &Survey<'_>) -> Result<Self, Failure> {
        survey::refuse(survey.entries.iter().skip(1).filter_map(refusal).collect())?;
        let (mut dirs, mut dir_of) = (Vec::new(), vec![u32::MAX; survey.entries.len()]);
        for (at, entry) in survey.entries.iter().enumerate() {
            if at > 0 {
                let above: &mut Dir = &mut dirs[dir_of[survey.parents[at] as usize] as usize];
                above.children.push(index(at));
                above.len += id_len(&name::of(entry).unwrap_or_default());
            }
            if entry.is_dir() {
                dir_of[at] = index(dirs.len());
                dirs.push(Dir { children: Vec::new(), block: 0, len: id_len(&[]) });
            }
        }
        let mut next = ENTRIES + u64::from(survey.next_serial - 1);
        for dir in &mut dirs {
            dir.block = next;
            next += dir.len.div_ceil(SECTOR);
        }
        let files = survey.next_serial - 1 - index(dirs.len());
        Ok(Self { dirs, dir_of, files, next_serial: survey.next_serial, blocks: next })
    }

    /// The block of the file entry with this serial.
    pub fn entry(serial: u32) -> u64 {
        ENTRIES + u64::from(serial - 1)
    }
}

fn index(at: usize) -> u32 {
    u32::try_from(at).expect("because a tree has fewer than 2^32 entries")
}

/// Bytes of a file identifier descriptor with this name (4/14.4).
pub fn id_len(name: &[u8]) -> u64 {
    (ID + name.len()).next_multiple_of(4) as u64
}

/// Why UDF cannot hold an entry.
fn refusal(entry: &Entry) -> Option<Problem> {
    let problem = |why: String| {
        let message = format!("UDF cannot hold {}: {why}", entry.path);
        Some(Problem::new("unsupported-name", message).help("rename it, or set `udf=#false`"))
    };
    if let Err(why) = name::of(entry) {
        return problem(why);
    }
    let Node::Symlink(target) = &entry.node else { return None };
    match name::target(target) {
        Err(why) => problem(why),
        Ok(coded) if coded.len() > EMBEDDED => {
            problem(format!("where it points takes {} bytes, {EMBEDDED} are the most", coded.len()))
        }
        Ok(_) => None,
    }
}
