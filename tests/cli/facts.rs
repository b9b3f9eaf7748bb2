//! Facts of an image in its own texts: GUIDs, places, and a root hash in a kernel's arguments.

use std::process::Command;

use imgc_tests::{
    imgc::{Bench, artifacts},
    tools::{run, tool},
};

use crate::project;

/// A sealed root whose hash stands on the boot partition, which is placed before it: what is where decides nothing of what it holds.
const MANIFEST: &str = r#"
image facts
param more default=""
tree root { file "/etc/motd" { content "sealed {{more}}" } }
tree boot {
    file "/cmdline" { content "root=PARTUUID={{main.root.partuuid}} roothash={{main.hashes.root-hash}} n={{main.root.number}}\n" }
    file "/places" { content "{{main.boot.start-sector}} {{main.len}} {{main.data.filesystem.uuid}} {{main.boot.filesystem.serial}}\n" }
}
tree parts { file "/cmdline" { content "{{main.hashes.root-hash}}" } }
disk main {
    gpt
    partition boot size="16MiB" type=esp { vfat tree=boot serial="1a2b-3c4d" }
    partition hashes size=fit type="linux-root-x86-64-verity" uuid=from-verity { verity of=root }
    partition root size=fit type="linux-root-x86-64" uuid=from-verity { erofs tree=root }
    partition data size="8MiB" { ext4 }
}
output "facts.img" disk=main
output "cmdline.tar" tree=parts { tar }
"#;

/// A file of a partition, as `imgc inspect` reads it.
fn cat(bench: &Bench, image: &str, path: &str) -> String {
    String::from_utf8(bench.run(&["inspect", image, "cat", path], 0).stdout).expect("text")
}

#[test]
fn texts_say_what_only_the_finished_image_knows() {
    let bench = Bench::new();
    let manifest = project(bench.dir(), MANIFEST, &[]);
    let manifest = manifest.to_str().expect("UTF-8");
    let output = bench.run(&["build", manifest, "--json"], 0);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let root_hash = json["verity"][0]["facts"]["map"]["root_hash"]["text"].as_str().expect("a root hash");
    let image = bench.dir().join(&artifacts(&output)["facts.img"].path);
    let table = run(Command::new(tool("sfdisk", "fdisk")).arg("--json").arg(&image));
    let table: serde_json::Value = serde_json::from_slice(&table).expect("JSON");
    let part = |number: usize| &table["partitiontable"]["partitions"][number - 1];
    let guid = part(3)["uuid"].as_str().expect("a GUID").to_lowercase();
    let shown = image.to_str().expect("UTF-8");
    let cmdline = cat(&bench, shown, "boot:/cmdline");
    assert_eq!(cmdline, format!("root=PARTUUID={guid} roothash={root_hash} n=3\n"));
    let places = cat(&bench, shown, "boot:/places");
    let mut places = places.split_whitespace();
    assert_eq!(places.next(), Some(part(1)["start"].to_string().as_str()));
    let len = std::fs::metadata(&image).expect("a file").len();
    assert_eq!(places.next(), Some(len.to_string().as_str()));
    let uuid = places.next().expect("a UUID").to_owned();
    let json = bench.run(&["inspect", shown, "--json"], 0);
    assert!(
        String::from_utf8_lossy(&json.stdout).contains("1a2b-3c4d"),
        "the serial is that of the filesystem"
    );
    assert_eq!(uuid.len(), 36);
    assert_eq!(places.next(), Some("1A2B-3C4D"));
    let tar = bench.dir().join(&artifacts(&output)["cmdline.tar"].path);
    let packed = run(Command::new(tool("tar", "tar")).arg("-xOf").arg(&tar).arg("cmdline"));
    assert_eq!(String::from_utf8_lossy(&packed), root_hash, "also where the disk is made for nothing else");

    // What the root holds decides what the boot partition says; the rest of the cache stays good.
    let again = bench.run(&["build", manifest, "--set", "more=!", "--json"], 0);
    let other = cat(
        &bench,
        bench.dir().join(&artifacts(&again)["facts.img"].path).to_str().expect("UTF-8"),
        "boot:/cmdline",
    );
    assert_ne!(other, cmdline);
}
