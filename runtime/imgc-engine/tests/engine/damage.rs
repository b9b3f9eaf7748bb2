//! A flipped byte anywhere in the store is found before it can reach an artifact.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use imgc_engine::cache;
use imgc_plan::step::Keep;

use crate::rig::{Rig, disk, numbers, text};

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found.sort();
    found
}

fn flip(path: &Path) {
    let mut bytes = fs::read(path).expect("read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    fs::write(path, bytes).expect("written");
}

/// A large file that only the store has.
fn plan() -> imgc_plan::Plan {
    let big: String = numbers(200_000).iter().map(|byte| char::from(b'a' + byte % 26)).collect();
    disk(Keep::default(), vec![text("/added", &big)])
}

#[test]
fn a_flipped_byte_is_found_whatever_the_file() {
    let rig = Rig::new();
    rig.fill();
    let plan = plan();
    rig.run(&plan).ok();
    let right = rig.image();
    let mut by_room: BTreeMap<String, usize> = BTreeMap::new();
    for room in ["blobs", "values", "actions", "scans", "exports", "last"] {
        for path in files(&rig.path("cache/v1").join(room)) {
            *by_room.entry(room.to_owned()).or_default() += 1;
            flip(&path);
            // The artifact must be made again, so that what is damaged is used.
            fs::remove_file(rig.path("out/disk.img")).expect("removed");
            let ran = rig.run(&plan);
            assert!(ran.report.is_ok(), "{}: {:?}", path.display(), ran.report);
            assert!(rig.image() == right, "{}", path.display());
            let mended = fs::read(&path).is_ok_and(|bytes| !bytes.is_empty());
            let told = ran.logs().iter().any(|line| line.contains("damaged"));
            assert!(told || room == "exports" || mended, "{room}: {:?}", ran.logs());
            rig.run(&plan).ok();
        }
    }
    assert!(by_room["blobs"] >= 4 && by_room["values"] >= 6 && by_room["actions"] >= 6, "{by_room:?}");
    assert_eq!(cache::check(&rig.path("cache")).expect("read").damage, [""; 0]);
}

#[test]
fn a_check_finds_all_damage_and_a_build_mends_it() {
    let mut rig = Rig::new();
    rig.fill();
    let plan = plan();
    rig.run(&plan).ok();
    let right = rig.image();
    let mut flipped = 0;
    for path in files(&rig.path("cache/v1")) {
        if path.components().any(|part| {
            ["blobs", "values", "actions", "scans", "exports", "last"]
                .iter()
                .any(|room| part.as_os_str() == *room)
        }) {
            flip(&path);
            flipped += 1;
        }
    }
    assert_eq!(cache::check(&rig.path("cache")).expect("read").damage.len(), flipped);
    let checked = cache::check(&rig.path("cache")).expect("read");
    assert_eq!((checked.read, checked.damage.len()), (0, 0));
    rig.force = true;
    rig.run(&plan).ok();
    assert!(rig.image() == right);
}

#[test]
fn lost_files_are_made_again() {
    for room in ["blobs", "values", "actions", "scans", "exports", "last"] {
        let rig = Rig::new();
        rig.fill();
        let plan = plan();
        rig.run(&plan).ok();
        let right = rig.image();
        fs::remove_dir_all(rig.path("cache/v1").join(room)).expect("removed");
        fs::remove_file(rig.path("out/disk.img")).expect("removed");
        rig.run(&plan).ok();
        assert!(rig.image() == right, "{room}");
    }
}
