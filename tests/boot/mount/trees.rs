//! The trees: one with everything that a Unix filesystem can hold, one with what FAT can.

use super::forest::{Forest, Layer, What, noise, prose};

/// Lengths of files, around the blocks of every format.
const LENGTHS: [usize; 14] =
    [0, 1, 60, 1023, 1024, 1025, 4095, 4096, 4097, 8192, 65_543, 131_071, 131_073, 400_001];

/// POSIX ACL, version 2, as `system.posix_acl_access` has it (Linux `include/uapi/linux/posix_acl_xattr.h`): rw for the owner,
/// r for user 1000, for the group and for others. The mode is 0644 with it.
const ACL: &[u8] =
    b"\x02\0\0\0\x01\0\x06\0\xFF\xFF\xFF\xFF\x02\0\x04\0\xE8\x03\0\0\x04\0\x04\0\xFF\xFF\xFF\xFF\
                     \x10\0\x04\0\xFF\xFF\xFF\xFF\x20\0\x04\0\xFF\xFF\xFF\xFF";
/// A capability, revision 2 (Linux `include/uapi/linux/capability.h`): CAP_NET_RAW, effective.
const CAPABILITY: &[u8] = b"\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// Names that are legal and that somebody forgets.
const NAMES: [&[u8]; 16] = [
    b"with space",
    b"new\nline",
    b"tab\tand\x01control",
    b"back\\slash",
    b"caf\xe9-latin1",
    "caf\u{e9}-\u{2603}-\u{540d}\u{524d}-\u{1f600}".as_bytes(),
    b"-dash",
    b"quote'\"`$(x)",
    b"%s|=*?[a]{b}",
    b".hidden",
    b"...",
    b"trailing.",
    b"trailing ",
    b"CON",
    b"MixedCase",
    b"mixedcase",
];

/// Everything.
pub fn hostile() -> Forest {
    let mut forest = Forest::default();
    let root = forest.add("", What::Dir);
    (root.mode, root.owner, root.mtime) = (0o751, (3, 4), (1_234_567_890, 0));
    for dir in ["a", "b", "b/c", "names", "many", "kinds", "xattrs", "times"] {
        forest.add(dir, What::Dir);
    }
    contents(&mut forest);
    for (n, name) in NAMES.iter().enumerate() {
        forest.file([b"names/", *name].concat(), format!("{n}\n").into_bytes());
    }
    for n in 0..400 {
        forest.add(format!("many/{n:03}-{}", "m".repeat(n % 60)), What::Fifo);
    }
    let mut path = "deep".to_owned();
    forest.add(&path, What::Dir);
    for level in 0..40 {
        path = format!("{path}/{level}");
        forest.add(&path, What::Dir).mode = 0o700;
    }
    forest.file(format!("{path}/bottom"), b"at the bottom\n".to_vec());
    kinds(&mut forest);
    attributes(&mut forest);
    forest
}

fn contents(forest: &mut Forest) {
    for len in LENGTHS {
        forest.file(format!("a/prose-{len}"), prose(len, len as u64));
        forest.file(format!("b/c/noise-{len}"), noise(len, len as u64));
    }
    forest.file("a/same", prose(131_073, 131_073)).mode = 0o600;
    let mixed =
        [noise(100_000, 1), prose(500_000, 2), vec![0; 200_000], prose(90_000, 3), noise(9000, 4)].concat();
    forest.file("a/mixed", mixed);
    forest.add("a/hole", What::File(10_000_000, vec![(5_000_001, prose(5000, 5))]));
    forest.add("a/zeros", What::File(300_000, Vec::new()));
    let far = 4 << 30;
    let pieces =
        vec![(0, prose(70_000, 6)), (far - 40_000, noise(90_000, 7)), (far + 999_000, prose(1001, 8))];
    forest.add("huge", What::File(far + 1_000_001, pieces)).layer = Layer::Huge;
    forest.file("b/linked", b"one file, three names\n".to_vec()).mode = 0o640;
    forest.add("a/linked", What::Hard(b"b/linked".to_vec()));
    forest.add("zz-linked", What::Hard(b"b/linked".to_vec()));
}

fn kinds(forest: &mut Forest) {
    for len in [1, 59, 60, 61, 254, 1023, 3000] {
        forest.add(format!("kinds/link-{len}"), What::Symlink("x/".repeat(len)[..len].into()));
    }
    forest.add("kinds/absolute", What::Symlink(b"/a//b/../c/./".to_vec())).owner = (7, 8);
    forest.add("kinds/bytes", What::Symlink(b"caf\xe9 | %\n".to_vec()));
    forest.add("kinds/null", What::Char(1, 3)).mode = 0o666;
    forest.add("kinds/wide", What::Char(4095, 1_048_575));
    forest.add("kinds/block", What::Block(259, 70_000)).owner = (0, 6);
    forest.add("kinds/disk", What::Block(8, 1));
    forest.add("kinds/fifo", What::Fifo).mode = 0o622;
    forest.add("kinds/socket", What::Socket).mode = 0o755;
    forest.add("kinds/shared", What::Dir).mode = 0o3777;
    for (path, layer) in [("n", Layer::Long), ("m", Layer::Base)] {
        let len = if layer == Layer::Long { 255 } else { 253 };
        forest.file(format!("names/{}", path.repeat(len)), b"long\n".to_vec()).layer = layer;
    }
    let unicode = format!("names/{}x", "\u{e9}".repeat(127));
    forest.file(unicode, b"255 bytes of UTF-8\n".to_vec()).layer = Layer::Long;
}

fn attributes(forest: &mut Forest) {
    for (n, mode) in [0o4755, 0o2755, 0o6711, 0, 0o777, 0o1644].into_iter().enumerate() {
        forest.file(format!("kinds/mode-{n}"), b"mode\n".to_vec()).mode = mode;
    }
    for (n, owner) in [(1000, 1000), (65_535, 65_534), (65_536, 70_000), (4_294_967_294, 2_147_483_648)]
        .into_iter()
        .enumerate()
    {
        forest.file(format!("kinds/owner-{n}"), b"owner\n".to_vec()).owner = owner;
    }
    let small: &[(&'static str, &[u8])] = &[("user.origin", b"a test"), ("user.empty", b"")];
    let label: &[(&'static str, &[u8])] = &[("security.selinux", b"system_u:object_r:bin_t:s0\0")];
    let own =
        |pairs: &[(&'static str, &[u8])]| pairs.iter().map(|(name, value)| (*name, value.to_vec())).collect();
    forest.file("xattrs/small", b"x".to_vec()).xattrs = own(small);
    forest.file("xattrs/same", b"y".to_vec()).xattrs = own(small);
    forest.file("xattrs/label", prose(5000, 9)).xattrs = own(label);
    forest.file("xattrs/block", b"z".to_vec()).xattrs =
        vec![("trusted.long", noise(700, 10)), ("user.a", noise(50, 11))];
    let can = forest.file("xattrs/can", b"#!/bin/sh\n".to_vec());
    (can.mode, can.xattrs) = (0o755, own(&[("security.capability", CAPABILITY)]));
    forest.file("xattrs/acl", b"acl".to_vec()).xattrs = own(&[("system.posix_acl_access", ACL)]);
    let dir = forest.add("xattrs/dir", What::Dir);
    dir.xattrs = own(&[("user.dir", b"yes"), ("system.posix_acl_default", ACL)]);
    forest.add("xattrs/link", What::Symlink(b"small".to_vec())).xattrs = own(&[("trusted.on-link", b"1")]);
    for (name, seconds, layer) in [
        ("epoch", 0, Layer::Base),
        ("last-31", 2_147_483_647, Layer::Base),
        ("first-32", 2_147_483_648, Layer::Late),
        ("last-32", 4_294_967_295, Layer::Late),
        ("year-2107", 4_340_000_000, Layer::Wide),
        ("year-2400", 13_569_465_600, Layer::Wide),
        ("year-1969", -1, Layer::Wide),
        ("year-1901", -2_147_000_000, Layer::Wide),
    ] {
        let dir = forest.add(format!("times/{name}"), What::Dir);
        (dir.mtime, dir.layer) = ((seconds, 0), layer);
        let file = forest.file(format!("times/{name}/file"), name.into());
        (file.mtime, file.layer) = ((seconds, 999_999_999), layer);
    }
}

/// What FAT and exFAT can hold.
pub fn plain() -> Forest {
    let mut forest = Forest::default();
    for dir in ["a", "b", "b/c", "names", "many"] {
        forest.add(dir, What::Dir);
    }
    for len in LENGTHS {
        forest.file(format!("a/prose-{len}"), prose(len, len as u64));
        forest.file(format!("b/c/noise-{len}.bin"), noise(len, len as u64));
    }
    for name in [
        "SHORT.TXT",
        "lower.txt",
        "Mixed.Case.With.Dots.txt",
        "with space and + , ; = [ ]",
        "\u{e9}t\u{e9} \u{2603} \u{540d}\u{524d} \u{1f600}.txt",
        "a~1.txt",
        "LONGNA~1.TXT",
        "long name one.txt",
        "long name two.txt",
        ".hidden",
        "noextension",
        "..twodots",
    ] {
        forest.file(format!("names/{name}"), name.into());
    }
    forest.file(format!("names/{}", "n".repeat(255)), b"long\n".to_vec());
    forest.file(format!("names/{}", "\u{2603}".repeat(85)), b"long\n".to_vec());
    for n in 0..150 {
        forest.file(format!("many/{n:03} {}x", "m".repeat(n % 60)), Vec::new());
    }
    let mut path = "deep".to_owned();
    forest.add(&path, What::Dir);
    for level in 0..40 {
        path = format!("{path}/{level}");
        forest.add(&path, What::Dir);
    }
    forest.file(format!("{path}/bottom"), b"at the bottom\n".to_vec());
    forest.file("y2038", b"late".to_vec()).mtime = (4_000_000_001, 0);
    forest
}
