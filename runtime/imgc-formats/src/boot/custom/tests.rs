//! Tests of the whole loader: what is placed and stamped, and what is refused.

use std::sync::Arc;

use imgc_image::{
    Bytes, Content, Entry, Failure, MemoryStore, Meta, Node, Reader, Store, Tree, TreeBuilder, build::overlay,
};
use imgc_plan::{
    Data, Record,
    layout::{Layout, PartRole, PlacedPart},
    step::{LoaderHome, PartHome},
    tree::BytePath,
};

use super::Custom;
use crate::boot::{Loader, LoaderJob, Locate, StampJob};

const MIB: u64 = 1 << 20;

/// `/kernel` lies at 1 MiB and 16 KiB, `/two` in two pieces.
struct Files;

impl Locate for Files {
    fn runs(&self, partition: &str, path: &[u8]) -> Result<Vec<(u64, u64)>, Failure> {
        assert_eq!(partition, "data");
        Ok(match path {
            b"kernel" => vec![(MIB + 0x4000, 1000)],
            b"two" => vec![(MIB + 0x8000, 512), (MIB + 0x9000, 512)],
            _ => vec![],
        })
    }
}

fn record(pairs: &[(&str, &[&str])]) -> Record {
    let data = |name: &str, texts: &[&str]| match name {
        "boot" | "boot-at" => Data::from(texts[0]),
        _ => Data::List(texts.iter().map(|text| Data::from(*text)).collect()),
    };
    pairs.iter().map(|(name, texts)| ((*name).to_owned(), data(name, texts))).collect()
}

fn home(table: &str, filesystem: &str) -> LoaderHome {
    let own = PartHome {
        name: "data".into(),
        number: 1,
        type_code: "0c".into(),
        filesystem: filesystem.into(),
        options: Record::new(),
    };
    LoaderHome::Disk { table: table.into(), own, esp: None }
}

fn part(name: &str, start: u64) -> PlacedPart {
    PlacedPart {
        name: name.into(),
        number: 1,
        role: PartRole::Primary,
        start,
        len: MIB,
        type_code: "0c".into(),
        table_name: String::new(),
        uuid: None,
        bootable: false,
        attributes: 0,
    }
}

/// A boot sector that jumps over a FAT's fields.
fn boot(len: usize) -> Vec<u8> {
    let mut boot = vec![0xb0; len];
    boot[..3].copy_from_slice(&[0xeb, 0x58, 0x90]);
    boot
}

fn source(store: &MemoryStore) -> Tree {
    let mut mark = boot(512);
    mark[440..510].fill(0);
    mark[510..].copy_from_slice(&[0x55, 0xaa]);
    let mut builder = TreeBuilder::new();
    for (path, bytes) in [
        ("boot.bin", boot(136)),
        ("marked.bin", mark),
        ("long.bin", boot(450)),
        ("huge.bin", boot(2000)),
        ("plain.bin", vec![0xfa; 100]),
        ("stage2.bin", vec![0x52; 1300]),
        ("more.bin", vec![0x53; 600]),
    ] {
        let id = store.put(&bytes).expect("stored");
        let content = Content::Blob { id, len: bytes.len() as u64 };
        builder.push(Entry {
            path: BytePath(path.into()),
            meta: Meta::new(0o600, 5),
            xattrs: Box::default(),
            link: None,
            node: Node::File { content, dense: false },
        });
    }
    builder.finish(5).expect("a tree")
}

/// A disk of 4 MiB with a FAT16 of our own making at 1 MiB, as the loader leaves it.
fn made(options: &Record, table: &str, filesystem: &str, parts: Vec<PlacedPart>) -> Result<Vec<u8>, Failure> {
    assert_eq!(Custom.check(options), []);
    let store = MemoryStore::default();
    let (home, source) = (home(table, filesystem), source(&store));
    let job = LoaderJob { options, source: Some(&source), menu: None, home: &home, store: &store };
    let image =
        if Custom.products(options, &home).image { Some(Arc::new(Custom.image(&job)?)) } else { None };
    let mut disk = vec![0; 4 << 20];
    disk[440..512].fill(0xee);
    let start = usize::try_from(parts.first().map_or(MIB, |part| part.start)).expect("small");
    disk[start..start + 512].fill(0xdd);
    disk[start + 22] = 1;
    let layout = Layout { len: 4 * MIB, sector_size: 512, parts };
    let bytes = Arc::new(Bytes::blob(store.put(&disk).expect("stored"), 4 * MIB));
    let pieces = Custom.stamp(&StampJob {
        options,
        home: &home,
        layout: &layout,
        disk: &bytes,
        image: image.as_ref(),
        files: &Files,
        store: &store,
    })?;
    let stamped = overlay(&store, &bytes, &pieces).expect("pieces that do not overlap");
    Ok(Reader::new(&stamped, &store).read_all(4 * MIB).expect("readable"))
}

fn message(failure: Failure) -> String {
    match failure {
        Failure::Problems(problems) => {
            problems.iter().map(|p| format!("{}: {} ({:?})\n", p.code, p.message, p.help)).collect()
        }
        other => panic!("not the manifest's fault: {other}"),
    }
}

#[test]
fn stages_lie_in_the_gap_and_numbers_say_where() {
    let options = record(&[
        ("boot", &["boot.bin"]),
        ("stages", &["stage2.bin at=gap", "more.bin at=gap"]),
        (
            "stamps",
            &[
                "in=boot.bin offset=4 width=u64 value=stage2.bin.lba",
                "in=boot.bin offset=0xc width=u16 value=stage2.bin.sectors plus=1",
                "in=boot.bin offset=14 width=u8 value=more.bin.lba",
                "in=more.bin offset=0 width=u32 value=partition.offset",
                "in=more.bin offset=4 width=u32 value=partition:data.sectors",
                "in=more.bin offset=8 width=u64 value=disk.bytes",
                "in=stage2.bin offset=1296 width=u32 value=/kernel.lba",
                "in=/kernel offset=996 width=u32 value=/kernel.bytes",
            ],
        ),
    ]);
    let disk = made(&options, "mbr", "vfat", vec![part("data", MIB)]).expect("made");
    assert_eq!(disk[..4], [0xeb, 0x58, 0x90, 0xb0]);
    assert_eq!(disk[4..15], [1, 0, 0, 0, 0, 0, 0, 0, 4, 0, 4]);
    assert!(disk[136..440] == [0; 304] && disk[440..512] == [0xee; 72]);
    assert!(disk[512..1808] == [0x52; 1296] && disk[1808..1812] == (2048_u32 + 32).to_le_bytes());
    assert_eq!(disk[2048..2056], [0, 0, 0x10, 0, 0, 8, 0, 0]);
    assert_eq!(disk[2056..2064], (4 * MIB).to_le_bytes());
    assert_eq!(disk[0x10_4000 + 996..0x10_4000 + 1000], 1000_u32.to_le_bytes());
}

#[test]
fn a_boot_sector_of_a_fat_keeps_its_fields() {
    let options = record(&[("boot", &["boot.bin"]), ("boot-at", &["partition"])]);
    let disk = made(&options, "gpt", "vfat", vec![part("data", MIB)]).expect("made");
    let sector = &disk[1 << 20..][..512];
    assert!(
        sector[..3] == [0xeb, 0x58, 0x90] && sector[62..136] == [0xb0; 74] && sector[136..510] == [0; 374]
    );
    assert!(sector[3..22] == [0xdd; 19] && sector[510..] == [0x55, 0xaa]);
    assert_eq!(disk[..440], [0; 440]);
    let bare = record(&[("boot", &["marked.bin"]), ("boot-at", &["partition"])]);
    let disk = made(&bare, "bare", "ext4", vec![part("data", 0)]).expect("made");
    assert!(disk[..440] == boot(440) && disk[510..512] == [0x55, 0xaa]);
}

#[test]
fn what_does_not_fit_is_refused_by_how_much() {
    let whole = || vec![part("data", MIB)];
    let boot_of = |path: &'static str| record(&[("boot", &[path])]);
    let at = |path: &'static str| record(&[("boot", &[path]), ("boot-at", &["partition"])]);
    let stage = |text: &'static str| record(&[("stages", &[text])]);
    let stamp = |text: &'static str| record(&[("boot", &["boot.bin"]), ("stamps", &[text])]);
    for (options, parts, wanted) in [
        (boot_of("long.bin"), whole(), "10 bytes too long"),
        (boot_of("huge.bin"), whole(), "at most 512"),
        (boot_of("boot.bin"), vec![part("data", 0)], "belongs to the partition"),
        (boot_of("lost.bin"), whole(), "no file at `lost.bin`"),
        (at("plain.bin"), whole(), "does not jump"),
        (stage("stage2.bin at=gap"), vec![part("data", 1024)], "788 too few"),
        (stage("stage2.bin at=100B"), whole(), "begins no sector"),
        (stage("stage2.bin at=0"), whole(), "over the table"),
        (stage("stage2.bin at=1023KiB"), whole(), "over the partition `data`"),
        (stage("stage2.bin at=4096KiB"), whole(), "the end of the disk"),
        (stage("stage2.bin in=data"), whole(), "holds the loader's files"),
        (stage("stage2.bin in=other"), whole(), "no partition `other`"),
        (stage("stage2.bin in=used"), vec![part("used", MIB), part("data", 2 * MIB)], "lies already"),
        (
            record(&[("stages", &["stage2.bin at=1KiB", "more.bin at=2KiB"])]),
            whole(),
            "`stage2.bin` and `more.bin` overlap",
        ),
        (stamp("in=boot.bin offset=0 width=u8 value=partition.lba"), whole(), "does not fit into 8 bits"),
        (stamp("in=boot.bin offset=135 width=u16 value=disk.lba"), whole(), "past the end"),
        (stamp("in=boot.bin offset=0 width=u16 value=partition:x.lba"), whole(), "a partition `x`"),
        (stamp("in=boot.bin offset=0 width=u16 value=/none.lba"), whole(), "lies nowhere"),
        (stamp("in=boot.bin offset=0 width=u16 value=/two.lba"), whole(), "2 pieces"),
    ] {
        let refused = message(made(&options, "mbr", "vfat", parts).expect_err(wanted));
        assert!(refused.contains(wanted), "{wanted}: {refused}");
    }
}

#[test]
fn words_that_mean_nothing_are_refused_before_anything_runs() {
    let wrong = record(&[
        ("boot", &["../boot.bin"]),
        ("stages", &["a.bin", "b.bin at=gap x=1", "at=gap", "c.bin at=gap", "c.bin at=1KiB", "d.bin at=x"]),
        ("files", &["e.bin", "e.bin to=rel", "e.bin to=/a/../b"]),
        (
            "stamps",
            &[
                "in=z.bin offset=0 width=u8 value=disk.lba",
                "in=disk offset=0 width=u8 value=disk.lba",
                "in=c.bin offset=x width=u8 value=disk.lba",
                "in=c.bin offset=0 width=u24 value=disk.lba",
                "in=c.bin offset=0 width=u8 value=disk.size",
                "in=c.bin offset=0 width=u8 value=disk",
                "in=c.bin offset=0 width=u8",
                "in=c.bin offset=0 width=u32 value=disk.lba",
                "in=c.bin offset=3 width=u8 value=disk.lba",
                "in=c.bin in=c.bin offset=9 width=u8 value=disk.lba",
            ],
        ),
    ]);
    let problems = Custom.check(&wrong);
    let of = |option: &str| problems.iter().filter(|problem| problem.option == Some(option)).count();
    assert_eq!((of("boot"), of("stages"), of("files"), of("stamps")), (1, 5, 3, 9), "{problems:#?}");
    assert!(Custom.check(&Record::new())[0].message.contains("does nothing"));
    let exfat = record(&[("boot", &["boot.bin"]), ("boot-at", &["partition"])]);
    assert!(Custom.check_home(&exfat, &home("mbr", "exfat"))[0].message.contains("leaves no room"));
    assert!(Custom.check_home(&exfat, &LoaderHome::Network)[0].message.contains("network"));
}

#[test]
fn files_that_are_stamped_lie_alone() {
    let options = record(&[
        ("files", &["stage2.bin to=/kernel", "more.bin to=/other"]),
        ("stamps", &["in=/kernel offset=0 width=u32 value=disk.sectors"]),
    ]);
    let store = MemoryStore::default();
    let (home, source) = (home("mbr", "vfat"), source(&store));
    assert!(!Custom.products(&options, &home).image);
    let job = LoaderJob { options: &options, source: Some(&source), menu: None, home: &home, store: &store };
    let tree = Custom.files(&job).expect("made");
    for (path, expected) in [("kernel", true), ("other", false)] {
        let Some(Node::File { dense, .. }) = tree.get(path.as_bytes()).map(|entry| &entry.node) else {
            panic!("{path} is missing")
        };
        assert_eq!(*dense, expected, "{path}");
    }
    let disk = made(&options, "mbr", "vfat", vec![part("data", MIB)]).expect("made");
    assert_eq!(disk[0x10_4000..0x10_4004], 8192_u32.to_le_bytes());
}
