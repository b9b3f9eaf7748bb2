//! Tests of the whole loader over files of our own making; Debian's are the outside truth where it boots.

mod cut;
mod menu;
mod stamping;

use imgc_image::{Content, Entry, Failure, MemoryStore, Meta, Node, Reader, Store, Tree, TreeBuilder};
use imgc_plan::{
    Data, Record,
    menu::{BootAction, Console, Menu, MenuEntry},
    step::{LoaderHome, PartHome},
    tree::BytePath,
};

use super::{Syslinux, core::MAGIC};
use crate::boot::{Loader, LoaderJob};

/// A boot sector that passes every check.
fn boot_sector() -> Vec<u8> {
    let mut boot = vec![0x42; 512];
    boot[..11].copy_from_slice(b"\xeb\x58\x90SYSLINUX");
    boot[0x1f8..0x1fc].copy_from_slice(&MAGIC.to_le_bytes());
    boot[0x1fe..].copy_from_slice(&[0x55, 0xaa]);
    boot
}

/// An `ldlinux.sys` of eight sectors that passes every check: extended area at 0x100, map of three extents at 0x200, directory at
/// 0x240, ADV pointers at 0x3c0, banner at 0x400, compressed part from 0x440 to 0xf80.
fn core() -> Vec<u8> {
    let mut core: Vec<u8> = (0..4096_u32).map(|at| (at * 7 % 251) as u8).collect();
    core[..0x18].copy_from_slice(b"\r\nSYSLINUX 6.04 \0\r\n\x1a\0\0\0\0");
    core[0x18..0x1c].copy_from_slice(&MAGIC.to_le_bytes());
    core[0x1c + 18..0x30].copy_from_slice(&0x100_u16.to_le_bytes());
    for (index, field) in [0x3c0_u16, 0x240, 64, 0, 0, 0x200, 3, 0x11a, 0x120, 0x1ca].iter().enumerate() {
        core[0x100 + 2 * index..][..2].copy_from_slice(&field.to_le_bytes());
    }
    core[0x3fc..0x400].copy_from_slice(&0xb40_u32.to_le_bytes());
    core[0x400..0x410].copy_from_slice(b"\r\nSYSLINUX 6.04 ");
    core[0xf7d..0xf80].copy_from_slice(&[0x11, 0, 0]);
    core[0xf80..].fill(0);
    core
}

/// A module that needs others: ELF with one segment that holds everything, for 32 or 64 bits.
fn module(wide: bool, needs: &[&str]) -> Vec<u8> {
    let word = if wide { 8 } else { 4 };
    let number = |value: u64| value.to_le_bytes()[..word].to_vec();
    let (header, entry) = if wide { (64, 56) } else { (52, 32) };
    let dynamic = header + 2 * entry;
    let strings = dynamic + 2 * word * (needs.len() + 2);
    let (mut names, mut table) = (vec![0], Vec::new());
    for need in needs {
        table.extend([number(1), number(names.len() as u64)].concat());
        names.extend([need.as_bytes(), &[0]].concat());
    }
    table.extend([number(5), number(strings as u64), number(0), number(0)].concat());
    let len = strings + names.len();
    let segment = |kind: u32, at: usize, len: usize| {
        let kind = kind.to_le_bytes().to_vec();
        let fields = [number(at as u64), number(at as u64), number(at as u64), number(len as u64)].concat();
        let flags = vec![0; 4];
        let mut out = if wide { [kind, flags, fields].concat() } else { [kind, fields].concat() };
        out.resize(entry, 0);
        out
    };
    let mut out = b"\x7fELF\x01\x01".to_vec();
    out[4] = if wide { 2 } else { 1 };
    out.resize(header, 0);
    out[16..20].copy_from_slice(&[3, 0, 3, 0]);
    let (at, size, count) = if wide { (32, 54, 56) } else { (28, 42, 44) };
    out[at..at + word].copy_from_slice(&number(header as u64));
    out[size] = entry as u8;
    out[count] = 2;
    if !wide {
        // Section headers: two of 40 bytes end the file.
        out[32..36].copy_from_slice(&u32::try_from(len).expect("small").to_le_bytes());
        (out[46], out[48]) = (40, 2);
    }
    out.extend(segment(1, 0, len));
    out.extend(segment(2, dynamic, table.len()));
    out.extend(table);
    out.extend(names);
    out.extend(vec![0; if wide { 0 } else { 80 }]);
    out
}

/// An installer that holds the three parts between other things.
fn installer() -> Vec<u8> {
    let other = |len: usize| vec![0x90; len];
    [other(1000), boot_sector(), other(32), core(), other(31), module(false, &[]), other(500)].concat()
}

/// What packages have, as they have it.
fn supply(store: &MemoryStore) -> Tree {
    let bios = "usr/lib/syslinux/modules/bios";
    let efi = "usr/lib/syslinux/modules/efi64";
    tree(
        store,
        &[
            ("usr/bin/syslinux", installer()),
            ("usr/lib/syslinux/mbr/mbr.bin", vec![1; 440]),
            ("usr/lib/SYSLINUX/mbr.bin", vec![1; 440]),
            ("usr/lib/syslinux/mbr/gptmbr.bin", vec![2; 440]),
            ("usr/lib/ISOLINUX/isohdpfx.bin", vec![3; 432]),
            ("usr/lib/PXELINUX/pxelinux.0", b"pxelinux".to_vec()),
            ("usr/lib/SYSLINUX.EFI/efi64/syslinux.efi", b"efi".to_vec()),
            (&format!("{bios}/ldlinux.c32"), module(false, &[])),
            (&format!("{bios}/menu.c32"), module(false, &["libutil.c32"])),
            (&format!("{bios}/vesamenu.c32"), module(false, &["libutil.c32", "libcom32.c32"])),
            (&format!("{bios}/mboot.c32"), module(false, &["libcom32.c32"])),
            (&format!("{bios}/chain.c32"), module(false, &["libutil.c32"])),
            (&format!("{bios}/reboot.c32"), module(false, &[])),
            (&format!("{bios}/poweroff.c32"), module(false, &[])),
            (&format!("{bios}/libutil.c32"), module(false, &[])),
            (&format!("{bios}/libcom32.c32"), module(false, &["libutil.c32"])),
            (&format!("{efi}/ldlinux.e64"), module(true, &[])),
            (&format!("{efi}/menu.c32"), module(true, &["libutil.c32"])),
            (&format!("{efi}/libutil.c32"), module(true, &[])),
        ],
    )
}

fn tree(store: &MemoryStore, files: &[(&str, Vec<u8>)]) -> Tree {
    let mut builder = TreeBuilder::new();
    for (path, bytes) in files {
        let id = store.put(bytes).expect("stored");
        builder.push(Entry {
            path: BytePath(path.as_bytes().to_vec()),
            // Attributes that must not reach the image.
            meta: Meta { mode: 0o4751, uid: 7, gid: 8, mtime: 9, mtime_nanos: 1 },
            xattrs: Box::default(),
            link: None,
            node: Node::File { content: Content::Blob { id, len: bytes.len() as u64 }, dense: false },
        });
    }
    builder.finish(9).expect("a tree")
}

fn home(table: &str, filesystem: &str) -> LoaderHome {
    let own = PartHome {
        name: "boot".into(),
        number: 1,
        type_code: "83".into(),
        filesystem: filesystem.into(),
        options: Record::new(),
    };
    LoaderHome::Disk { table: table.into(), own, esp: None }
}

fn options(pairs: &[(&str, Data)]) -> Record {
    pairs.iter().map(|(name, data)| ((*name).to_owned(), data.clone())).collect()
}

fn entry(name: &str, actions: Vec<BootAction>) -> MenuEntry {
    MenuEntry { name: name.into(), title: format!("Entry {name}"), actions, ..MenuEntry::default() }
}

fn linux(args: &str) -> BootAction {
    BootAction::Linux { path: "/boot/vmlinuz".into(), args: args.into() }
}

fn one(entry: MenuEntry) -> Menu {
    let consoles = vec![Console::Screen, Console::Serial { speed: 115_200 }];
    Menu { timeout: Some(1500), default: None, consoles, entries: vec![entry] }
}

fn files(store: &MemoryStore, record: &Record, home: &LoaderHome, menu: &Menu) -> Result<Tree, Failure> {
    let source = supply(store);
    Syslinux.files(&LoaderJob { options: record, source: Some(&source), menu: Some(menu), home, store })
}

fn read(store: &MemoryStore, tree: &Tree, path: &str) -> Vec<u8> {
    let entry = tree.get(path.as_bytes()).unwrap_or_else(|| panic!("{path} is missing"));
    let Node::File { content, .. } = &entry.node else { panic!("{path} is no file") };
    Reader::new(&content.to_bytes(), store).read_all(1 << 20).expect("readable")
}

fn paths(tree: &Tree) -> Vec<String> {
    let files = tree.entries().iter().filter(|entry| !entry.is_dir());
    files.map(|entry| entry.path.to_string()).collect()
}

fn message(failure: Failure) -> String {
    match failure {
        Failure::Problems(problems) => {
            problems.iter().map(|p| format!("{}: {} ({:?})\n", p.code, p.message, p.help)).collect()
        }
        other => panic!("not the manifest's fault: {other}"),
    }
}
