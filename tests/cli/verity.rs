//! dm-verity: partitions of hashes, root hashes and GUIDs, as `veritysetup` and sfdisk see them.

use std::{fs, path::Path, process::Command};

use imgc_tests::{
    imgc::{Bench, artifacts},
    tools::{run, tool},
};

use crate::project;

/// A compressed root that decides its length, and a filesystem that is as long as its partition; hashes before and after.
const SEALED: &str = r#"
image sealed
tree root { copy "data" to="/data" }
disk main {
    gpt
    partition root-verity size=fit type="linux-root-x86-64-verity" uuid=from-verity { verity of=root }
    partition root size=fit type="linux-root-x86-64" uuid=from-verity { squashfs tree=root }
    partition usr size=fit slack="3MiB" { ext4 tree=root }
    partition usr-verity size=fit type="linux-usr-x86-64-verity" { verity of=usr salt="c0ffee" uuid="00000000-1111-2222-3333-444444444444" }
}
output "sealed.img" disk=main
"#;

/// A partition of the disk, by its number from 1: its bytes in a file of its own, and its GUID.
fn part(bench: &Bench, disk: &Path, number: usize) -> (std::path::PathBuf, String) {
    let dump = run(Command::new(tool("sfdisk", "fdisk")).arg("--json").arg(disk));
    let json: serde_json::Value = serde_json::from_slice(&dump).expect("JSON");
    let part = &json["partitiontable"]["partitions"][number - 1];
    let bytes = |name: &str| usize::try_from(part[name].as_u64().expect("sectors") * 512).expect("small");
    let path = bench.dir().join(format!("part-{number}"));
    let whole = fs::read(disk).expect("the disk");
    fs::write(&path, &whole[bytes("start")..][..bytes("size")]).expect("written");
    (path, part["uuid"].as_str().expect("a GUID").to_lowercase())
}

fn verify(data: &Path, hashes: &Path, root: &str) -> std::process::Output {
    let mut command = Command::new(tool("veritysetup", "cryptsetup-bin"));
    command.arg("verify").args([data, hashes]).arg(root).output().expect("veritysetup starts")
}

#[test]
fn veritysetup_accepts_partitions_with_the_root_hashes_that_a_build_tells() {
    let bench = Bench::new();
    let manifest = project(bench.dir(), SEALED, &[("data", &"sealed for good\n".repeat(300_000))]);
    let manifest = manifest.to_str().expect("UTF-8");
    let output = bench.run(&["build", manifest, "--json", "--deny-warnings"], 0);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let disk = bench.dir().join(&artifacts(&output)["sealed.img"].path);
    let root =
        |at: usize| json["verity"][at]["facts"]["map"]["root_hash"]["text"].as_str().expect("a root hash");
    assert_eq!((&json["verity"][0]["of"], &json["verity"][1]["of"]), (&"root".into(), &"usr".into()));
    let parts: Vec<_> = (1..=4).map(|number| part(&bench, &disk, number)).collect();
    for (data, hashes, root) in [(1, 0, root(0)), (2, 3, root(1))] {
        let judged = verify(&parts[data].0, &parts[hashes].0, root);
        assert!(judged.status.success(), "{}", String::from_utf8_lossy(&judged.stderr));
    }
    // Each is of its own data only.
    assert!(!verify(&parts[1].0, &parts[0].0, root(1)).status.success());
    assert!(!verify(&parts[2].0, &parts[0].0, root(0)).status.success());
    // Discoverable Partitions Specification: the first and the last 128 bits of the root hash.
    let plain = |guid: &str| guid.replace('-', "");
    assert_eq!(plain(&parts[1].1), root(0)[..32]);
    assert_eq!(plain(&parts[0].1), root(0)[32..]);
    assert_ne!(plain(&parts[2].1), root(1)[..32], "it did not ask for that");
    let dump = run(Command::new(tool("veritysetup", "cryptsetup-bin")).arg("dump").arg(&parts[3].0));
    let dump = String::from_utf8(dump).expect("text");
    assert!(dump.contains("c0ffee") && dump.contains("00000000-1111-2222-3333-444444444444"), "{dump}");
    // The whole of `usr`'s partition is protected, also the slack.
    assert!(dump.contains(&format!("{}", fs::metadata(&parts[2].0).expect("a file").len() / 4096)), "{dump}");
    let verdict = run(Command::new(tool("sgdisk", "gdisk")).arg("-v").arg(&disk));
    assert!(String::from_utf8_lossy(&verdict).contains("No problems found"));

    // People are told, too, also when nothing has to run; and before a build the layout says what waits for what.
    let again = bench.run(&["build", manifest], 0);
    let shown = String::from_utf8_lossy(&again.stdout);
    assert!(shown.contains("main/root") && shown.contains(root(0)) && shown.contains(root(1)), "{shown}");
    let plan = bench.run(&["plan", manifest], 0);
    let plan = String::from_utf8_lossy(&plan.stdout);
    assert!(plan.contains("fit: after root") && plan.contains("verity of root"), "{plan}");
    bench.run(&["plan", manifest, "--gather"], 0);
}

#[test]
fn hashes_need_whole_blocks_and_room() {
    let bench = Bench::new();
    let data = "sealed for good\n".repeat(300_000);
    let small = SEALED.replace("usr-verity size=fit", "usr-verity size=\"4KiB\"");
    let uneven = SEALED.replace("usr size=fit slack=\"3MiB\" {", "usr size=\"20481KiB\" {");
    let uneven = uneven.replace("ext4 tree=root", "vfat tree=root");
    for (text, code, words) in
        [(small, "tree-too-large", "partition usr-verity"), (uneven, "verity-unaligned", "4096 bytes")]
    {
        let manifest = project(bench.dir(), &text, &[("data", &data)]);
        let output = bench.run(&["build", manifest.to_str().expect("UTF-8")], 1);
        let shown = String::from_utf8_lossy(&output.stderr);
        assert!(shown.contains(code) && shown.contains(words), "{shown}");
    }
}
