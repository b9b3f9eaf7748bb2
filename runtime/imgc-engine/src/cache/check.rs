//! Reads a whole store and moves away what is damaged.

use std::{fs, io, path::Path};

use imgc_image::Failure;
use imgc_plan::{BlobId, ValueId};
use rayon::prelude::*;

use super::files::{StoreFile, failed, list};
use crate::{
    export,
    scan::index::Index,
    store::{
        actions::Action,
        home::{Room, VERSION, place, set_aside},
        values,
    },
};

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// How many files were read.
    pub read: u64,
    /// What was damaged and moved away, one line each.
    pub damage: Vec<String>,
}

/// Reads everything in a store; what is damaged is moved away and made again by the next build that needs it.
///
/// # Errors
/// What the machine says.
pub fn check(store: &Path) -> Result<Checked, Failure> {
    let root = store.join(VERSION);
    let mut checked = Checked::default();
    for room in Room::ALL {
        let files = list(store, room).map_err(failed(store))?;
        checked.read += files.len() as u64;
        let sound = |file: &StoreFile| {
            is_sound(&root, room, &file.name).map(|sound| (!sound).then(|| file.name.clone()))
        };
        let damaged: Vec<Option<String>> =
            files.par_iter().map(sound).collect::<io::Result<_>>().map_err(failed(store))?;
        checked.damage.extend(damaged.into_iter().flatten().map(|name| set_aside(&root, room, &name)));
    }
    Ok(checked)
}

fn is_sound(root: &Path, room: Room, name: &str) -> io::Result<bool> {
    let path = place(root, room, name);
    if room == Room::Blobs {
        let mut hasher = blake3::Hasher::new();
        return match fs::File::open(path).and_then(|file| hasher.update_reader(file).map(|_| ())) {
            // Collection may have taken it meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
            Err(error) => Err(error),
            Ok(()) => Ok(BlobId::from_hex(name) == Some(BlobId(*hasher.finalize().as_bytes()))),
        };
    }
    let bytes = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        bytes => bytes?,
    };
    Ok(match room {
        Room::Values => ValueId::from_hex(name).is_some_and(|id| values::is_sound(&bytes, &id)),
        Room::Actions => Action::unseal(&bytes).is_some(),
        Room::Scans => Index::unseal(bytes).is_some(),
        Room::Exports => export::is_sound_record(&bytes),
        Room::Last => crate::run::is_sound_memory(&bytes),
        Room::Tests => super::passed::is_sound(&bytes, name),
        Room::Blobs => true,
    })
}
