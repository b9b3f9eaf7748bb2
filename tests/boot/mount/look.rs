//! Makes a disk of filesystems, lets a guest look at them, and judges what it saw.

use std::{collections::BTreeMap, fmt::Write, path::PathBuf};

use super::{
    forest::{Forest, LAYERS, Layer},
    guest::Guest,
    kinds::{CPIO, Holds, Mounted},
    names,
    seen::{Part, parts},
    trees,
};

/// The length of the swap space, in KiB. Linux counts it without the page of its header.
const SWAP: u64 = 8 << 10;
/// So many differences of one filesystem are told.
const TOLD: usize = 12;

/// What was made for a guest to look at.
pub struct Made {
    hostile: Forest,
    plain: Forest,
    /// All that was made, by name: `main.img` has a partition for each filesystem and one of swap space.
    pub files: BTreeMap<String, PathBuf>,
    /// The last partition, as Linux calls it.
    last: String,
}

/// Makes them. `more` is put behind the manifest, which has the trees `plain` and `hostile-` of each layer.
pub fn make(guest: &Guest, all: &[Mounted], more: &str) -> Made {
    let (hostile, plain) = (trees::hostile(), trees::plain());
    let contents = guest.bench.dir().join("contents");
    hostile.write_contents(&contents, "h");
    plain.write_contents(&contents, "p");
    let mut text = "image mounts\nsource contents { dir \"contents\" { keep \"mtime\" } }\n".to_owned();
    let mut below = String::new();
    for layer in LAYERS {
        put(&mut text, format_args!("tree hostile-{layer:?} {{\n{below}{}}}", hostile.kdl(layer, "h")));
        below = format!("    copy tree=hostile-{layer:?} to=\"/\"\n");
    }
    put(&mut text, format_args!("tree plain {{\n{}}}", plain.kdl(Layer::Base, "p")));
    text.push_str(&names::kdl());
    for Mounted { name, holds, .. } in all.iter().filter(|mounted| !mounted.holds.without.is_empty()) {
        let layer = holds.layer.expect("because it holds owners");
        // Globs are texts: a star stands for what is none.
        let glob = |path: &[u8]| String::from_utf8_lossy(path).replace(char::REPLACEMENT_CHARACTER, "*");
        let remove = |path: &&[u8]| format!("    remove \"/{}\"\n", glob(path));
        let removed: String = holds.without.iter().map(remove).collect();
        put(
            &mut text,
            format_args!("tree less-{name} {{\n    copy tree=hostile-{layer:?} to=\"/\"\n{removed}}}"),
        );
    }
    put(&mut text, format_args!("disk main {{\n    gpt"));
    for Mounted { name, node, size, holds, .. } in all {
        let tree = match holds.layer {
            None => "plain".to_owned(),
            Some(_) if !holds.without.is_empty() => format!("less-{name}"),
            Some(layer) => format!("hostile-{layer:?}"),
        };
        put(&mut text, format_args!("    partition {name} {size} type=linux {{ {node} tree={tree} }}"));
    }
    let named = names::PARTITION;
    put(&mut text, format_args!("    partition {named} size=fit type=linux {{ iso9660 tree={named} }}"));
    put(&mut text, format_args!("    partition swap size=\"{SWAP}KiB\" {{ swap label=\"swapped\" }}\n}}"));
    put(&mut text, format_args!("output \"main.img\" disk=main"));
    let layer = CPIO.layer.expect("because it holds owners");
    put(&mut text, format_args!("tree initramfs {{ copy tree=hostile-{layer:?} to=\"/forest\" }}"));
    put(&mut text, format_args!("output \"forest.cpio.xz\" tree=initramfs {{ cpio compress=xz }}\n{more}"));
    let last = format!("vda{}", all.len() + 2);
    Made { hostile, plain, files: guest.build("main", &text), last }
}

fn put(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("because a String takes everything");
}

/// What a machine does with these filesystems.
fn script(all: &[Mounted], refused: Option<&str>) -> String {
    let mut script = "check initramfs guest list /forest\n".to_owned();
    for Mounted { name, kind, options, writable, .. } in all {
        put(&mut script, format_args!("check {name} look {name} {kind} {options}"));
        if *writable {
            put(&mut script, format_args!("check {name}-written scribble {name} {kind} {options}"));
        }
    }
    if let Some(name) = refused {
        put(&mut script, format_args!("check {name} refused {name} erofs"));
    }
    for (name, options, _) in names::VIEWS {
        put(&mut script, format_args!("check {name} look {} iso9660 {options}", names::PARTITION));
    }
    script + "check overlay layered squashfs-zstd\ncheck swap swap swap\n"
}

/// Lets a kernel look at everything.
///
/// # Panics
/// With all that is not as it should be.
pub fn look(guest: &Guest, made: &Made, all: &[Mounted], refused: Option<&str>) {
    let script = script(all, refused);
    let (disk, archive) = (&made.files["main.img"], &made.files["forest.cpio.xz"]);
    let mut vm = guest.start(&[disk], &[archive], &made.last, &script);
    // In the order in which they come: each has its time.
    for mounted in all {
        vm.expect(&format!("END {}\n", mounted.name));
    }
    vm.expect("ALL-DONE");
    let parts = parts(&vm.text());
    assert_eq!(vm.exit(), 0);
    let wrong = judge(made, all, &parts);
    assert!(wrong.is_empty(), "{wrong}");
    for (name, _, view) in names::VIEWS {
        let part = &parts[name];
        let wrong = [part.complaints(), names::differences(part, view)].concat();
        assert!(wrong.is_empty(), "{name}: {}", wrong.join("\n  "));
    }
    let swap = parts["swap"].other.join(" ");
    assert!(swap.split_whitespace().any(|word| word == (SWAP - 4).to_string()), "{swap}");
    if let Some(name) = refused {
        assert!(parts[name].done && parts[name].kernel.join(" ").contains("unidentified"), "{name}");
    }
}

/// What is wrong of all that was looked at.
fn judge(made: &Made, all: &[Mounted], parts: &BTreeMap<String, Part>) -> String {
    let mut wrong = String::new();
    let mut one = |name: &str, meant: Option<(&Forest, &Holds)>| {
        let mut found = match parts.get(name) {
            Some(part) => part.complaints(),
            None => vec!["nothing was said of it".to_owned()],
        };
        if let (Some((forest, holds)), Some(part)) = (meant, parts.get(name)) {
            found.extend(part.differences(forest, holds));
        }
        if !found.is_empty() {
            let more = found.len().saturating_sub(TOLD);
            found.truncate(TOLD);
            put(&mut wrong, format_args!("== {name}: {}\n  and {more} more", found.join("\n  ")));
        }
    };
    one("initramfs", Some((&made.hostile, &CPIO)));
    for mounted in all {
        let forest = if mounted.holds.layer.is_some() { &made.hostile } else { &made.plain };
        one(mounted.name, Some((forest, &mounted.holds)));
        if mounted.writable {
            one(&format!("{}-written", mounted.name), None);
        }
    }
    let squashfs = all.iter().find(|mounted| mounted.name == "squashfs-zstd");
    let holds = squashfs.expect("because it is below the overlay").holds;
    // The root of an overlay is a directory of its upper one.
    one("overlay", Some((&made.hostile, &Holds { root: false, ..holds })));
    one("swap", None);
    wrong
}
