//! Random trees, the same on every machine.

use imgc_image::{Entry, LinkGroup, Meta, Node};

use super::{
    super::xattr::Attribute,
    image::{Grove, Random, entry, fitted, noise},
    read::compare,
};

/// A name: short, long, or of any bytes.
fn name(random: &mut Random, n: u64) -> Vec<u8> {
    match random.below(6) {
        0 => {
            let len = 1 + random.below(255) as usize;
            let mut bytes = noise(len, random.next());
            bytes.iter_mut().for_each(|byte| {
                if matches!(*byte, 0 | b'/') {
                    *byte = b'x';
                }
            });
            bytes.extend_from_slice(format!("{n}").as_bytes());
            bytes.split_off(bytes.len().saturating_sub(255))
        }
        1 => format!("{}{n}", "long".repeat(60)).into_bytes(),
        _ => format!("n{n}").into_bytes(),
    }
}

fn node(random: &mut Random, grove: &Grove) -> Node {
    match random.below(12) {
        0 => Node::Char { major: random.below(4096) as u32, minor: random.below(1 << 20) as u32 },
        1 => Node::Block { major: random.below(256) as u32, minor: random.below(256) as u32 },
        2 => Node::Fifo,
        3 => Node::Socket,
        4 => {
            let len = [1, 58, 59, 60, 61, 255, 1000, 1023][random.below(8) as usize];
            Node::Symlink(b"up/../".iter().copied().cycle().take(len).collect())
        }
        5 => {
            let pieces: Vec<(u64, Vec<u8>)> = (0..random.below(40))
                .map(|n| {
                    (n * 30_000 + random.below(10_000), noise(1 + random.below(9000) as usize, random.next()))
                })
                .collect();
            let pieces: Vec<(u64, &[u8])> = pieces.iter().map(|(at, piece)| (*at, &piece[..])).collect();
            grove.sparse(1_200_000 + random.below(5000), &pieces, random.below(3) == 0)
        }
        _ => {
            let base = [0, 1024, 2048, 4096, 8192, 12 << 10, 48 << 10, 268 << 10][random.below(8) as usize];
            grove.node(&noise((base + random.below(3)).saturating_sub(1) as usize, random.next()))
        }
    }
}

fn meta(random: &mut Random) -> Meta {
    Meta {
        mode: random.below(0o10000) as u16 | 0o600,
        uid: random.below(3) as u32 * 40_000,
        gid: random.below(1 << 32) as u32,
        mtime: random.below(2_000_000_000) as i64,
        mtime_nanos: random.below(1_000_000_000) as u32,
    }
}

fn xattrs(random: &mut Random) -> Box<[Attribute]> {
    let count = [0, 0, 0, 1, 2, 5][random.below(6) as usize];
    (0..count)
        .map(|n| {
            let prefix = ["user.", "trusted.", "security."][random.below(3) as usize];
            let value = noise(random.below(150) as usize, random.next());
            (format!("{prefix}name{n}").into_bytes().into(), value.into())
        })
        .collect()
}

fn forest(seed: u64, entries: u64) -> Grove {
    let mut random = Random(seed);
    let mut grove = Grove::default();
    let mut dirs: Vec<Vec<u8>> = vec![Vec::new()];
    let mut linked: Vec<Entry> = Vec::new();
    for n in 0..entries {
        let above = dirs[random.below(dirs.len() as u64) as usize].clone();
        let name = name(&mut random, n);
        let path = if above.is_empty() { name } else { [above, name].join(&b'/') };
        let link = linked.get(random.below(40) as usize).filter(|_| random.below(3) == 0).cloned();
        let made = if let Some(link) = link {
            Entry { path: imgc_plan::tree::BytePath(path), ..link }
        } else if random.below(8) == 0 {
            // Owners can look into what they extract.
            let meta = Meta { mode: 0o755, ..meta(&mut random) };
            dirs.push(path.clone());
            Entry { meta, ..entry(&path, Node::Dir) }
        } else {
            let node = node(&mut random, &grove);
            Entry { meta: meta(&mut random), xattrs: xattrs(&mut random), ..entry(&path, node) }
        };
        if linked.len() < 40 && !made.is_dir() && made.link.is_none() && random.below(4) == 0 {
            let made = Entry { link: LinkGroup::new(1 + linked.len() as u32), ..made };
            linked.push(made.clone());
            grove.entry(made);
        } else {
            grove.entry(made);
        }
    }
    grove
}

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
        let mut grove = forest(seed, entries);
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
