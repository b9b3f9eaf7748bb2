//! Trees for the tests: made by hand, or by chance that is always the same.

use imgc_image::{
    BytesBuilder, Content, Entry, LinkGroup, MemoryStore, Meta, Node, Store, Tree, TreeBuilder,
};
use imgc_plan::tree::BytePath;

use super::EPOCH;

/// Chance that is always the same: splitmix64.
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// Bytes that compress a little.
    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(len + 8);
        while out.len() < len {
            let word = self.next();
            let part = &word.to_le_bytes()[..1 + (word >> 61) as usize];
            out.extend_from_slice(part);
            out.extend_from_slice(&b"squashfs"[..(word >> 59 & 7) as usize]);
        }
        out.truncate(len);
        out
    }
}

pub fn entry(path: &str, node: Node) -> Entry {
    let mode = if matches!(node, Node::Dir) { 0o755 } else { 0o644 };
    Entry {
        path: BytePath(path.as_bytes().to_vec()),
        meta: Meta::new(mode, EPOCH),
        xattrs: Box::default(),
        link: None,
        node,
    }
}

pub fn content(store: &MemoryStore, data: &[u8]) -> Content {
    Content::Blob { id: store.put(data).expect("stored"), len: data.len() as u64 }
}

pub fn file(store: &MemoryStore, path: &str, data: &[u8]) -> Entry {
    entry(path, Node::File { content: content(store, data), dense: false })
}

/// A file of `len` bytes with these pieces of data and holes elsewhere.
pub fn pieced(store: &MemoryStore, path: &str, len: u64, pieces: &[(u64, &[u8])]) -> Entry {
    let mut out = BytesBuilder::new(store);
    for (at, data) in pieces {
        out.put(*at, data).expect("stored");
    }
    let bytes = out.finish(len).expect("made");
    entry(path, Node::File { content: bytes.into(), dense: false })
}

pub fn with_xattrs(mut entry: Entry, xattrs: &[(&str, &[u8])]) -> Entry {
    entry.xattrs = xattrs.iter().map(|(name, value)| (name.as_bytes().into(), (*value).into())).collect();
    entry
}

pub fn linked(entry: Entry, group: u32) -> Entry {
    Entry { link: LinkGroup::new(group), ..entry }
}

pub fn tree(entries: impl IntoIterator<Item = Entry>) -> Tree {
    let mut builder = TreeBuilder::new();
    for entry in entries {
        builder.push(entry);
    }
    builder.finish(EPOCH).expect("a tree")
}

/// One of everything.
pub fn everything(store: &MemoryStore) -> Tree {
    let long = "x".repeat(255);
    let label: &[u8] = b"system_u:object_r:bin_t:s0\0";
    let odd = Entry { path: BytePath(b"caf\xe9".to_vec()), ..file(store, "odd", b"odd name\n") };
    let owned = |mut entry: Entry, uid, gid, mode, mtime| {
        entry.meta = Meta { uid, gid, mode, mtime, mtime_nanos: 0 };
        entry
    };
    let twin = with_xattrs(file(store, "bin/twin", b"two names\n"), &[("security.selinux", label)]);
    tree([
        with_xattrs(entry("", Node::Dir), &[("user.root", b"yes")]),
        owned(file(store, "bin/su", b"#!su\n"), 0, 4_000_000_000, 0o4755, 0),
        with_xattrs(
            file(store, "bin/ping", b"ping"),
            &[
                ("security.capability", b"\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
                ("security.selinux", label),
            ],
        ),
        linked(twin.clone(), 7),
        linked(Entry { path: BytePath(b"usr/twin".to_vec()), ..twin }, 7),
        entry("dev/null", Node::Char { major: 1, minor: 3 }),
        with_xattrs(entry("dev/big", Node::Char { major: 4095, minor: 0xf_ffff }), &[("trusted.x", b"")]),
        entry("dev/sda1", Node::Block { major: 8, minor: 257 }),
        entry("dev/fifo", Node::Fifo),
        with_xattrs(
            entry("dev/log", Node::Socket),
            &[("user.a", b"1"), ("user.b", b"long enough to be shared")],
        ),
        with_xattrs(entry("dev/pipe", Node::Fifo), &[("user.b", b"long enough to be shared")]),
        entry("etc/link", Node::Symlink(b"../bin/su"[..].into())),
        with_xattrs(entry("etc/xlink", Node::Symlink(b"x"[..].into())), &[("trusted.t", b"t")]),
        owned(entry("empty", Node::Dir), 1000, 100, 0o1777, i64::from(u32::MAX)),
        entry("zero", Node::File { content: Content::empty(), dense: false }),
        file(store, &long, b"long name"),
        odd,
    ])
}

/// Sizes at which something changes, for blocks of `block` bytes.
pub fn sizes(block: u64) -> Vec<u64> {
    let around = |at: u64| [at.saturating_sub(1), at, at + 1];
    [0, block / 2, block, 2 * block, 3 * block + block / 2].into_iter().flat_map(around).collect()
}

/// A tree by chance: `count` entries over some directories; without devices when `plain`.
pub fn random(store: &MemoryStore, seed: u64, count: usize, block: u64, plain: bool) -> Tree {
    let mut rng = Rng(seed);
    let mut entries = Vec::new();
    let mut folders = vec![String::new()];
    let mut known: Vec<Vec<u8>> = vec![b"first".to_vec()];
    for number in 0..count {
        let folder = folders[rng.below(folders.len() as u64) as usize].clone();
        let path = format!("{folder}{:x}-{number}", rng.below(1 << (4 * (1 + number % 8))));
        let made = match rng.below(if plain { 10 } else { 13 }) {
            0 => {
                folders.push(format!("{path}/"));
                entry(&path, Node::Dir)
            }
            1 => entry(&path, Node::Symlink(rng.bytes(1 + number).iter().map(|byte| byte | 1).collect())),
            2 => {
                let data = known[rng.below(known.len() as u64) as usize].clone();
                file(store, &path, &data)
            }
            3 => {
                let (at, len) = (rng.below(4 * block), rng.below(block));
                let data = rng.bytes(len as usize + 1);
                pieced(store, &path, 7 * block + at, &[(at, &data), (at + 2 * block, &data)])
            }
            4 => {
                let data = rng.bytes(number % 50);
                let (one, two) =
                    (linked(file(store, &path, &data), number as u32 + 1), format!("{path}-again"));
                entries.push(one.clone());
                Entry { path: BytePath(two.into_bytes()), ..one }
            }
            10 => {
                entry(&path, Node::Char { major: rng.below(4096) as u32, minor: rng.below(1 << 20) as u32 })
            }
            11 => {
                entry(&path, Node::Block { major: rng.below(4096) as u32, minor: rng.below(1 << 20) as u32 })
            }
            12 => entry(&path, Node::Fifo),
            _ => {
                let all = sizes(block);
                let len = all[rng.below(all.len() as u64) as usize];
                let len = if rng.below(2) == 0 { len } else { rng.below(300) };
                let data = rng.bytes(len as usize);
                known.push(data.clone());
                file(store, &path, &data)
            }
        };
        entries.push(made);
    }
    vary(&mut entries, &mut rng, plain);
    tree(entries)
}

/// Gives entries owners, modes, times and, where `plain`, attributes that every host can hold.
fn vary(entries: &mut [Entry], rng: &mut Rng, plain: bool) {
    for made in entries.iter_mut().filter(|made| made.link.is_none()) {
        made.meta.uid = rng.below(5) as u32 * 1000;
        made.meta.gid = rng.below(3) as u32;
        made.meta.mtime = rng.below(1 << 32) as i64;
        if !matches!(made.node, Node::Symlink(_)) {
            made.meta.mode = 0o400 | rng.below(0o1000) as u16;
        }
        if matches!(made.node, Node::Dir) {
            made.meta.mode |= 0o700;
        }
        if rng.below(4) == 0 && !matches!(made.node, Node::Symlink(_)) && plain {
            let value = rng.bytes([0, 40, 3000][made.meta.gid as usize]);
            made.xattrs = Box::new([(b"user.some"[..].into(), value.into())]);
        }
    }
}
