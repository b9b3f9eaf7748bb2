//! Names on a CD as a kernel shows them that does not look at Rock Ridge: those of Joliet, and the plain ones of ISO 9660.

use imgc_tests::listing::{Kind, escape};

use super::{forest::bytes, seen::Part};

/// The partition with the CD.
pub const PARTITION: &str = "names";

/// With which options its two other hierarchies are seen.
pub const VIEWS: [(&str, &str, View); 2] = [
    ("joliet", "ro,norock,utf8", |name| name.joliet),
    ("plain-iso", "ro,norock,nojoliet", |name| Some(name.plain)),
];

/// A name in one of them; `None`: it is not there.
type View = fn(&Name) -> Option<&'static str>;

/// A name, and what it becomes. Linux shows plain names in lower case, without their version and without a dot at their end, which it
/// takes from Joliet names, too (`isofs_name_translate`, `get_joliet_filename`).
pub struct Name {
    path: &'static [u8],
    joliet: Option<&'static str>,
    plain: &'static str,
}

const fn name(path: &'static [u8], joliet: &'static str, plain: &'static str) -> Name {
    Name { path, joliet: Some(joliet), plain }
}

/// A name that Joliet keeps.
const fn kept(path: &'static str, plain: &'static str) -> Name {
    Name { path: path.as_bytes(), joliet: Some(path), plain }
}

/// All of them; the last is a symbolic link, the one before a directory.
const NAMES: [Name; 18] = [
    kept("short.txt", "short.txt"),
    kept("MixedCase.Txt", "mixedcase.txt"),
    kept("noextension", "noextension"),
    kept("with space, comma", "with_space__comma"),
    kept("archive.tar.gz", "archive_tar.gz"),
    kept(".hidden", "_hidden"),
    kept("Gr\u{fc}\u{df}e \u{2603} \u{540d}\u{524d}.txt", "gr__e_____.txt"),
    kept("README", "readme"),
    // Linux and Windows look names of Joliet up without regard to case, and to dots at their ends.
    name(b"readme", "readme_1", "readme_1"),
    kept("trailing", "trailing"),
    name(b"trailing.", "trailing_1", "trailing_1"),
    kept("A Directory/Inner File.txt", "a_directory/inner_file.txt"),
    name(b"caf\xe9.txt", "caf\u{e9}.txt", "caf_.txt"),
    // UCS-2 ends before it.
    name("\u{1f600}.txt".as_bytes(), "_.txt", "_.txt"),
    name(b"a*b?c:d;e\\f", "a_b_c_d_e_f", "a_b_c_d_e_f"),
    // 64 units, and 31 characters with the dot.
    name(
        b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-1.txt",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.txt",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaa.txt",
    ),
    name(
        b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-2.txt",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa_1.txt",
        "aaaaaaaaaaaaaaaaaaaaaaaaa_1.txt",
    ),
    Name { path: LINK, joliet: None, plain: "link" },
];

/// Joliet has files and directories only; without Rock Ridge it is an empty file.
const LINK: &[u8] = b"link";

/// How long each file is, so that it is known whatever its name: 100 bytes more than the one before.
fn len(at: usize) -> u64 {
    100 * (at as u64 + 1)
}

/// The nodes of the manifest.
pub fn kdl() -> String {
    let nodes = NAMES.iter().enumerate().map(|(at, name)| {
        let path = bytes(&[b"/", name.path].concat());
        match name.path {
            LINK => format!("    symlink {path} to=\"short.txt\"\n"),
            _ => format!("    file {path} size=\"{}B\"\n", len(at)),
        }
    });
    format!("tree {PARTITION} {{\n{}}}\n", nodes.collect::<String>())
}

/// What is otherwise than it should be.
pub fn differences(part: &Part, view: View) -> Vec<String> {
    let meant = NAMES.iter().enumerate().filter_map(|(at, name)| {
        let len = if name.path == LINK { 0 } else { len(at) };
        Some((view(name)?.as_bytes().to_vec(), len))
    });
    let mut meant: Vec<(Vec<u8>, u64)> = meant.collect();
    let files = part.lines.iter().filter(|line| line.kind != Kind::Dir);
    let mut seen: Vec<(Vec<u8>, u64)> = files.map(|line| (line.path.clone(), line.size)).collect();
    meant.sort();
    seen.sort();
    let tell = |what: &str, (path, len): &(Vec<u8>, u64)| format!("{what}: {}, {len} bytes", escape(path));
    let missing = meant.iter().filter(|one| !seen.contains(one)).map(|one| tell("missing", one));
    let more = seen.iter().filter(|one| !meant.contains(one)).map(|one| tell("there, too", one));
    missing.chain(more).collect()
}
