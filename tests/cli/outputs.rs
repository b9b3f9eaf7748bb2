//! Trees as files of their own, filesystems that decide their length, partitions without a filesystem: seen by other tools.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use imgc_tests::{
    imgc::Bench,
    tools::{run, tool},
};

use crate::{example, project};

/// What a tool prints about a file.
fn told(program: &str, package: &str, arguments: &[&str], file: &Path) -> String {
    let output = run(Command::new(tool(program, package)).args(arguments).arg(file));
    String::from_utf8(output).expect("text")
}

fn read(path: &Path, start: usize, len: usize) -> Vec<u8> {
    fs::read(path).expect("the artifact")[start..][..len].to_vec()
}

#[test]
fn every_filesystem_holds_the_same_files() {
    let bench = Bench::new();
    let made = bench.build(&example("every-filesystem"), &[]);
    let path = |file: &str| -> PathBuf { bench.dir().join(&made[file].path) };
    let script = fs::read(example("every-filesystem").with_file_name("tree/bin/hello")).expect("the script");
    for file in ["every.ext2", "every.ext3", "every.ext4"] {
        run(Command::new(tool("e2fsck", "e2fsprogs")).arg("-fn").arg(path(file)));
        let debugfs = |command: &str| {
            run(Command::new(tool("debugfs", "e2fsprogs")).args(["-R", command]).arg(path(file)))
        };
        assert_eq!(debugfs("cat /bin/hello"), script, "{file}");
        let link = String::from_utf8(debugfs("stat /list")).expect("text");
        assert!(link.contains("Fast link dest: \"docs/list.txt\""), "{file}: {link}");
    }
    let vfat = path("every.vfat");
    run(Command::new(tool("fsck.fat", "dosfstools")).arg("-n").arg(&vfat));
    assert_eq!(read(&vfat, 28, 4), [0; 4], "no sectors are hidden before a file");
    let exfat = path("every.exfat");
    let checked = told("fsck.exfat", "exfatprogs", &["-n"], &exfat);
    assert!(checked.contains(": clean. directories 4, files 3"), "{checked}");
    assert_eq!(read(&exfat, 64, 8), [0; 8], "no sectors come before a file");
    let cat = ["-cat"];
    let squashed = run(Command::new(tool("unsquashfs", "squashfs-tools"))
        .args(cat)
        .arg(path("every.squashfs"))
        .arg("bin/hello"));
    assert_eq!(squashed, script);
    let unpacked = bench.dir().join("erofs");
    run(Command::new(tool("fsck.erofs", "erofs-utils"))
        .arg(format!("--extract={}", unpacked.display()))
        .arg(path("every.erofs")));
    assert_eq!(fs::read(unpacked.join("bin/hello")).expect("extracted"), script);
    let iso = run(Command::new(tool("isoinfo", "genisoimage"))
        .args(["-R", "-x", "/bin/hello", "-i"])
        .arg(path("every.iso")));
    assert_eq!(iso, script);
    let tar = told("tar", "tar", &["-tvf"], &path("every.tar"));
    assert!(tar.contains("list -> docs/list.txt") && tar.contains("empty/"), "{tar}");
    let cpio = fs::File::open(path("every.cpio")).expect("the archive");
    let cpio = run(Command::new(tool("cpio", "cpio")).arg("-it").stdin(cpio));
    assert_eq!(
        String::from_utf8(cpio).expect("text"),
        ".\nREADME\nbin\nbin/hello\ndocs\ndocs/list.txt\nempty\nlist\n"
    );
}

#[test]
fn any_directory_becomes_every_filesystem_and_what_is_left_out_is_told() {
    let bench = Bench::new();
    let tree = bench.dir().join("mine");
    fs::create_dir_all(tree.join("deep/er")).expect("directories");
    fs::write(tree.join("deep/er/file"), "mine").expect("written");
    std::os::unix::fs::symlink("deep/er/file", tree.join("link")).expect("a link");
    let manifest = example("every-filesystem");
    let words = |more: &[&'static str]| -> Vec<String> {
        let fixed = ["build", manifest.to_str().expect("UTF-8"), "--set"];
        let set = format!("tree={}", tree.display());
        fixed
            .iter()
            .map(|word| (*word).to_owned())
            .chain([set])
            .chain(more.iter().map(|word| (*word).to_owned()))
            .collect()
    };
    let run = |more: &[&'static str], code| {
        let words = words(more);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        String::from_utf8(bench.run(&words, code).stderr).expect("text")
    };
    let told = run(&[], 0);
    for kind in ["vfat", "exfat"] {
        assert!(told.contains(&format!("{kind} has no symbolic links: /link is left out")), "{told}");
        let image = format!("out/every.{kind}");
        assert_eq!(bench.run(&["inspect", &image, "cat", "/deep/er/file"], 0).stdout, b"mine");
        bench.run(&["inspect", &image, "cat", "/link"], 1);
    }
    assert_eq!(told.matches("left out").count(), 2, "{told}");
    let denied = run(&["--deny-warnings"], 1);
    assert!(denied.contains("symlinks-dropped"), "{denied}");
}

/// A kernel that is only a link, on a filesystem with or without links.
const LINKED: &str = r#"
image linked
tree boot {
    file "/linux-6" { content "kernel" }
    symlink "/vmlinuz" to="linux-6"
}
menu boot { entry linux { linux "/vmlinuz" } }
disk main size="8MiB" {
    mbr
    partition boot size=fill { KIND tree=boot }
    loader { u-boot partition=boot menu=boot }
}
output "linked.img" disk=main
"#;

#[test]
fn a_link_that_fat_leaves_out_starts_nothing() {
    let bench = Bench::new();
    let run = |kind: &str, code| {
        let manifest = project(bench.dir(), &LINKED.replace("KIND", kind), &[]);
        let words = ["build", manifest.to_str().expect("UTF-8")];
        String::from_utf8(bench.run(&words, code).stderr).expect("text")
    };
    run("ext2", 0);
    let told = run("vfat", 1);
    assert!(told.contains("`/vmlinuz`, which a loader reads, is a symbolic link, not a file"), "{told}");
}

/// A squashfs in a partition that fits it and in one that is longer, swap, and a boot stage among erased flash memory.
const PARTS: &str = r#"
image parts
tree data { copy "data" to="/data" }
tree stage { copy "stage.bin" to="/stage.bin" }
disk main size="16MiB" {
    gpt
    partition fw size="1MiB" { raw tree=stage offset="8KiB" fill=255 }
    partition fitted size=fit slack="64KiB" { squashfs tree=data compress=none }
    partition swap size="2MiB" { swap label="spare" }
    partition filled size=fill { squashfs tree=data }
}
output "parts.img" disk=main
"#;

#[test]
fn partitions_hold_what_has_its_own_length_and_what_is_no_filesystem() {
    let bench = Bench::new();
    let data = "squeeze me\n".repeat(20_000);
    let manifest = project(bench.dir(), PARTS, &[("data", &data), ("stage.bin", "STAGE")]);
    let made = bench.build(&manifest, &["--deny-warnings"]);
    let disk = bench.dir().join(&made["parts.img"].path);
    let sgdisk = told("sgdisk", "gdisk", &["-v"], &disk);
    assert!(sgdisk.contains("No problems found"), "{sgdisk}");
    let json: serde_json::Value =
        serde_json::from_str(&told("sfdisk", "fdisk", &["--json"], &disk)).expect("JSON");
    let part = |index: usize| {
        let part = &json["partitiontable"]["partitions"][index];
        let bytes = |name: &str| usize::try_from(part[name].as_u64().expect("sectors") * 512).expect("small");
        (bytes("start"), bytes("size"), part["type"].as_str().expect("a type").to_lowercase())
    };
    let (start, len, raw) = part(0);
    assert_eq!(raw, "8da63339-0007-60c0-c436-083ac8230908");
    let firmware = read(&disk, start, len);
    assert_eq!(&firmware[8 << 10..][..5], b"STAGE");
    assert!(firmware[..8 << 10].iter().chain(&firmware[(8 << 10) + 5..]).all(|byte| *byte == 0xff));
    for index in [1, 3] {
        let (start, len, _) = part(index);
        let image = bench.dir().join(format!("squashfs-{index}"));
        fs::write(&image, read(&disk, start, len)).expect("written");
        let listed =
            run(Command::new(tool("unsquashfs", "squashfs-tools")).arg("-cat").arg(&image).arg("data"));
        assert_eq!(listed, data.as_bytes());
    }
    let (_, fitted, _) = part(1);
    assert!((data.len() + (64 << 10)..data.len() + (128 << 10)).contains(&fitted), "{fitted}");
    let (start, len, swap) = part(2);
    assert_eq!(swap, "0657fd6d-a4ab-43c4-84e5-0933c84b4f4f");
    let image = bench.dir().join("swap");
    fs::write(&image, read(&disk, start, len)).expect("written");
    let label = told("swaplabel", "util-linux", &[], &image);
    assert!(label.contains("LABEL: spare"), "{label}");
}

#[test]
fn a_filesystem_that_is_longer_than_its_partition_says_by_how_much() {
    let bench = Bench::new();
    let data = "squeeze me\n".repeat(200_000);
    let text = PARTS.replace("size=fit slack=\"64KiB\"", "size=\"1MiB\"");
    let manifest = project(bench.dir(), &text, &[("data", &data), ("stage.bin", "STAGE")]);
    let output = bench.run(&["build", manifest.to_str().expect("UTF-8")], 1);
    let shown = String::from_utf8_lossy(&output.stderr);
    for expected in
        ["tree-too-large", "partition fitted", "1.1 MiB (1155072 bytes) more", "\"3MiB\"", "size=fit"]
    {
        assert!(shown.contains(expected), "{expected} is not in {shown}");
    }
    assert!(!bench.out().join("parts.img").exists());
}

#[test]
fn warnings_that_are_denied_are_errors_and_nothing_is_published() {
    let bench = Bench::new();
    // The manifest itself warns.
    let unused =
        "image w\ntree t { file \"/a\" }\ntree unused { file \"/b\" }\noutput \"w.cpio\" tree=t { cpio }\n";
    // A step warns: a cpio archive holds no extended attributes.
    let lossy = "image w\ntree t { file \"/a\" { xattr \"user.colour\" \"red\" }; }\noutput \"w.cpio\" tree=t { cpio }\n";
    for (text, code) in [(unused, "unused-tree"), (lossy, "xattrs-dropped")] {
        let manifest = project(bench.dir(), text, &[]);
        let manifest = manifest.to_str().expect("UTF-8");
        let denied = bench.run(&["build", manifest, "--deny-warnings"], 1);
        let shown = String::from_utf8_lossy(&denied.stderr);
        assert!(shown.contains(code) && shown.contains("1 error; nothing was built"), "{shown}");
        assert!(!bench.out().join("w.cpio").exists(), "{code}");
        let allowed = bench.run(&["build", manifest], 0);
        assert!(String::from_utf8_lossy(&allowed.stderr).contains(code));
        assert!(bench.out().join("w.cpio").exists(), "{code}");
        // Also when the step itself does not have to run.
        bench.run(&["build", manifest, "--deny-warnings"], 1);
        fs::remove_file(bench.out().join("w.cpio")).expect("removed");
    }
}

/// Two directories whose files lie at the same depth and are too large for the store.
const TWO_SOURCES: &str = r#"
image two
source one { dir "one" }
source other { dir "other" }
tree all { copy source=one to="/one"; copy source=other to="/other" }
output "all.tar" tree=all { tar }
"#;

#[test]
fn files_of_two_directories_are_looked_at_where_they_are() {
    let bench = Bench::new();
    let text = |n: usize| format!("{n:09}\n").repeat(60_000 + n);
    let texts = [text(1), text(2), text(3), text(4)];
    let paths = ["one/a", "one/b", "other/b", "other/c"];
    let files: Vec<(&str, &str)> = paths.into_iter().zip(texts.iter().map(String::as_str)).collect();
    let manifest = project(bench.dir(), TWO_SOURCES, &files);
    bench.build(&manifest, &[]);
}
