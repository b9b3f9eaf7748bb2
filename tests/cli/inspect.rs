//! What `imgc inspect` finds in images is what was put into them.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
    process::Command,
};

use imgc_tests::{
    imgc::{Bench, binary, finish, root},
    tools::{run, tool},
};

use crate::{example, project};

/// The filesystems that are read.
const READ: [&str; 8] = ["ext2", "ext3", "ext4", "vfat", "exfat", "squashfs", "erofs", "iso"];

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

/// Paths of a recursive listing.
fn paths(bench: &Bench, image: &str) -> Vec<String> {
    let output = bench.run(&["inspect", image, "ls", "-r", "--json"], 0);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let lines = json.as_array().expect("a list").iter();
    lines.map(|line| line["path"].as_str().expect("a path").to_owned()).collect()
}

#[test]
fn every_filesystem_that_is_read_holds_the_same_files() {
    let bench = Bench::new();
    bench.build(&example("every-filesystem"), &[]);
    let tree = root().join("examples/every-filesystem/tree");
    for kind in READ {
        let image = format!("out/every.{kind}");
        let wanted = ["/README", "/bin", "/bin/hello", "/docs", "/docs/list.txt", "/empty", "/list"];
        let found = paths(&bench, &image);
        let found: Vec<&str> =
            found.iter().map(String::as_str).filter(|path| *path != "/lost+found").collect();
        // FAT and exFAT have no links.
        let linkless = matches!(kind, "vfat" | "exfat");
        assert_eq!(found, wanted[..wanted.len() - usize::from(linkless)], "{kind}");
        let list = bench.run(&["inspect", &image, "cat", "/docs/list.txt"], 0);
        assert_eq!(list.stdout, b"one\ntwo\nthree\n", "{kind}");
        bench.run(&["inspect", &image, "cat", "/docs"], 1);
        bench.run(&["inspect", &image, "cat", "/docs/none"], 1);
        let into = format!("files-{kind}");
        bench.run(&["inspect", &image, "extract", "-o", &into], 0);
        let there =
            ["README", "bin", "docs"].map(|name| (tree.join(name), bench.dir().join(&into).join(name)));
        there.iter().for_each(|(wanted, found)| same_files(wanted, found));
        assert!(linkless || bench.dir().join(&into).join("list").exists(), "{kind}");
        bench.run(&["inspect", &image, "extract", "-o", &into], 1);
        bench.run(&["inspect", &image, "extract", "/docs", "-o", &into, "--force"], 0);
        there.iter().for_each(|(wanted, found)| same_files(wanted, found));
    }
}

/// `found` is a file with the content of `wanted`, or a directory with all its files.
fn same_files(wanted: &Path, found: &Path) {
    if wanted.is_dir() {
        for entry in fs::read_dir(wanted).expect("a directory") {
            let name = entry.expect("an entry").file_name();
            same_files(&wanted.join(&name), &found.join(&name));
        }
    } else {
        let content = fs::read(found).unwrap_or_else(|error| panic!("{}: {error}", found.display()));
        assert_eq!(content, fs::read(wanted).expect("read"), "{}", found.display());
    }
}

#[test]
fn a_disk_is_shown_as_text_json_and_a_picture() {
    let bench = Bench::new();
    bench.build(&example("data-disk"), &[]);
    let table = text(&bench.run(&["inspect", "out/data.img"], 0).stdout);
    assert!(table.contains("gpt") && table.contains("exchange") && table.contains("EXCHANGE"), "{table}");
    let output = bench.run(&["inspect", "out/data.img", "--json"], 0);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(json["table"], "gpt");
    let first = &json["parts"][0];
    assert_eq!(
        (&first["number"], &first["start"], &first["len"]),
        (&1.into(), &(1 << 20).into(), &(64 << 20).into())
    );
    assert_eq!((&first["type"], &first["filesystem"]), (&"basic-data".into(), &"vfat".into()));
    assert_eq!((&first["name"], &first["label"]), (&"exchange".into(), &"EXCHANGE".into()));
    assert_eq!(json["parts"][1]["type"], "linux");
    let svg = text(&bench.run(&["inspect", "out/data.img", "--svg"], 0).stdout);
    assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"), "{svg}");
    assert_eq!(svg.matches("<g>").count(), svg.matches("</g>").count());
    assert!(svg.contains("1 exchange") && svg.contains("2 data"), "{svg}");
    let quarter = bench.run(&["inspect", "out/data.img", "cat", "exchange:/Reports/Quarter 1.txt"], 0);
    assert_eq!(quarter.stdout, b"Long names and folders work.\r\n");
    let same = bench.run(&["inspect", "out/data.img", "cat", "1:/Reports/Quarter 1.txt"], 0);
    assert_eq!(same.stdout, quarter.stdout);
    let refused = bench.run(&["inspect", "out/data.img", "cat", "none:/x"], 1);
    assert!(text(&refused.stderr).contains("`exchange:`"), "{}", text(&refused.stderr));
    let packed = bench.run(&["inspect", "out/data.qcow2", "cat", "1:/Reports/Quarter 1.txt"], 0);
    assert_eq!(packed.stdout, quarter.stdout);
}

#[test]
fn extraction_never_follows_a_link_that_is_there() {
    let bench = Bench::new();
    bench.build(&example("every-filesystem"), &["--only", "every.squashfs"]);
    let outside = bench.dir().join("outside");
    fs::create_dir_all(&outside).expect("a directory");
    fs::create_dir_all(bench.dir().join("files")).expect("a directory");
    std::os::unix::fs::symlink(&outside, bench.dir().join("files/docs")).expect("a link");
    bench.run(&["inspect", "out/every.squashfs", "extract", "-o", "files"], 1);
    assert!(!bench.dir().join("files/README").exists(), "nothing is written when something is in the way");
    bench.run(&["inspect", "out/every.squashfs", "extract", "-o", "files", "--force"], 0);
    assert_eq!(fs::read_dir(&outside).expect("a directory").count(), 0);
    assert_eq!(fs::read(bench.dir().join("files/docs/list.txt")).expect("read"), b"one\ntwo\nthree\n");
}

/// A disk with logical partitions, each with something else.
const LOGICAL: &str = r##"
image logical
tree boot { file "/BOOT.TXT" { content "from vfat\n" } }
tree data {
    dir "/sub" mode="0711" mtime="2001-02-03T04:05:06Z"
    file "/sub/secret" mode="0640" owner="1234:5678" mtime="1999-12-31T23:59:59Z" {
        content "kept\n"
        xattr "user.note" "remember"
        xattr "security.selinux" "label"
    }
    file "/sub/tool" mode="4755" { content "#!/bin/sh\n" }
    hardlink "/sub/same" to="/sub/secret"
    symlink "/sub/link" to="../../outside" mtime="2010-01-01T00:00:00Z"
    file "/hollow" size="3MiB"
    device "/null" kind=char major=1 minor=3
    fifo "/pipe"
}
disk main size="48MiB" {
    mbr
    partition boot size="4MiB" bootable=#true { vfat label="BOOT" tree=boot }
    partition two role=logical size="6MiB" { ext2 label="two" tree=data }
    partition spare role=logical size="1MiB" { swap label="spare" }
    partition three role=logical size="10MiB" { ext3 label="three" tree=data }
    partition four role=logical size=fill { ext4 label="four" tree=data }
}
output "disk.img" disk=main
output "plain.qcow2" disk=main { qcow2 }
output "zlib.qcow2" disk=main { qcow2 compress=zlib }
output "zstd.qcow2" disk=main { qcow2 compress=zstd cluster-size="4KiB" }
"##;

fn logical() -> Bench {
    let bench = Bench::new();
    let manifest = project(bench.dir(), LOGICAL, &[]);
    bench.build(&manifest, &[]);
    bench
}

#[test]
fn logical_partitions_are_listed_read_and_the_same_in_qcow2() {
    let bench = logical();
    let summary = |image: &str| -> serde_json::Value {
        let output = bench.run(&["inspect", image, "--json"], 0);
        serde_json::from_slice(&output.stdout).expect("JSON")
    };
    let json = summary("out/disk.img");
    assert_eq!((&json["format"], &json["table"]), (&"raw".into(), &"mbr".into()));
    let parts: Vec<_> = json["parts"].as_array().expect("a list").iter().collect();
    let told = |name: &str| parts.iter().map(|part| part[name].clone()).collect::<Vec<_>>();
    assert_eq!(told("number"), [1, 5, 6, 7, 8]);
    assert_eq!(told("filesystem"), ["vfat", "ext2", "swap", "ext3", "ext4"]);
    assert_eq!(told("label"), ["BOOT", "two", "spare", "three", "four"]);
    assert_eq!(told("type")[2], "swap");
    assert!(told("used")[1].as_u64().expect("used") > 0);
    let sfdisk = run(Command::new(tool("sfdisk", "fdisk")).arg("--json").arg(bench.out().join("disk.img")));
    let sfdisk: serde_json::Value = serde_json::from_slice(&sfdisk).expect("JSON");
    let theirs = sfdisk["partitiontable"]["partitions"].as_array().expect("a list");
    let theirs: Vec<u64> = theirs
        .iter()
        .filter(|part| part["type"] != "5" && part["type"] != "f")
        .map(|part| part["start"].as_u64().expect("a number") * 512)
        .collect();
    assert_eq!(told("start"), theirs);
    let list = bench.run(&["inspect", "out/disk.img", "ls", "-r", "7:/"], 0).stdout;
    assert!(text(&list).contains("-> ../../outside") && text(&list).contains("1,3"), "{}", text(&list));
    for name in ["plain", "zlib", "zstd"] {
        let image = format!("out/{name}.qcow2");
        let other = summary(&image);
        assert_eq!(other["format"], "qcow2");
        assert_eq!((&other["parts"], &other["len"]), (&json["parts"], &json["len"]), "{name}");
        let shown = text(&bench.run(&["inspect", &image], 0).stdout);
        assert!(shown.starts_with("48 MiB in qcow2, mbr\n"), "{shown}");
        for (part, wanted) in
            [("1:/BOOT.TXT", "from vfat\n"), ("5:/sub/same", "kept\n"), ("8:/sub/secret", "kept\n")]
        {
            let found = bench.run(&["inspect", &image, "cat", part], 0).stdout;
            assert_eq!(text(&found), wanted, "{name} {part}");
        }
        let list_of = bench.run(&["inspect", &image, "ls", "-r", "7:/"], 0).stdout;
        assert_eq!(list_of, list);
    }
    let long = text(&bench.run(&["inspect", "out/disk.img", "ls", "-l", "8:/sub"], 0).stdout);
    assert!(
        long.contains(
            "5   946684799  /sub/secret\n        security.selinux=label\n        user.note=remember\n"
        ),
        "{long}"
    );
    let json = bench.run(&["inspect", "out/disk.img", "ls", "--json", "8:/sub"], 0).stdout;
    let json: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
    let of = |path: &str| {
        json.as_array().and_then(|all| all.iter().find(|line| line["path"] == path)).expect("listed")
    };
    assert_eq!(of("/sub/secret")["xattrs"]["user.note"], "remember");
    assert!(of("/sub/secret")["link"].is_u64() && of("/sub/secret")["link"] == of("/sub/same")["link"]);
    assert!(of("/sub/tool")["link"].is_null() && of("/sub/tool")["mtime_nanos"] == 0);
    let refused = bench.run(&["inspect", "out/disk.img", "ls", "6:/"], 1);
    assert!(text(&refused.stderr).contains("swap space holds no files"), "{}", text(&refused.stderr));
    let refused = bench.run(&["inspect", "out/disk.img", "ls"], 1);
    assert!(!text(&refused.stderr).contains("`6:`") && text(&refused.stderr).contains("`8:`"));
}

#[test]
fn a_damaged_qcow2_is_the_images_fault_and_not_the_machines() {
    let bench = logical();
    let image = bench.out().join("zlib.qcow2");
    let sound = fs::read(&image).expect("the image");
    let l1 =
        usize::try_from(u64::from_be_bytes(sound[40..48].try_into().expect("eight bytes"))).expect("small");
    let mut bytes = sound.clone();
    bytes[l1 + 2] = 0x7f;
    fs::write(&image, &bytes).expect("written");
    let refused = bench.run(&["inspect", "out/zlib.qcow2"], 1);
    assert!(
        text(&refused.stderr).contains("the qcow2 image is damaged: an L2 table"),
        "{}",
        text(&refused.stderr)
    );
    run(Command::new(tool("qemu-img", "qemu-utils"))
        .args(["create", "-q", "-f", "qcow2", "-F", "raw", "-b"])
        .arg(bench.out().join("disk.img"))
        .arg(&image));
    let refused = bench.run(&["inspect", "out/zlib.qcow2"], 1);
    assert!(text(&refused.stderr).contains("backing file") && text(&refused.stderr).contains("help: "));
    fs::write(&image, b"KDMV and more").expect("written");
    let refused = bench.run(&["inspect", "out/zlib.qcow2"], 1);
    assert!(text(&refused.stderr).contains("qemu-img convert -f vmdk -O raw"), "{}", text(&refused.stderr));
}

/// Attributes of a file as getfattr shows them.
fn attributes(path: &Path) -> String {
    let mut command = Command::new(tool("getfattr", "attr"));
    text(&run(command.args(["-d", "-m", "-", "--absolute-names"]).arg(path)))
}

#[test]
fn extraction_keeps_what_it_can_and_says_what_not() {
    let bench = logical();
    for part in ["5", "7", "8"] {
        let into = format!("files-{part}");
        let output = bench.run(&["inspect", "out/disk.img", "extract", &format!("{part}:/"), "-o", &into], 0);
        let files = bench.dir().join(&into);
        let stat = |path: &str| fs::symlink_metadata(files.join(path)).expect("there");
        let secret = stat("sub/secret");
        assert_eq!((secret.mode() & 0o7777, secret.mtime()), (0o640, 946_684_799), "{part}");
        assert_eq!(secret.ino(), stat("sub/same").ino());
        assert_eq!((stat("sub").mode() & 0o7777, stat("sub").mtime()), (0o711, 981_173_106));
        assert_eq!(stat("sub/link").mtime(), 1_262_304_000);
        assert_eq!(fs::read_link(files.join("sub/link")).expect("a link"), Path::new("../../outside"));
        assert!(stat("hollow").len() == 3 << 20 && stat("hollow").blocks() < 100);
        assert!(attributes(&files.join("sub/secret")).contains("user.note=\"remember\""));
        assert!(!files.join("null").exists() && !files.join("pipe").exists());
        let said = text(&output.stderr);
        assert!(said.contains("devices, pipes and sockets are left out: 2, the first at /null"), "{said}");
        assert!(said.contains("other than `user.` are left out: /sub/same"), "{said}");
        if rustix::process::geteuid().is_root() {
            assert_eq!((secret.uid(), secret.gid()), (1234, 5678));
            assert_eq!(stat("sub/tool").mode() & 0o7777, 0o4755);
            assert!(!said.contains("owners"), "{said}");
        }
    }
}

#[test]
fn a_plain_user_gets_no_owners_and_no_set_id_bits_and_is_told() {
    let bench = logical();
    let into = bench.dir().join("plain");
    fs::create_dir(&into).expect("a directory");
    for path in [bench.dir(), &into] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o777)).expect("a mode");
    }
    let args = ["inspect", "out/disk.img", "extract", "8:/", "-o", "plain/files"];
    let output = if rustix::process::geteuid().is_root() {
        // The binary itself may lie where only root looks.
        let copy = into.join("imgc");
        fs::copy(binary(), &copy).expect("a copy");
        let mut command = Command::new(tool("setpriv", "util-linux"));
        command.args(["--reuid", "12345", "--regid", "12345", "--clear-groups"]).arg(copy).args(args);
        finish(command.current_dir(bench.dir()), 0)
    } else {
        bench.run(&args, 0)
    };
    let said = text(&output.stderr);
    assert!(said.contains("owners and set-id bits are left out"), "{said}");
    let tool = fs::metadata(into.join("files/sub/tool")).expect("there");
    assert_eq!(tool.mode() & 0o7777, 0o755);
    let secret = fs::metadata(into.join("files/sub/secret")).expect("there");
    assert_eq!((secret.mode() & 0o7777, secret.mtime()), (0o640, 946_684_799));
}
