//! Our reader: images of ours and of QEMU, and images that lie.

use std::{fs, fs::File, path::Path};

use imgc_image::ReadAt;

use super::{super::Qcow2, *};
use crate::{disk::os, testing::code};

/// A file without reading it into memory: disks of tests can be long and hollow.
struct Opened(File);

impl ReadAt for Opened {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> std::io::Result<()> {
        os::read_at(&self.0, buf, offset)
    }

    fn len(&self) -> u64 {
        self.0.metadata().expect("a file").len()
    }
}

/// The disk in the image is what the raw file holds; QEMU rounds lengths up to sectors.
pub(super) fn same(image: &Path, raw: &Path, what: &str) {
    let (image, raw) = (Opened(File::open(image).expect("there")), Opened(File::open(raw).expect("there")));
    let disk = Qcow2.open(&image).unwrap_or_else(|error| panic!("{what}: {error}")).expect("qcow2");
    assert_eq!(disk.len(), raw.len().next_multiple_of(512), "{what}");
    // At an odd length, so that reads cross clusters everywhere.
    let (mut found, mut wanted) = (vec![0; 1_000_003], vec![0; 1_000_003]);
    let mut at = 0;
    while at < raw.len() {
        // Disks of terabytes are hollow in the middle.
        if at > 24 << 20 && raw.len() - at > 48 << 20 {
            at = raw.len() - (24 << 20);
        }
        let now = usize::try_from(raw.len() - at).map_or(found.len(), |left| left.min(found.len()));
        disk.read_at(at, &mut found[..now]).unwrap_or_else(|error| panic!("{what} at {at}: {error}"));
        raw.read_at(at, &mut wanted[..now]).expect("reads");
        assert!(found[..now] == wanted[..now], "{what} at {at}");
        at += now as u64;
    }
    let past = disk.read_at(disk.len(), &mut [0]).expect_err("past the end");
    assert_eq!(past.kind(), std::io::ErrorKind::UnexpectedEof);
}

/// A disk of noise, text and holes as a file.
fn sample(room: &Room, len: u64) -> std::path::PathBuf {
    let (store, path) = (MemoryStore::default(), room.path("sample.img"));
    raw(&disk(&store, &mut Dice::new(len), len, len / 3, 1), &store, &path);
    path
}

#[test]
fn images_of_qemu_are_read() {
    let room = Room::new();
    for (len, options, packed) in [
        (20 << 20, "cluster_size=65536", false),
        (20 << 20, "cluster_size=65536", true),
        (20 << 20, "cluster_size=512", true),
        (20 << 20, "cluster_size=2M,compression_type=zstd", true),
        (20 << 20, "cluster_size=4096,compression_type=zstd", true),
        (20 << 20, "cluster_size=4096,compat=0.10", true),
        (20 << 20, "cluster_size=65536,preallocation=metadata", false),
        (20 << 20, "cluster_size=65536,extended_l2=on", false),
        (20 << 20, "cluster_size=65536,extended_l2=on,compression_type=zstd", true),
        (512, "cluster_size=65536", false),
        ((5 << 20) + 512, "cluster_size=1M,lazy_refcounts=on", false),
    ] {
        let disk = sample(&room, len);
        let image = room.path("theirs.qcow2");
        let mut args = vec!["convert", "-f", "raw", "-O", "qcow2", "-o", options];
        args.extend(packed.then_some("-c"));
        args.extend([text(&disk), text(&image)]);
        qemu_img(&args);
        same(&image, &disk, options);
    }
}

/// Runs commands of qemu-io on an image.
fn qemu_io(image: &Path, commands: &[&str]) {
    let mut command = std::process::Command::new("qemu-io");
    command.args(["-f", "qcow2"]);
    for one in commands {
        command.args(["-c", one]);
    }
    crate::testing::run("qemu-utils", command.arg(image));
}

#[test]
fn images_that_were_written_to_are_read() {
    let room = Room::new();
    let disk = sample(&room, 8 << 20);
    for options in
        ["cluster_size=65536", "cluster_size=65536,extended_l2=on", "cluster_size=4096,compat=0.10"]
    {
        let (image, flat) = (room.path("written.qcow2"), room.path("flat.img"));
        qemu_img(&["convert", "-c", "-f", "raw", "-O", "qcow2", "-o", options, text(&disk), text(&image)]);
        // Over compressed clusters, zeros over data, holes in data, and after a snapshot that keeps what was.
        qemu_io(&image, &["write -P 7 70000 100000", "write -z 1M 1M", "write -P 9 1100000 3000"]);
        qemu_img(&["snapshot", "-c", "before", text(&image)]);
        qemu_io(&image, &["write -P 5 0 8192", "discard 2M 1M", "write -z 3M 6000", "write -P 1 5000000 1"]);
        qemu_img(&["convert", "-f", "qcow2", "-O", "raw", text(&image), text(&flat)]);
        same(&image, &flat, options);
    }
}

/// The code and the message of a refusal.
fn refusal(image: &[u8]) -> (&'static str, String) {
    let image = image.to_vec();
    let told = Qcow2.open(&image).map(|disk| disk.is_some());
    let message = told.as_ref().err().map_or_else(String::new, ToString::to_string);
    (code(told), message)
}

#[test]
fn what_needs_more_than_one_file_is_refused_with_the_reason() {
    let room = Room::new();
    let (base, image) = (room.path("base.qcow2"), room.path("refused.qcow2"));
    let create = |args: &[&str]| {
        qemu_img(&[&["create", "-q", "-f", "qcow2"], args, &[text(&image), "1M"]].concat());
        let (code, message) = refusal(&fs::read(&image).expect("there"));
        assert_eq!(code, "image-unsupported");
        message
    };
    qemu_img(&["create", "-q", "-f", "qcow2", text(&base), "1M"]);
    let told = create(&["-F", "qcow2", "-b", text(&base)]);
    assert!(told.contains("a backing file (`") && told.contains("base.qcow2"), "{told}");
    // LUKS: making one takes QEMU a while, and fails on a busy machine.
    let mut encrypted = fs::read(&base).expect("there");
    encrypted[35] = 2;
    assert!(refusal(&encrypted).1.contains("encryption"), "encryption");
    let data = format!("data_file={}", text(&room.path("data")));
    assert!(create(&["-o", &data]).contains("a data file"), "data file");
}

/// A small image with compressed and plain clusters, by us.
fn small(compress: &str) -> Vec<u8> {
    let (room, store) = (Room::new(), MemoryStore::default());
    let image = room.path("small.qcow2");
    let options = record(&[("cluster-size", size(512)), ("compress", compress.into())]);
    export(&Qcow2, &options, &disk(&store, &mut Dice::new(3), 200_000, 60_000, 1), &store, &image);
    fs::read(&image).expect("there")
}

#[test]
fn lies_of_the_header_are_told_by_what_they_are() {
    let image = small("none");
    for (at, patch, why) in [
        (4, &[0, 0, 0, 1][..], "version 1"),
        (4, &[0, 0, 0, 4], "version 4"),
        (20, &[0, 0, 0, 8], "length that none has"),
        (20, &[0, 0, 0, 22], "length that none has"),
        (24, &[0xFF; 8], "are needed"),
        (36, &[0, 0, 0, 0], "are needed"),
        (36, &[0xFF; 4], "are needed"),
        (40, &[0xFF; 8], "L1 table is not there"),
        (40, &[0, 0, 0, 0, 0, 0, 0, 1], "L1 table is not there"),
        (79, &[2], "marked as damaged"),
        (79, &[4], "a data file"),
        (79, &[8], "says not how"),
        (79, &[16], "length that none has"),
        (72, &[0x80], "features 0x8000000000000000"),
    ] {
        let mut image = image.clone();
        image[at..at + patch.len()].copy_from_slice(patch);
        let (_, told) = refusal(&image);
        assert!(told.contains(why), "{at} {patch:?}: {told}");
    }
    for len in [4, 8, 72, 103] {
        assert!(refusal(&image[..len]).1.contains(if len == 4 { "version 0" } else { "cut short" }), "{len}");
    }
    for other in [&b""[..], b"QFI", &[0; 512]] {
        assert!(Qcow2.open(&other.to_vec()).expect("read").is_none());
    }
}

/// Reads all of it.
fn devour(image: &dyn ReadAt) -> Result<(), String> {
    let disk = Qcow2.open(image).map_err(|error| error.to_string())?.ok_or("not qcow2")?;
    // The length is anything that L1 covers: hollow parts take no time.
    let mut buf = vec![0; 64 << 10];
    for at in (0..disk.len().min(4 << 20)).step_by(buf.len()) {
        let now = usize::try_from(disk.len() - at).map_or(buf.len(), |left| left.min(buf.len()));
        disk.read_at(at, &mut buf[..now]).map_err(|error| error.to_string())?;
    }
    Ok(())
}

#[test]
fn no_byte_can_be_changed_to_do_harm() {
    for compress in ["none", "zlib", "zstd"] {
        let sound = small(compress);
        assert_eq!(devour(&sound), Ok(()));
        let mut image = sound.clone();
        let mut refused = 0;
        // Every byte of the header; a part of the rest, where tables and what is compressed lie.
        for at in (0..128).chain((128..sound.len()).step_by(13)) {
            for after in [sound[at] ^ 1 << (at % 8), 0xFF] {
                image[at] = after;
                refused += usize::from(devour(&image).is_err());
            }
            image[at] = sound[at];
        }
        assert!(refused > 50, "{compress}: {refused}");
        let mut dice = Dice::new(9);
        for _ in 0..500 {
            for _ in 0..1 + dice.roll(8) {
                let at = usize::try_from(dice.roll(sound.len() as u64)).expect("small");
                image[at] = u8::try_from(dice.roll(256)).expect("a byte");
            }
            let _ = devour(&image);
            image.copy_from_slice(&sound);
        }
        for len in (0..sound.len()).step_by(97) {
            let _ = devour(&sound[..len].to_vec());
        }
    }
}
