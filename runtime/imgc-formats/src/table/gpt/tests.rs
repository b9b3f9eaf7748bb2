//! Goldens and digests, and what sgdisk, sfdisk, fdisk and the crate `gpt` say.

use imgc_image::{Failure, ReadAt};
use imgc_plan::{
    Data, Record,
    layout::{Layout, PartSize, PartSpec},
};

use super::{Gpt, format, types};
use crate::table::{
    Table,
    testing::{Disk, MIB, layout, option, part, sfdisk_dump, tool, write},
};

const LINUX: &str = "0fc63daf-8483-4772-8e79-3d69d8477de4";
const ESP: &str = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b";

fn options() -> Record {
    option("uuid", Data::from("11111111-2222-8333-8444-555555555555"))
}

fn make(layout: Layout) -> Disk {
    write(&Gpt, &options(), layout).expect("written")
}

fn named(part: PartSpec, name: &str, attributes: u64) -> PartSpec {
    PartSpec { table_name: name.into(), attributes, ..part }
}

fn sample(sector_size: u32) -> Layout {
    let parts = vec![
        named(part(1, ESP, MIB), "EFI system", 1),
        named(part(14, LINUX, 2 * MIB), "größe 😀", 1 << 60 | 1 << 63 | 1 << 50),
        named(part(15, LINUX, 4 * MIB), &"x".repeat(36), 0),
    ];
    layout(&Gpt, Some(16 * MIB), sector_size, parts)
}

/// What other readers must find: number, first sector, how many.
fn wanted(layout: &Layout) -> Vec<(u32, u64, u64)> {
    let sector = u64::from(layout.sector_size);
    layout.parts.iter().map(|part| (part.number, part.start / sector, part.len / sector)).collect()
}

fn assert_sgdisk_is_content(path: &str) {
    let said = tool("gdisk", "sgdisk", &["-v", path]);
    assert!(said.contains("No problems found."), "{said}");
    assert!(!said.contains("Caution") && !said.contains("Warning"), "{said}");
}

fn assert_crate_agrees(disk: &Disk, path: &str) {
    use gpt::disk::LogicalBlockSize::{Lb512, Lb4096};
    let size = if disk.layout.sector_size == 512 { Lb512 } else { Lb4096 };
    let table = gpt::GptConfig::new().logical_block_size(size).only_valid_headers(true).open(path);
    let table = table.expect("both headers are valid");
    assert_eq!(table.guid().to_string(), "11111111-2222-8333-8444-555555555555");
    assert_eq!(
        table.primary_header().expect("valid").backup_lba,
        table.backup_header().expect("valid").current_lba
    );
    let used: Vec<_> = table.partitions().iter().filter(|(_, part)| part.is_used()).collect();
    assert_eq!(used.len(), disk.layout.parts.len());
    for (placed, (number, first, count)) in disk.layout.parts.iter().zip(wanted(&disk.layout)) {
        let read = &table.partitions()[&number];
        assert_eq!((read.first_lba, read.last_lba), (first, first + count - 1));
        assert_eq!(read.part_type_guid.guid.to_string().to_lowercase(), placed.type_code);
        assert_eq!(Some(read.part_guid.to_string()), placed.uuid);
        assert_eq!((&read.name, read.flags), (&placed.table_name, placed.attributes));
    }
}

#[test]
fn a_dump_says_everything() {
    assert_eq!(make(sample(512)).dump(&Gpt), include_str!("tests/sample-512.txt"));
    assert_eq!(make(sample(4096)).dump(&Gpt), include_str!("tests/sample-4096.txt"));
}

#[test]
fn the_bytes_are_pinned() {
    assert_eq!(
        make(sample(512)).sha256(),
        "862f266aca751cbb180c17ddf4c87c461c9f55db6c6ebc41b20db6bafb628458"
    );
    assert_eq!(
        make(sample(4096)).sha256(),
        "954e972357c12c2d243aba3b83d27437c060022d830a3f86c1e2b48ded5ceae0"
    );
}

#[test]
fn the_boot_code_is_left_to_a_loader() {
    let disk = make(sample(512));
    assert_eq!(disk.bytes.extents()[0].at, 446);
    assert_eq!(disk.read(0, 446), [0; 446]);
}

#[test]
fn other_tools_read_the_same() {
    let disk = make(sample(512));
    let (_dir, path) = disk.file();
    assert_sgdisk_is_content(&path);
    assert_crate_agrees(&disk, &path);
    assert!(tool("fdisk", "sfdisk", &["--verify", &path]).contains("No errors detected."));
    let read = sfdisk_dump(&path);
    assert_eq!(
        read.iter().map(|(number, start, size, _)| (*number, *start, *size)).collect::<Vec<_>>(),
        wanted(&disk.layout)
    );
    assert!(read[0].3.contains("uuid=00000000-0000-8000-8000-000000000001"), "{read:?}");
    assert!(read[0].3.ends_with("name=\"EFI system\", attrs=\"RequiredPartition\""), "{read:?}");
    assert!(read[1].3.contains(r#"name="gr\xc3\xb6\xc3\x9fe \xf0\x9f\x98\x80""#), "{read:?}");
    assert!(read[1].3.ends_with("attrs=\"GUID:50,60,63\""), "{read:?}");
}

#[test]
fn sectors_of_4096_bytes_are_read_by_others() {
    let disk = make(sample(4096));
    let (_dir, path) = disk.file();
    assert_crate_agrees(&disk, &path);
    let said = tool("fdisk", "fdisk", &["-b", "4096", "-o", "Device,Start,Sectors,UUID", "-l", &path]);
    assert!(said.contains("Disk identifier: 11111111-2222-8333-8444-555555555555"), "{said}");
    for (number, start, sectors) in wanted(&disk.layout) {
        let device = format!("{path}{number}");
        let line = said.lines().find(|line| line.split_whitespace().next() == Some(&device)).expect("listed");
        let fields: Vec<&str> = line.split_whitespace().skip(1).take(2).collect();
        assert_eq!(fields, [start.to_string(), sectors.to_string()]);
    }
    for complaint in ["corrupt", "invalid", "mismatch"] {
        assert!(!said.to_lowercase().contains(complaint), "{said}");
    }
}

#[test]
fn every_number_of_partitions_is_read_back() {
    for count in [1, 2, 5, 63, 127, 128] {
        let one = |number| PartSpec { align: 4096, ..part(number, LINUX, 4096) };
        for sector_size in [512, 4096] {
            let disk = make(layout(&Gpt, None, sector_size, (1..=count).map(one).collect()));
            let (_dir, path) = disk.file();
            assert_crate_agrees(&disk, &path);
            if sector_size == 512 {
                let said = tool("gdisk", "sgdisk", &["-v", &path]);
                assert!(said.contains("No problems found."), "{said}");
                assert_eq!(sfdisk_dump(&path).len(), count as usize);
            }
        }
    }
}

#[test]
fn a_disk_beyond_2_tib_is_whole() {
    let tib = 1 << 40;
    let fill = PartSpec { size: PartSize::Fill { weight: 1, min: 0, max: None }, ..part(2, LINUX, 0) };
    let disk = make(layout(&Gpt, Some(5 * tib), 512, vec![part(1, LINUX, 3 * tib), fill]));
    let (_dir, path) = disk.file();
    assert_sgdisk_is_content(&path);
    assert_crate_agrees(&disk, &path);
    let record = disk.read(446, 16);
    assert_eq!(record, [0, 0, 2, 0, 0xee, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
}

#[test]
fn the_protective_record_is_that_of_sgdisk() {
    let disk = make(layout(&Gpt, Some(8 * MIB), 512, vec![]));
    let (dir, path) = disk.file();
    assert_sgdisk_is_content(&path);
    assert_crate_agrees(&disk, &path);
    let path = dir.path().join("other.img");
    std::fs::File::create(&path).expect("a file").set_len(8 * MIB).expect("its length");
    tool("gdisk", "sgdisk", &["-o", path.to_str().expect("UTF-8")]);
    assert_eq!(std::fs::read(path).expect("a disk")[..512], disk.read(0, 512));
}

#[test]
fn partitions_are_pointed_at() {
    let disk = make(sample(512));
    for part in &disk.layout.parts {
        assert_eq!(disk.read(part.start, 2), [u8::try_from(part.number).expect("small"), 0]);
    }
}

#[test]
fn what_a_gpt_cannot_say_is_refused_at_once() {
    let parts = vec![
        named(part(1, LINUX, MIB), &"😀".repeat(19), 0),
        named(part(2, "00000000-0000-0000-0000-000000000000", MIB), "a\0b", 0),
        PartSpec { uuid: part(1, LINUX, 1).uuid, ..part(3, LINUX, MIB) },
    ];
    let Err(Failure::Problems(problems)) = write(&Gpt, &options(), layout(&Gpt, None, 512, parts)) else {
        panic!("it was written")
    };
    let said: Vec<_> =
        problems.iter().map(|problem| (problem.code, problem.part.as_deref().expect("a part"))).collect();
    assert_eq!(
        said,
        [
            ("partition-name", "p1"),
            ("partition-type", "p2"),
            ("partition-name", "p2"),
            ("partition-guid", "p3")
        ]
    );
    assert!(problems[0].message.ends_with("has 38 UTF-16 units, 2 more than a GPT holds"));
    let longest = named(part(1, LINUX, MIB), &"😀".repeat(18), 0);
    assert!(write(&Gpt, &options(), layout(&Gpt, None, 512, vec![longest])).is_ok());
    assert_eq!(Gpt.check(&options()), []);
    assert_eq!(Gpt.check(&option("uuid", Data::from("00000000-0000-0000-0000-000000000000"))).len(), 1);
}

#[test]
fn layouts_of_another_table_are_a_bug_and_not_a_panic() {
    let good = sample(512);
    let wrong: &[fn(&mut Layout)] = &[
        |layout| layout.parts[0].start = 512,
        |layout| layout.parts[0].start += 1,
        |layout| layout.parts[0].start = u64::MAX - 511,
        |layout| layout.parts[0].len = 0,
        |layout| layout.parts[2].len = 16 * MIB,
        |layout| layout.parts[0].number = 129,
        |layout| layout.parts[0].number = 14,
        |layout| layout.parts[0].uuid = None,
        |layout| layout.parts[0].bootable = true,
        |layout| layout.parts[0].type_code = "83".into(),
        |layout| layout.sector_size = 0,
        |layout| layout.len = 512,
        |layout| layout.len += 1,
    ];
    for (case, spoil) in wrong.iter().enumerate() {
        let mut layout = good.clone();
        spoil(&mut layout);
        assert!(matches!(write(&Gpt, &options(), layout), Err(Failure::Bug(_))), "case {case}");
    }
}

#[test]
fn hostile_disks_are_refused_or_said_to_be_wrong() {
    let disk = make(sample(512));
    let good = disk.read(0, usize::try_from(16 * MIB).expect("small"));
    let dump = |at: usize, bytes: &[u8]| {
        let mut disk = good.clone();
        disk[at..at + bytes.len()].copy_from_slice(bytes);
        Gpt.dump(&disk)
    };
    assert!(dump(512 + 40, &[9]).expect("dumps").contains("checksums WRONG and right"));
    assert!(dump(1024 + 56, &[9]).expect("dumps").contains("checksums right and WRONG"));
    assert!(dump(1024 + 56, &[9]).expect("dumps").ends_with("the two tables differ\n"));
    assert!(dump(16 * MIB as usize - 512, &[0]).expect("dumps").contains("backup header is missing"));
    for (at, bytes) in [(512, [0; 8]), (512 + 32, [0xff; 8]), (512 + 72, [0xff; 8]), (512 + 80, [0xff; 8])] {
        assert!(matches!(dump(at, &bytes), Err(Failure::Problems(_))), "{at}");
    }
    for len in [0, 100, 512, 600, 1500] {
        let short: &[u8] = &good[..len];
        assert!(matches!(Gpt.dump(&short.to_vec() as &dyn ReadAt), Err(Failure::Problems(_))), "{len}");
    }
}

#[test]
fn whatever_a_disk_says_its_partitions_lie_within_it() {
    let disk = make(sample(512));
    let mut bytes = disk.read(0, 34 * 512 + 4096);
    // The reader takes sums for granted where it must: it lists what the entries say, or refuses.
    bytes.resize(usize::try_from(16 * MIB).expect("small"), 0);
    let (mut refused, mut listed) = (0, 0);
    for at in 512..3 * 512 {
        let before = bytes[at];
        for after in [before ^ 1 << (at % 8), 0xff, 0] {
            bytes[at] = after;
            match Gpt.read(&bytes) {
                Ok(found) => {
                    listed += 1;
                    let found = found.unwrap_or_default();
                    assert!(
                        found.iter().all(|part| part.len > 0 && part.start + part.len <= 16 * MIB),
                        "{at}"
                    );
                }
                Err(_) => refused += 1,
            }
        }
        bytes[at] = before;
    }
    assert!(refused > 20 && listed > 1000, "{refused} {listed}");
}

#[test]
fn types_are_those_that_other_tools_know() {
    let known = tool("fdisk", "sfdisk", &["--label", "gpt", "--list-types"]).to_lowercase();
    // libfdisk does not know these two; gdisk calls them 8309 and 8308.
    let more = ["ca7d7ccb-63ed-4c53-861c-1742536059cc", "7ffec5c9-2d00-49b7-8941-3ea10a5586b7"];
    for (name, code) in types::TYPES {
        assert!(known.contains(code) || more.contains(code), "{name}");
        assert_eq!(types::TYPES.iter().filter(|(other, _)| other == name).count(), 1, "{name}");
    }
    for name in ["linux", "esp", "basic-data", "swap"] {
        assert!(types::TYPES.iter().any(|(known, _)| *known == name));
    }
    assert_eq!(format::ENTRIES, 128);
}

#[test]
fn a_hybrid_mbr_is_that_of_sgdisk() {
    const DATA: &str = "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7";
    const SWAP: &str = "0657fd6d-a4ab-43c4-84e5-0933c84b4f4f";
    let parts = || vec![part(1, ESP, MIB), part(2, LINUX, 8 * MIB), part(3, DATA, MIB), part(4, SWAP, MIB)];
    for (words, theirs) in [(&["p2", "1"][..], "2:1"), (&["1", "p4", "2"], "1:4:2"), (&["4"], "4")] {
        let list = Data::List(words.iter().map(|word| Data::from(*word)).collect());
        let mut hybrid = options();
        hybrid.insert("hybrid".into(), list);
        let layout = || layout(&Gpt, Some(16 * MIB), 512, parts());
        let ours = write(&Gpt, &hybrid, layout()).expect("written");
        let plain = make(layout());
        let (_dir, path) = plain.file();
        tool("gdisk", "sgdisk", &["--hybrid", theirs, &path]);
        let disk = std::fs::read(&path).expect("a disk");
        assert_eq!(disk[440..512], ours.read(440, 72), "{words:?}");
        assert!(ours.dump(&Gpt).contains("hybrid MBR: type"), "{}", ours.dump(&Gpt));
        let (_dir, path) = ours.file();
        let said = tool("gdisk", "sgdisk", &["-v", &path]);
        assert!(said.contains("No problems found."), "{said}");
    }
}

#[test]
fn a_hybrid_mbr_that_cannot_be_is_refused() {
    let option = |words: &[&str]| {
        let mut options = options();
        options.insert("hybrid".into(), Data::List(words.iter().map(|word| Data::from(*word)).collect()));
        options
    };
    assert_eq!(Gpt.check(&option(&["a", "b", "c", "d"])).len(), 1);
    assert_eq!(Gpt.check(&option(&["a", "b", "a"])).len(), 1);
    assert!(Gpt.check(&option(&["a", "2"])).is_empty());
    let home = "773f91ef-66d4-49b5-bd83-d683bf40ad16";
    let bios = "21686148-6449-6e6f-744e-656564454649";
    let parts = vec![part(1, home, MIB), part(2, bios, MIB)];
    let layout = layout(&Gpt, Some(16 * MIB), 512, parts);
    let refused = |words: &[&str]| match write(&Gpt, &option(words), layout.clone()).map(drop) {
        Err(Failure::Problems(problems)) => problems.iter().map(|p| p.message.clone()).collect::<String>(),
        other => panic!("{other:?}"),
    };
    assert!(refused(&["nobody"]).contains("`nobody`"));
    assert!(refused(&["p1", "1"]).contains("`p1` twice"));
    assert!(refused(&["p2"]).contains("no type for `p2`"));
}
