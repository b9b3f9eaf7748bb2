//! Our reader: volumes of mkfs.exfat, chains of the FAT, and volumes that lie.

use std::{fs, process::Command};

use imgc_image::{MemoryStore, ReadAt, Reader};
use imgc_plan::Data;

use super::{
    super::{Exfat, boot, entries},
    image::{Random, make, record, small},
};
use crate::{
    fs::Filesystem,
    testing::{code, in_place, run},
};

#[test]
fn volumes_of_mkfs_are_read() {
    let dir = tempfile::tempdir().unwrap();
    for (args, len) in [(&["-L", "Theirs"][..], 8 << 20), (&["-L", "Theirs", "-c", "512"], 64 << 20)] {
        let path = dir.path().join("theirs.img");
        fs::File::create(&path).unwrap().set_len(len).unwrap();
        run("exfatprogs", Command::new("mkfs.exfat").args(args).arg(&path));
        let bytes = fs::read(&path).unwrap();
        let volume = Exfat.open(&bytes).unwrap().expect("an exFAT");
        let facts = volume.facts();
        assert_eq!(facts.get("label"), Some(&Data::from("Theirs")));
        assert_eq!(facts.get("len"), Some(&Data::from(len)));
        assert_eq!(volume.tree().unwrap().entries().len(), 1);
        assert!(Exfat.dump(&bytes).unwrap().contains("backup    equal"));
    }
}

#[test]
fn facts_are_what_the_options_said() {
    let store = MemoryStore::default();
    let options = record(&[("label", "Ours".into())]);
    let bytes = make(&options, Some(&small(&store)), 8 << 20, &store).unwrap();
    let reader = Reader::new(&bytes, &store);
    let facts = Exfat.open(&reader).unwrap().expect("an exFAT").facts();
    for (name, value) in [
        ("label", Data::from("Ours")),
        ("serial", Data::from("1234-abcd")),
        ("block-size", Data::Int(4096)),
        ("len", Data::Int(8 << 20)),
        // Bitmap, up-case table, root, two directories and a hollow one, a file of two clusters and one of one.
        ("used", Data::Int(9 * 4096)),
    ] {
        assert_eq!(facts.get(name), Some(&value), "{name}");
    }
    assert!(Exfat.open(&vec![0u8; 100]).unwrap().is_none());
    assert!(Exfat.open(&vec![0u8; 4096]).unwrap().is_none());
}

/// A small volume in memory, with the place of the root's first set of entries of a file.
fn sample() -> (Vec<u8>, usize) {
    let store = MemoryStore::default();
    let bytes = make(&record(&[]), Some(&small(&store)), 1 << 20, &store).unwrap();
    let image = Reader::new(&bytes, &store).read_all(1 << 20).unwrap();
    let root = image.chunks_exact(32).position(|entry| entry[0] == entries::BITMAP && entry[20] == 2);
    let file = root.unwrap() + 2;
    assert_eq!(image[file * 32], entries::FILE);
    (image, file * 32)
}

/// Sums a set again.
fn seal(image: &mut [u8], at: usize) {
    let len = 32 * (1 + usize::from(image[at + 1]));
    let sum = entries::set_checksum(&image[at..at + len]);
    image[at + 2..at + 4].copy_from_slice(&sum.to_le_bytes());
}

/// Sums the boot region again.
fn seal_boot(image: &mut [u8]) {
    let sum = boot::checksum(&image[..11 * 512]).to_le_bytes();
    image[11 * 512..12 * 512].chunks_exact_mut(4).for_each(|place| place.copy_from_slice(&sum));
}

/// What reading everything says.
fn read_all(image: &dyn ReadAt) -> Result<usize, String> {
    let volume = Exfat.open(image).map_err(|error| error.to_string())?.ok_or("not exFAT")?;
    let tree = volume.tree().map_err(|error| error.to_string())?;
    for entry in tree.entries().iter().filter(|entry| !entry.is_dir()) {
        volume.copy(&entry.path.0, &mut std::io::sink()).map_err(|error| error.to_string())?;
    }
    Ok(tree.entries().len())
}

#[test]
fn lies_are_told_by_what_they_are() {
    let (image, at) = sample();
    assert_eq!(read_all(&image), Ok(7));
    let boot: [(&str, usize, &[u8]); 8] = [
        ("checksum of the boot", 64, &[1]),
        ("longer than the image", 72, &[0xff; 8]),
        ("FAT lies over", 80, &[1, 0, 0, 0]),
        ("clusters reach beyond", 72, &[0xd0, 7]),
        ("FAT is too small", 92, &[0xff; 4]),
        ("root directory is not", 96, &[1, 0, 0, 0]),
        ("no size that exFAT knows", 109, &[17]),
        ("2 FATs", 110, &[2]),
    ];
    for (why, place, bytes) in boot {
        let mut image = image.clone();
        image[place..place + bytes.len()].copy_from_slice(bytes);
        if place != 64 {
            seal_boot(&mut image);
        }
        let told = read_all(&image).expect_err(why);
        assert!(told.contains(why), "{why}: {told}");
    }
    let sets: [(&str, usize, &[u8]); 7] = [
        ("no stream entry", 32, &[entries::NAME]),
        ("more of a file was written", 32 + 8, &[0xff; 8]),
        ("are not there", 32 + 20, &[0xff; 4]),
        ("a directory", 32 + 24, &[0, 0, 0, 0x20, 0, 0, 0, 0]),
        ("too short or no Unicode", 64 + 2, &[0, 0xd8]),
        ("in a tree", 64 + 2, b"/"),
        ("cut short", 64, &[5]),
    ];
    for (why, place, bytes) in sets {
        let mut image = image.clone();
        image[at + place..at + place + bytes.len()].copy_from_slice(bytes);
        if why == "a directory" {
            image[at + 40..at + 48].copy_from_slice(bytes);
        }
        seal(&mut image, at);
        let told = read_all(&image).expect_err(why);
        assert!(told.contains(why) || (why == "a directory" && told.contains("not there")), "{why}: {told}");
    }
}

#[test]
fn chains_of_the_fat_are_followed_and_loops_end() {
    let (image, at) = sample();
    let fat = 24 * 512;
    let field = |image: &[u8], at: usize| u32::from_le_bytes(image[at..at + 4].try_into().unwrap());
    // The first name in the root is the directory DCIM: its one cluster as a chain, then as a chain in a loop that says more.
    let mut chained = image.clone();
    let first = field(&image, at + 52);
    chained[at + 33] = 1;
    let place = fat + 4 * usize::try_from(first).unwrap();
    chained[place..place + 4].copy_from_slice(&[0xff; 4]);
    seal(&mut chained, at);
    assert_eq!(read_all(&chained), Ok(7));
    let root = field(&image, 96);
    for (cluster, next) in [(root, root), (root, 1), (root, first)] {
        let mut looped = image.clone();
        let place = fat + 4 * usize::try_from(cluster).unwrap();
        looped[place..place + 4].copy_from_slice(&next.to_le_bytes());
        // Without an end of the directory in its first cluster the chain is followed.
        let start = (at / 4096) * 4096;
        for free in looped[start..start + 4096].chunks_exact_mut(32).filter(|entry| entry[0] == 0) {
            free[0] = 1;
        }
        let told = read_all(&looped).expect_err("it is damaged");
        assert!(
            told.contains("chain")
                || told.contains("twice")
                || told.contains("elsewhere")
                || told.contains("somewhere"),
            "{told}"
        );
    }
}

#[test]
fn bytes_that_were_never_written_lie_nowhere() {
    let (mut image, _) = sample();
    let is_file = |stream: &[u8]| stream[0] == entries::STREAM && stream[24..32] == 5u64.to_le_bytes();
    let stream = image.chunks_exact(32).position(is_file).unwrap();
    let path = b"a name that needs three entries, or four.txt";
    assert_eq!(in_place(Exfat.open(&image).unwrap().unwrap().as_ref(), &image, path), b"text\n");
    image[stream * 32 + 8] = 2;
    seal(&mut image, (stream - 1) * 32);
    let volume = Exfat.open(&image).unwrap().unwrap();
    let mut read = Vec::new();
    volume.copy(path, &mut read).unwrap();
    assert_eq!(read, b"te\0\0\0");
    assert_eq!(code(volume.extents(path)), "content-not-in-place");
    assert_eq!(code(volume.extents(b"hollow")), "no-such-file");
    assert_eq!(volume.extents(b"empty").unwrap(), []);
}

#[test]
fn damaged_volumes_never_panic_the_reader() {
    let (mut image, _) = sample();
    let mut random = Random(99);
    let (mut refused, mut opened) = (0, 0);
    for _ in 0..2000 {
        let mut undo = Vec::new();
        for _ in 0..1 + random.below(6) {
            // The boot sector, the FAT, or what lies in the first clusters.
            let (from, len) =
                [(64, 64), (24 * 512, 64), (32 << 10, 40 << 10)][usize::try_from(random.below(3)).unwrap()];
            let at = usize::try_from(from + random.below(len)).unwrap();
            undo.push((at, image[at]));
            image[at] = u8::try_from(random.below(256)).unwrap();
        }
        let saved = image[11 * 512..12 * 512].to_vec();
        seal_boot(&mut image);
        match read_all(&image) {
            Ok(_) => opened += 1,
            Err(_) => refused += 1,
        }
        let _ = Exfat.dump(&image);
        image[11 * 512..12 * 512].copy_from_slice(&saved);
        undo.into_iter().rev().for_each(|(at, byte)| image[at] = byte);
    }
    assert!(refused > 100 && opened > 10, "{refused} {opened}");
    assert_eq!(read_all(&image), Ok(7));
}
