//! Mounts: Debian's kernels see in every filesystem what the manifest said, attribute by attribute, and have nothing to complain of.

mod forest;
mod guest;
mod kinds;
mod seen;
mod trees;

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use imgc_tests::tools::run;

use self::{
    forest::{Forest, LAYERS},
    guest::Guest,
    kinds::{ALL, CPIO, LATER, Mounted},
    seen::{Part, parts},
};

/// The length of the swap space, in KiB as Linux counts it: one page is its header's.
const SWAP: u64 = 8 << 10;

/// The forests, and the disk with a partition for each of these filesystems, and the archive with the hostile one.
struct Made {
    hostile: Forest,
    plain: Forest,
    disk: PathBuf,
    archive: PathBuf,
}

fn make(guest: &Guest, all: &[Mounted]) -> Made {
    let (hostile, plain) = (trees::hostile(), trees::plain());
    let contents = guest.bench.dir().join("contents");
    hostile.write_contents(&contents, "h");
    plain.write_contents(&contents, "p");
    let mut text = "image mounts\nsource contents { dir \"contents\" { keep \"mtime\" } }\n".to_owned();
    let mut below = String::new();
    for layer in LAYERS {
        let nodes = hostile.kdl(layer, "h");
        let _ = write!(text, "tree hostile-{layer:?} {{\n{below}{nodes}}}\n");
        below = format!("    copy tree=hostile-{layer:?} to=\"/\"\n");
    }
    let _ = write!(text, "tree plain {{\n{}}}\ndisk main {{\n    gpt\n", plain.kdl(forest::Layer::Base, "p"));
    for Mounted { name, node, size, holds, .. } in all {
        let tree = holds.layer.map_or("plain".into(), |layer| format!("hostile-{layer:?}"));
        let _ = write!(text, "    partition {name} {size} type=linux {{ {node} tree={tree} }}\n");
    }
    let _ = write!(
        text,
        "    partition swap size=\"{SWAP}KiB\" {{ swap label=\"swapped\" }}\n}}\noutput \"main.img\" disk=main\n"
    );
    let _ = write!(
        text,
        "tree initramfs {{ copy tree=hostile-{:?} to=\"/forest\" }}\n",
        CPIO.layer.expect("it has one")
    );
    text.push_str("output \"forest.cpio.xz\" tree=initramfs { cpio compress=xz }\n");
    let made = guest.build("main", &text);
    Made { hostile, plain, disk: made["main.img"].clone(), archive: made["forest.cpio.xz"].clone() }
}

/// What a machine does with these filesystems.
fn script(all: &[Mounted]) -> String {
    let mut script = "check initramfs guest list /forest\n".to_owned();
    for Mounted { name, kind, options, writable, .. } in all {
        let _ = write!(script, "check {name} look {name} {kind} {options}\n");
        if *writable {
            let _ = write!(script, "check {name}-written scribble {name} {kind} {options}\n");
        }
    }
    script.push_str("check overlay layered squashfs-zstd\ncheck swap swap swap\n");
    script
}

/// Lets a kernel look at everything, and says what is not as it should be.
fn look(guest: &Guest, made: &Made, all: &[Mounted]) {
    // In the order in which they come, as time is given to each.
    let last = format!("vda{}", all.len() + 1);
    let mut vm = guest.start(&[&made.disk], &[&made.archive], &last, &script(all));
    for mounted in all {
        vm.expect(&format!("END {}\n", mounted.name));
    }
    vm.expect("ALL-DONE");
    let parts = parts(&vm.text());
    assert_eq!(vm.exit(), 0);
    let mut wrong = String::new();
    let mut judge = |name: &str, with: Option<(&Forest, &kinds::Holds)>| {
        let Some(part) = parts.get(name) else {
            let _ = writeln!(wrong, "== {name}: not there");
            return;
        };
        let mut found = part.complaints();
        if let Some((forest, holds)) = with {
            found.extend(part.differences(forest, holds));
        }
        if !found.is_empty() {
            let more = found.len().saturating_sub(12);
            found.truncate(12);
            let _ = writeln!(wrong, "== {name}: {}\n  and {more} more", found.join("\n  "));
        }
    };
    judge("initramfs", Some((&made.hostile, &CPIO)));
    for mounted in all {
        let forest = if mounted.holds.layer.is_some() { &made.hostile } else { &made.plain };
        judge(mounted.name, Some((forest, &mounted.holds)));
        if mounted.writable {
            judge(&format!("{}-written", mounted.name), None);
        }
    }
    let squashfs = all.iter().find(|mounted| mounted.name == "squashfs-zstd").expect("it is there");
    judge("overlay", Some((&made.hostile, &squashfs.holds)));
    judge("swap", None);
    assert!(wrong.is_empty(), "{wrong}");
    let pages = parts["swap"].other.join(" ");
    assert!(
        pages.contains(&format!(" {} ", SWAP - 4)) || pages.contains(&format!("\t{}\t", SWAP - 4)),
        "{pages}"
    );
}

#[test]
fn a_kernel_sees_in_every_filesystem_what_the_manifest_said() {
    let guest = Guest::new(false, false);
    let made = make(&guest, &ALL);
    look(&guest, &made, &ALL);
}
