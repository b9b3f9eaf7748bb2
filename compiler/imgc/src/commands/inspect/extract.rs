//! Copies files out of a volume, and never anywhere but below one directory.
//!
//! Every name is checked; directories that are there must be real ones, files are made anew and never opened, and symbolic
//! links come last, so that nothing is written through one of the image's. Modes, times and `user.` attributes are those of
//! the image; what cannot be had here is counted and said at the end.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use imgc_formats::fs::Volume;
use imgc_image::{Entry, LinkGroup, Node};
use imgc_plan::tree::{BytePath, check_name};

use super::{
    left::{Left, Loss},
    list::{inside, missing},
    os,
};
use crate::failure::Failure;

/// Where an entry goes.
struct Item<'t> {
    entry: &'t Entry,
    to: PathBuf,
}

/// Copies what is at a path into a directory.
pub fn extract(volume: &dyn Volume, path: &BytePath, into: &Path, force: bool) -> Result<(), Failure> {
    let tree = volume.tree()?;
    tree.get(&path.0).ok_or_else(|| missing(path))?;
    let base = path.0.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
    let wanted =
        |entry: &&Entry| !entry.path.0.is_empty() && (entry.path == *path || inside(&entry.path.0, &path.0));
    let items = tree.entries().iter().filter(wanted).map(|entry| {
        let to = place(into, &entry.path.0[base..])
            .ok_or_else(|| Failure::Request(format!("this system has no file names like {}", entry.path)))?;
        Ok(Item { entry, to })
    });
    let items: Vec<Item<'_>> = items.collect::<Result<_, Failure>>()?;
    clear(&items, force)?;
    fs::create_dir_all(into).map_err(machine(into))?;
    let mut left = Left::default();
    let done = put(volume, &items, &mut left);
    left.say();
    done
}

/// Makes everything: files and directories, then links, and at last what directories are to be in the end.
fn put(volume: &dyn Volume, items: &[Item<'_>], left: &mut Left) -> Result<(), Failure> {
    let mut first: BTreeMap<LinkGroup, &Path> = BTreeMap::new();
    for item in items.iter().filter(|item| !matches!(item.entry.node, Node::Symlink(_))) {
        match item.entry.link.and_then(|group| first.get(&group)) {
            Some(known) => fs::hard_link(known, &item.to).map_err(machine(&item.to))?,
            None => make(volume, item, left)?,
        }
        if let (Some(group), Node::File { .. }) = (item.entry.link, &item.entry.node) {
            first.entry(group).or_insert(&item.to);
        }
    }
    for item in items {
        if let Node::Symlink(target) = &item.entry.node {
            os::symlink(target, &item.to).map_err(machine(&item.to))?;
            dress(item, left)?;
        }
    }
    // Last and deepest first: a directory that nobody may write into is filled by now.
    items.iter().rev().filter(|item| item.entry.is_dir()).try_for_each(|item| dress(item, left))
}

/// The place of a path below a directory; `None` when the host cannot have such names.
fn place(into: &Path, path: &[u8]) -> Option<PathBuf> {
    let mut to = into.to_owned();
    for name in path.split(|byte| *byte == b'/') {
        check_name(name).ok()?;
        to.push(os::name(name)?);
    }
    Some(to)
}

/// Finds everything that is in the way, at once; takes it away when that was asked for.
fn clear(items: &[Item<'_>], force: bool) -> Result<(), Failure> {
    let mut there = Vec::new();
    for Item { entry, to } in items {
        let Ok(found) = fs::symlink_metadata(to) else { continue };
        match (found.is_dir(), entry.is_dir()) {
            (true, true) => {}
            (true, false) => {
                return Err(Failure::Request(format!("{} is a directory, and stays", to.display())));
            }
            // A link in the way of a directory is found before anything below it.
            (false, _) if force => fs::remove_file(to).map_err(machine(to))?,
            (false, _) => there.push(to.display().to_string()),
        }
    }
    if there.is_empty() {
        return Ok(());
    }
    let more = there.len().saturating_sub(5);
    there.truncate(5);
    let rest = if more > 0 { format!(", and {more} more") } else { String::new() };
    Err(Failure::Request(format!(
        "these files are there already: {}{rest}\n  help: say --force to overwrite them, or choose another directory",
        there.join(", ")
    )))
}

fn make(volume: &dyn Volume, item: &Item<'_>, left: &mut Left) -> Result<(), Failure> {
    let Item { entry, to } = item;
    match &entry.node {
        Node::Dir => match fs::create_dir(to) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(machine(to)(error)),
            // What came between, and is no directory, is not followed.
            Err(_) if !fs::symlink_metadata(to).is_ok_and(|found| found.is_dir()) => {
                Err(Failure::Request(format!("{} is in the way", to.display())))
            }
            _ => Ok(()),
        },
        Node::File { content, .. } => {
            let file = OpenOptions::new().write(true).create_new(true).open(to).map_err(machine(to))?;
            let mut sparse = Sparse { file };
            volume.copy(&entry.path.0, &mut sparse)?;
            sparse.file.set_len(content.len()).map_err(machine(to))?;
            drop(sparse);
            dress(item, left)
        }
        _ => {
            left.count(Loss::Special, entry);
            Ok(())
        }
    }
}

/// Attributes, owner, mode and time, in this order: who gives away a file may not do more to it, and whoever writes changes
/// its time. Without the owner nobody gets rights that were meant for them.
fn dress(item: &Item<'_>, left: &mut Left) -> Result<(), Failure> {
    let Item { entry, to } = item;
    let meta = &entry.meta;
    for (name, value) in &entry.xattrs {
        if !name.starts_with(b"user.") {
            left.count(Loss::Foreign, entry);
        } else if os::set_xattr(to, name, value).is_err() {
            left.count(Loss::User, entry);
        }
    }
    let owned = os::own(to, meta.uid, meta.gid);
    if !owned {
        left.count(Loss::Owner, entry);
    }
    if !matches!(entry.node, Node::Symlink(_)) {
        let mode = if owned { meta.mode } else { meta.mode & 0o777 };
        os::set_mode(to, mode).map_err(machine(to))?;
    }
    os::set_time(to, meta.mtime, meta.mtime_nanos).map_err(machine(to))
}

/// Leaves holes where a block is zero; the length is set at the end.
struct Sparse {
    file: File,
}

impl Write for Sparse {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let hole = buf.len() >= 4096 && buf.iter().all(|byte| *byte == 0);
        if hole {
            self.file.seek(SeekFrom::Current(i64::try_from(buf.len()).unwrap_or(i64::MAX)))?;
            return Ok(buf.len());
        }
        self.file.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn machine(at: &Path) -> impl Fn(io::Error) -> Failure {
    let at = at.display().to_string();
    move |error| Failure::Machine(format!("{at}: {error}"))
}
