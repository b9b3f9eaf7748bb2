//! What is refused, what is only warned of, and what just fits.

use imgc_image::{MemoryStore, Node, Reader};
use imgc_plan::Data;

use super::tools::*;
use crate::fs::{Filesystem, iso9660::Iso9660};

const PLAIN: (&str, Data) = ("rock-ridge", Data::Bool(false));

/// Code and message of everything that is refused.
fn refused(
    pairs: &[(&str, Data)],
    entries: Vec<imgc_image::Entry>,
    store: &MemoryStore,
) -> Vec<(&'static str, String)> {
    let (options, tree) = (options(pairs), tree(entries));
    let found = problems(make(&options, &tree, store));
    assert!(Iso9660.measure(&options, Some(&tree)).is_err());
    found.into_iter().map(|problem| (problem.code, problem.message)).collect()
}

fn warned(
    pairs: &[(&str, Data)],
    entries: Vec<imgc_image::Entry>,
    store: &MemoryStore,
) -> Vec<(&'static str, String)> {
    let (_, warnings) = make(&options(pairs), &tree(entries), store).expect("made");
    assert!(warnings.iter().all(|problem| problem.warning));
    warnings.into_iter().map(|problem| (problem.code, problem.message)).collect()
}

#[test]
fn what_only_rock_ridge_holds_is_refused_without_it_all_at_once() {
    let store = MemoryStore::default();
    let entries = vec![
        symlink("link", "x"),
        entry("null", Node::Char { major: 1, minor: 3 }),
        entry("pipe", Node::Fifo),
        entry("socket", Node::Socket),
        file(&store, "1/2/3/4/5/6/7/8/9/deep", b"deep"),
    ];
    let found = refused(&[PLAIN], entries, &store);
    let said: Vec<String> = found.iter().map(|(code, message)| format!("{code}: {message}")).collect();
    assert_eq!(
        said,
        [
            "unsupported-entry: iso9660 without Rock Ridge cannot hold the symbolic link /link",
            "unsupported-entry: iso9660 without Rock Ridge cannot hold the device node /null",
            "unsupported-entry: iso9660 without Rock Ridge cannot hold the named pipe /pipe",
            "unsupported-entry: iso9660 without Rock Ridge cannot hold the socket /socket",
            "directory-too-deep: /1/2/3/4/5/6/7/8 is below 8 levels of directories",
        ]
    );
    for keep in [("deep", Data::from("keep")), ("level", Data::Int(4))] {
        let deep = tree([file(&store, "1/2/3/4/5/6/7/8/9/deep", b"deep")]);
        make(&options(&[PLAIN, keep]), &deep, &store).expect("made");
    }
}

#[test]
fn what_rock_ridge_cannot_hold_is_refused() {
    let store = MemoryStore::default();
    let four_gib = sparse(&store, "big", 0xffff_f801, &[]);
    let found = refused(&[("level", Data::Int(2))], vec![four_gib.clone()], &store);
    assert_eq!(
        found[0],
        ("file-too-large", "/big has 4294965249 bytes, and level 2 holds files below 4 GiB".into())
    );
    make(&options(&[]), &tree([four_gib]), &store).expect("level 3 holds it");
    make(&options(&[("level", Data::Int(1))]), &tree([sparse(&store, "big", 0xffff_f800, &[])]), &store)
        .expect("made");
    let found = refused(
        &[],
        vec![symlink("s", "x".repeat(4096)), entry("d", Node::Char { major: 0, minor: 256 })],
        &store,
    );
    assert_eq!(
        found[0],
        ("unsupported-entry", "/d is the device 0:256, which Rock Ridge cannot hold".into())
    );
    assert_eq!(found[1], ("symlink-too-long", "/s points at 4096 bytes, 4095 are the most".into()));
    let found = refused(&[], vec![sparse(&store, "huge", u64::from(u32::MAX) << 11, &[])], &store);
    assert_eq!(found[0].0, "tree-too-large");
    let found = refused(&[], vec![sparse(&store, "huge", i64::MAX as u64, &[])], &store);
    assert_eq!(found[0].0, "tree-too-large");
    let many = (0..250).map(|n| symlink(format!("{n}"), "x".repeat(4096))).collect();
    let found = refused(&[], many, &store);
    assert_eq!((found.len(), found[100].1.as_str()), (101, "150 more entries cannot be held"));
}

#[test]
fn what_is_left_out_is_warned_of_once_a_kind() {
    let store = MemoryStore::default();
    let mut odd = file(&store, "odd", b"");
    odd.meta.mode = 0o600;
    odd.meta.uid = 7;
    odd.meta.mtime = -10_000_000_000;
    odd.meta.mtime_nanos = 5;
    odd.xattrs = Box::new([(b"user.a"[..].into(), b"1"[..].into())]);
    let mut far = file(&store, "far", b"");
    far.meta.mtime = 1 << 40;
    let entries = vec![
        odd,
        far,
        linked(file(&store, "x", b"1"), 1),
        linked(file(&store, "y", b"1"), 1),
        file(&store, "n".repeat(254), b""),
    ];
    let codes =
        |found: Vec<(&'static str, String)>| found.into_iter().map(|(code, _)| code).collect::<Vec<_>>();
    let found = warned(&[], entries.clone(), &store);
    assert_eq!(found[0].1, "iso9660 cannot hold this: /odd has extended attributes");
    assert_eq!(codes(found), ["attribute-not-held", "time-precision", "time-range", "name-cut-by-readers"]);
    assert_eq!(
        codes(warned(&[PLAIN], entries, &store)),
        [
            "owners-dropped",
            "modes-dropped",
            "links-dropped",
            "attribute-not-held",
            "time-precision",
            "time-range"
        ]
    );
    assert_eq!(warned(&[], vec![file(&store, "plain", b"")], &store), []);
}

#[test]
fn options_are_checked() {
    let complaints = |pairs: &[(&str, Data)]| -> Vec<(Option<&'static str>, String)> {
        let found = Iso9660.check(&options(pairs));
        found.into_iter().map(|problem| (problem.option, problem.help.unwrap_or_default())).collect()
    };
    assert_eq!(complaints(&[]), []);
    let upper = "write \"DEBIAN\", or set `names=relaxed`".to_owned();
    assert_eq!(complaints(&[("volume-id", "Debian".into())]), [(Some("volume-id"), upper)]);
    let relaxed = ("names", Data::from("relaxed"));
    assert_eq!(complaints(&[("volume-id", "Debian 12 amd64".into()), relaxed.clone()]), []);
    assert_eq!(complaints(&[("volume-id", "Grün".into()), relaxed])[0].1, "use printable ASCII only");
    assert_eq!(complaints(&[("publisher", "A PUBLISHER, INC.".into())]), []);
    assert_eq!(complaints(&[("volume-set", "A B".into()), ("system-id", "a|b".into())]).len(), 2);
}

#[test]
fn damaged_images_never_panic() {
    let store = MemoryStore::default();
    let sound =
        all(&made(&options(&[("padding", Data::Int(0))]), &super::small::small(&store), &store), &store);
    let mut random = Random(42);
    let (mut read, mut refused) = (0, 0);
    for _ in 0..4000 {
        let mut bytes = sound.clone();
        for _ in 0..=random.below(4) {
            // Descriptors and directories; contents are not looked at.
            let at = 16 * 2048 + random.below(sound.len() as u64 - 16 * 2048 - 8192);
            bytes[usize::try_from(at).expect("small")] = random.next() as u8;
        }
        if random.below(8) == 0 {
            bytes.truncate(usize::try_from(random.below(bytes.len() as u64)).expect("small"));
        }
        let _ = Iso9660.dump(&bytes);
        match Iso9660.open(&bytes) {
            Ok(Some(volume)) => {
                volume.facts();
                read += 1;
            }
            Ok(None) => {}
            Err(_) => refused += 1,
        }
    }
    assert!(read > 100 && refused > 100, "{read} were read, {refused} refused");
}

/// Where in an image these bytes are.
fn find(bytes: &[u8], what: &[u8]) -> usize {
    bytes.windows(what.len()).position(|window| window == what).expect("it is there")
}

fn open_says(bytes: &[u8]) -> String {
    match Iso9660.open(&bytes.to_vec()) {
        Err(error) => error.to_string(),
        Ok(found) => panic!("it was opened: {}", found.is_some()),
    }
}

#[test]
fn loops_are_found() {
    let store = MemoryStore::default();
    let tree = tree([file(&store, "dir/inner/file", b"x"), symlink("long", "y".repeat(300))]);
    let bytes = made(&options(&[("padding", Data::Int(0)), ("joliet", Data::Bool(false))]), &tree, &store);
    let sound = all(&bytes, &store);
    same_by_us(&bytes, &tree, &store);
    // `inner` becomes `dir`.
    let mut bytes = sound.clone();
    let (dir, inner) = (find(&bytes, b"\x03DIR") - 32, find(&bytes, b"\x05INNERPX") - 32);
    let place = bytes[dir + 2..dir + 18].to_vec();
    bytes[inner + 2..inner + 18].copy_from_slice(&place);
    assert!(open_says(&bytes).contains("in two places, or in itself"));
    assert!(Iso9660.dump(&bytes).is_err());
    // Fields continue where they continue.
    let mut bytes = sound.clone();
    let long = find(&bytes, b"\x07LONG.;1");
    let ce = long + find(&bytes[long..], b"CE\x1c\x01");
    let area = |bytes: &[u8], at: usize| {
        u32::from_le_bytes(bytes[ce + at..ce + at + 4].try_into().expect("four")) as usize
    };
    let start = area(&bytes, 4) * 2048 + area(&bytes, 12);
    bytes[ce + 20..ce + 28].copy_from_slice(&[28, 0, 0, 0, 0, 0, 0, 28]);
    let field = bytes[ce..ce + 28].to_vec();
    bytes[start..start + 28].copy_from_slice(&field);
    assert!(open_says(&bytes).contains("have no end"), "{}", open_says(&bytes));
    // A directory that is longer than the image.
    let mut bytes = sound;
    bytes[dir + 10..dir + 14].copy_from_slice(&0x3fff_f800u32.to_le_bytes());
    assert!(open_says(&bytes).contains("past its end"));
}

#[test]
fn a_volume_reads_only_what_it_has() {
    let store = MemoryStore::default();
    let bytes = made(&options(&[]), &tree([]), &store);
    let sound = all(&bytes, &store);
    for (at, value, wanted) in [(128, 7, "blocks have 7 bytes"), (156 + 32, 0, "no root directory")] {
        let mut bytes = sound.clone();
        bytes[16 * 2048 + at] = value;
        if at == 128 {
            bytes[16 * 2048 + at + 1] = 0;
        }
        assert!(open_says(&bytes).contains(wanted), "{}", open_says(&bytes));
    }
    assert!(Iso9660.open(&Reader::new(&bytes, &store)).expect("opens").is_some());
}
