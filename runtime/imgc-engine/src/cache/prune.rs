//! Makes a store smaller: what was used longest ago goes first, what live builds use stays.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::Path,
};

use imgc_image::Failure;
use serde::Serialize;

use super::files::{StoreFile, failed, list};
use crate::{
    export,
    os::{self, Lock, Moment},
    scan::index::Index,
    store::{
        actions::Action,
        home::{Room, VERSION, place},
        lease,
    },
};

/// What pruning did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Pruned {
    /// Bytes that were freed.
    pub freed: u64,
    /// Bytes that are left.
    pub left: u64,
}

/// A file of the store: its room and its name.
type Thing = (Room, String);

/// Removes what was used longest ago until at most `keep` bytes are left, or only what live builds use.
///
/// # Errors
/// What the machine says.
pub fn prune(store: &Path, keep: u64) -> Result<Pruned, Failure> {
    if !store.join(VERSION).is_dir() {
        return Ok(Pruned::default());
    }
    sweep(store, keep).map_err(failed(store))
}

fn sweep(store: &Path, keep: u64) -> io::Result<Pruned> {
    let root = store.join(VERSION);
    let gate = lease::gate(&root)?;
    // From here on no build looks for an action; those that were found before are in the leases.
    os::lock(&gate, Lock::Exclusive)?;
    let mut sizes: BTreeMap<Thing, StoreFile> = BTreeMap::new();
    for room in Room::ALL {
        sizes.extend(list(store, room)?.into_iter().map(|file| ((room, file.name.clone()), file)));
    }
    let live = lease::live(&root)?;
    let since = live.iter().map(|live| live.since).min();
    let leased: BTreeSet<String> =
        live.iter().flat_map(|live| &live.keys).map(imgc_plan::StepKey::hex).collect();
    let spared = chosen(&root, &sizes, &leased, since, keep)?;
    let mut pruned = Pruned::default();
    for ((room, name), file) in &sizes {
        if spared.contains(&(*room, name.clone())) {
            pruned.left += file.len;
        } else if fs::remove_file(place(&root, *room, name)).is_ok() {
            pruned.freed += file.len;
        }
    }
    // What was set aside is of no use to anybody any more.
    let _ = fs::remove_dir_all(root.join("damaged"));
    os::unlock(&gate)?;
    Ok(pruned)
}

/// What stays: what live builds use or are making, then results with all that they need, the latest used first.
fn chosen(
    root: &Path,
    sizes: &BTreeMap<Thing, StoreFile>,
    leased: &BTreeSet<String>,
    since: Option<Moment>,
    keep: u64,
) -> io::Result<BTreeSet<Thing>> {
    let mut spared = BTreeSet::new();
    let mut bytes = 0;
    let mut roots: Vec<(&Thing, &StoreFile)> = Vec::new();
    for (thing @ (room, name), file) in sizes {
        // Records of artifacts that are there stay: without them imgc would not know its own files.
        let in_use = since.is_some_and(|since| file.used >= since)
            || leased.contains(name)
            || (*room == Room::Exports && has_artifact(root, name));
        match room {
            _ if in_use => {
                bytes += spare(sizes, reached(root, thing)?, &mut spared);
            }
            Room::Actions | Room::Scans | Room::Exports | Room::Last | Room::Tests => {
                roots.push((thing, file));
            }
            Room::Blobs | Room::Values => {}
        }
    }
    roots.sort_by_key(|(_, file)| std::cmp::Reverse(file.used));
    for (thing, _) in roots {
        let mut reached = reached(root, thing)?;
        reached.retain(|thing| !spared.contains(thing));
        let more = spare(sizes, reached.clone(), &mut BTreeSet::new());
        if bytes + more > keep {
            break;
        }
        bytes += spare(sizes, reached, &mut spared);
    }
    Ok(spared)
}

fn has_artifact(root: &Path, name: &str) -> bool {
    let path =
        fs::read(place(root, Room::Exports, name)).ok().and_then(|bytes| export::recorded_path(&bytes));
    path.is_some_and(|path| fs::symlink_metadata(path).is_ok())
}

/// Adds things to those that stay; how many bytes that is more.
fn spare(sizes: &BTreeMap<Thing, StoreFile>, things: Vec<Thing>, spared: &mut BTreeSet<Thing>) -> u64 {
    let mut bytes = 0;
    for thing in things {
        if let Some(file) = sizes.get(&thing) {
            bytes += if spared.insert(thing) { file.len } else { 0 };
        }
    }
    bytes
}

/// A thing and what it needs to be of use.
fn reached(root: &Path, thing: &Thing) -> io::Result<Vec<Thing>> {
    let (room, name) = thing;
    let mut all = vec![thing.clone()];
    if !matches!(room, Room::Actions | Room::Scans) {
        return Ok(all);
    }
    let bytes = match fs::read(place(root, *room, name)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(all),
        bytes => bytes?,
    };
    if *room == Room::Scans {
        all.extend(
            Index::unseal(bytes).into_iter().flat_map(|index| index.packs).map(|id| (Room::Blobs, id.hex())),
        );
    } else if let Some(action) = Action::unseal(&bytes) {
        let values = action.nested.iter().chain([&action.value]).map(|id| (Room::Values, id.hex()));
        let blobs =
            action.written.packs.iter().chain(&action.written.blobs).map(|id| (Room::Blobs, id.hex()));
        all.extend(values.chain(blobs));
    }
    Ok(all)
}
