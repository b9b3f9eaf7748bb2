//! What `imgc inspect` finds in images is what was put into them.

use std::{fs, path::Path};

use imgc_tests::imgc::{Bench, root};

use crate::example;

/// The filesystems that are read.
const READ: [&str; 4] = ["vfat", "squashfs", "erofs", "iso"];

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
        assert_eq!(found, wanted, "{kind}");
        let list = bench.run(&["inspect", &image, "cat", "/docs/list.txt"], 0);
        assert_eq!(list.stdout, b"one\ntwo\nthree\n", "{kind}");
        bench.run(&["inspect", &image, "cat", "/docs"], 1);
        bench.run(&["inspect", &image, "cat", "/docs/none"], 1);
        let into = format!("files-{kind}");
        bench.run(&["inspect", &image, "extract", "-o", &into], 0);
        same_files(&tree, &bench.dir().join(&into));
        bench.run(&["inspect", &image, "extract", "-o", &into], 1);
        bench.run(&["inspect", &image, "extract", "/docs", "-o", &into, "--force"], 0);
        same_files(&tree, &bench.dir().join(&into));
    }
}

/// Every file of `wanted` is in `found`, with the same content.
fn same_files(wanted: &Path, found: &Path) {
    for entry in fs::read_dir(wanted).expect("a directory") {
        let entry = entry.expect("an entry");
        let there = found.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            same_files(&entry.path(), &there);
        } else {
            let content = fs::read(&there).unwrap_or_else(|error| panic!("{}: {error}", there.display()));
            assert_eq!(content, fs::read(entry.path()).expect("read"), "{}", there.display());
        }
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
    let refused = bench.run(&["inspect", "out/data.qcow2"], 1);
    assert!(text(&refused.stderr).contains("qemu-img convert -f qcow2 -O raw"), "{}", text(&refused.stderr));
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
