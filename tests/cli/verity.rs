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

/// Hashes behind filesystems of every sort: of their own length and of their partition's, with a superblock and without, in
/// partitions and in files. What says where they are can stand in a file beside them.
const APPENDED: &str = r#"
image appended
tree root { copy "data" to="/data" }
tree facts {
    file "/root" { content "{{main.root.root-hash}} {{main.root.hash-offset}} {{main.root.uuid}}\n" }
    file "/bare" { content "{{main.bare.root-hash}} {{main.bare.hash-offset}} {{main.bare.data-blocks}} {{main.bare.salt}}\n" }
    file "/sealed" { content "{{sealed.root-hash}} {{sealed.hash-offset}}\n" }
    copy archive=sealed to="/sealed.erofs"
}
archive sealed tree=root { erofs; verity }
disk main {
    gpt
    partition root size=fit type="linux-root-x86-64" uuid=from-verity { squashfs tree=root; verity }
    partition usr size=fit slack="3MiB" { ext4 tree=root; verity salt="c0ffee" uuid="00000000-1111-2222-3333-444444444444" }
    partition bare size="24577KiB" { verity superblock=#false salt="01"; vfat tree=root }
    partition facts size="1MiB" { squashfs tree=facts }
}
output "appended.img" disk=main
output "facts.tar" tree=facts { tar }
output "exact.ext4" tree=root { ext4 size="8193KiB"; verity }
"#;

/// Lets `veritysetup` judge a file with hashes behind its filesystem.
fn verify_appended(path: &Path, root: &str, more: &[String]) -> std::process::Output {
    let mut command = Command::new(tool("veritysetup", "cryptsetup-bin"));
    command.arg("verify").args([path, path]).arg(root).args(more).output().expect("veritysetup starts")
}

#[test]
fn hashes_behind_filesystems_are_found_at_the_offset_that_a_build_tells() {
    let bench = Bench::new();
    let data = "sealed for good\n".repeat(300_000);
    let manifest = project(bench.dir(), APPENDED, &[("data", &data)]);
    let output = bench.run(&["build", manifest.to_str().expect("UTF-8"), "--json", "--deny-warnings"], 0);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let made = artifacts(&output);
    let made = |name: &str| bench.dir().join(&made[name].path);
    run(Command::new(tool("tar", "tar")).arg("-xf").arg(made("facts.tar")).arg("-C").arg(bench.dir()));
    let said = |name: &str| -> Vec<String> {
        let text = fs::read_to_string(bench.dir().join(name)).expect("facts");
        text.split_whitespace().map(str::to_owned).collect()
    };
    let facts = |of: (&str, &str)| {
        let all = json["verity"].as_array().expect("a list");
        let found = all.iter().find(|one| one[of.0] == of.1);
        found.unwrap_or_else(|| panic!("{of:?} in {all:?}"))["facts"]["map"].clone()
    };
    let root_of = |of| facts(of)["root_hash"]["text"].as_str().expect("a root hash").to_owned();
    let offset_of = |of| facts(of)["hash_offset"]["int"].as_u64().expect("an offset");
    let disk = made("appended.img");
    let parts: Vec<_> = (1..=3).map(|number| part(&bench, &disk, number)).collect();
    let (root, bare, sealed) = (said("root"), said("bare"), said("sealed"));
    assert_eq!((&root[0], root[1].parse()), (&root_of(("of", "root")), Ok(offset_of(("of", "root")))));
    assert_eq!((&root[2], root[2].replace('-', "").as_str()), (&parts[0].1, &root[0][..32]));
    assert_eq!(sealed[0], root_of(("archive", "sealed")));

    let place = |offset: u64| vec![format!("--hash-offset={offset}")];
    let mut without: Vec<String> = [
        "--no-superblock",
        "--hash=sha256",
        "--format=1",
        "--data-block-size=4096",
        "--hash-block-size=4096",
    ]
    .map(str::to_owned)
    .to_vec();
    without.extend([
        format!("--hash-offset={}", bare[1]),
        format!("--data-blocks={}", bare[2]),
        format!("--salt={}", bare[3]),
    ]);
    for (path, root, more) in [
        (&parts[0].0, &root[0], place(root[1].parse().expect("a number"))),
        (&parts[1].0, &root_of(("of", "usr")), place(offset_of(("of", "usr")))),
        (&parts[2].0, &bare[0], without),
        (&bench.dir().join("sealed.erofs"), &sealed[0], place(sealed[1].parse().expect("a number"))),
        (&made("exact.ext4"), &root_of(("output", "exact.ext4")), place(offset_of(("output", "exact.ext4")))),
    ] {
        let judged = verify_appended(path, root, &more);
        assert!(judged.status.success(), "{}: {}", path.display(), String::from_utf8_lossy(&judged.stderr));
        let mut bytes = fs::read(path).expect("readable");
        bytes[1000] ^= 1;
        let changed = bench.dir().join("changed");
        fs::write(&changed, bytes).expect("written");
        assert!(!verify_appended(&changed, root, &more).status.success(), "{}", path.display());
    }
    // The filesystem got the rest of a size that was given, and nobody sees the hashes.
    assert_eq!(fs::metadata(made("exact.ext4")).expect("a file").len(), 8193 << 10);
    let dump = run(Command::new(tool("dumpe2fs", "e2fsprogs")).arg("-h").arg(made("exact.ext4")));
    let blocks = String::from_utf8_lossy(&dump).into_owned();
    let blocks = blocks.lines().find_map(|line| line.strip_prefix("Block count:")).expect("blocks");
    // 2048 whole blocks: a superblock, 16 blocks of leaves and one above them leave 2030.
    assert_eq!((blocks.trim(), offset_of(("output", "exact.ext4"))), ("2030", 2030 * 4096));
    run(Command::new(tool("e2fsck", "e2fsprogs")).arg("-fn").arg(&parts[1].0));
    run(Command::new(tool("fsck.vfat", "dosfstools")).arg("-n").arg(&parts[2].0));
}

#[test]
fn hashes_behind_a_filesystem_need_room() {
    let bench = Bench::new();
    let data = "sealed for good\n".repeat(300_000);
    let usr = "usr size=fit slack=\"3MiB\"";
    for (from, to, code, words) in [
        (usr, "usr size=\"2MiB\"", "tree-too-large", "more than"),
        (usr, "usr size=\"4KiB\"", "bad-size", "more than there are"),
        ("bare size=\"24577KiB\"", "bare size=\"80KiB\"", "tree-too-large", "too few"),
        ("root size=fit", "root size=\"4KiB\"", "tree-too-large", "content of partition `root`"),
    ] {
        let text = APPENDED.replace(from, to);
        assert_ne!(text, APPENDED);
        let manifest = project(bench.dir(), &text, &[("data", &data)]);
        let output = bench.run(&["build", manifest.to_str().expect("UTF-8")], 1);
        let shown = String::from_utf8_lossy(&output.stderr);
        assert!(shown.contains(code) && shown.contains(words), "{shown}");
    }
}
