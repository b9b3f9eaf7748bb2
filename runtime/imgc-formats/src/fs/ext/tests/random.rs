//! Random trees, the same on every machine.

use super::{
    image::{Grove, fitted},
    read::compare,
};

#[test]
fn random_trees_come_back_equal() {
    for (seed, kind, text, entries) in [
        (1, "ext4", "", 400),
        (2, "ext4", "block-size=1KiB", 900),
        (3, "ext4", "block-size=2KiB inode-size=1024", 300),
        (4, "ext3", "block-size=1KiB", 500),
        (5, "ext2", "", 500),
        (6, "ext2", "block-size=1KiB", 900),
        (7, "ext2", "profile=hurd block-size=2KiB", 400),
        (8, "ext4", "bytes-per-inode=1KiB journal=none", 2000),
    ] {
        let mut grove = Grove::grown(seed, entries);
        let (image, tree) = fitted(kind, text, &mut grove);
        compare(&image, &tree, &grove.store);
    }
}

#[test]
fn deep_directories_come_back_equal() {
    let mut grove = Grove::default();
    let mut path = String::new();
    for n in 0..120 {
        path.push_str(&format!("{}deep{n}", if n == 0 { "" } else { "/" }));
        grove.dir(&path);
    }
    grove.file(format!("{path}/file"), b"bottom");
    let (image, tree) = fitted("ext4", "", &mut grove);
    compare(&image, &tree, &grove.store);
}
