//! What tests of both tables need: disks from the solver, files of them, other people's tools.

use std::{process::Command, sync::Arc};

use imgc_image::{Bytes, BytesBuilder, Failure, MemoryStore, Reader, Store};
use imgc_plan::{
    Data, Record,
    kind::Traits,
    layout::{DiskSpec, Layout, PartRole, PartSize, PartSpec, TableRules, solve},
};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::Table;

pub(super) const MIB: u64 = 1 << 20;

/// A disk under test.
pub(super) struct Disk {
    pub(super) layout: Layout,
    pub(super) bytes: Arc<Bytes>,
    pub(super) store: MemoryStore,
}

/// A primary partition of so many bytes, wherever it comes to lie.
pub(super) fn part(number: u32, type_code: &str, len: u64) -> PartSpec {
    PartSpec {
        name: format!("p{number}"),
        number,
        role: PartRole::Primary,
        start: None,
        align: MIB,
        size: PartSize::Exact(len),
        type_code: type_code.into(),
        table_name: String::new(),
        uuid: Some(format!("00000000-0000-8000-8000-{number:012x}")),
        bootable: false,
        attributes: 0,
        system_area: 0,
    }
}

/// A solved layout with the table's own rules.
pub(super) fn layout(table: &dyn Table, len: Option<u64>, sector_size: u32, parts: Vec<PartSpec>) -> Layout {
    let Traits::Table(traits) = &table.kind().traits else { panic!("a table has a table's traits") };
    let rules = TableRules::of(traits, sector_size).expect("a known sector size");
    solve(&DiskSpec { len, sector_size, rules, parts }, &[]).expect("a layout")
}

/// One option as a record.
pub(super) fn option(name: &str, value: Data) -> Record {
    Record::from([(name.to_owned(), value)])
}

/// Writes a disk in which every partition holds its number in its first byte and nothing else.
pub(super) fn write(table: &dyn Table, options: &Record, layout: Layout) -> Result<Disk, Failure> {
    let store = MemoryStore::default();
    let content = |number: u32| {
        let mut bytes = BytesBuilder::new(&store);
        bytes.blob(0, store.put(&number.to_le_bytes()).expect("stored"), 0, 1);
        Arc::new(bytes.finish(1).expect("made"))
    };
    let parts: Vec<_> = layout.parts.iter().map(|part| Some(content(part.number))).collect();
    let mut out = BytesBuilder::new(&store);
    table.write(options, &layout, &parts, &mut out)?;
    let bytes = Arc::new(out.finish(layout.len).expect("no overlaps"));
    Ok(Disk { layout, bytes, store })
}

impl Disk {
    /// Some bytes of it.
    pub(super) fn read(&self, at: u64, len: usize) -> Vec<u8> {
        let mut buf = vec![0; len];
        Reader::new(&self.bytes, &self.store).read_at(at, &mut buf).expect("reads");
        buf
    }

    /// Its dump.
    pub(super) fn dump(&self, table: &dyn Table) -> String {
        table.dump(&Reader::new(&self.bytes, &self.store)).expect("dumps")
    }

    /// SHA-256 of all its bytes.
    pub(super) fn sha256(&self) -> String {
        let all = Reader::new(&self.bytes, &self.store).read_all(64 * MIB).expect("small");
        Sha256::digest(all).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// A sparse file of it, and the directory that removes it in the end.
    pub(super) fn file(&self) -> (TempDir, String) {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("disk.img");
        crate::testing::write_sparse(&self.bytes, &self.store, &path).expect("written");
        let path = path.to_str().expect("UTF-8").to_owned();
        (dir, path)
    }
}

/// Runs a tool that must succeed, and gives its output with its complaints. Partitioning tools lie in `/sbin`, which is not
/// in everyone's path.
pub(super) fn tool(package: &str, name: &str, args: &[&str]) -> String {
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    let mut command = Command::new(name);
    crate::testing::run(package, command.args(args).env("PATH", path).env("LC_ALL", "C.UTF-8"))
}

/// What sfdisk says of each partition: number, first sector, sectors, and the rest of the line.
pub(super) fn sfdisk_dump(path: &str) -> Vec<(u32, u64, u64, String)> {
    let text = tool("fdisk", "sfdisk", &["--dump", path]);
    let number =
        |text: &str| text.trim().trim_start_matches("start=").trim_start_matches("size=").trim().parse();
    let line = |line: &str| {
        let (device, rest) = line.strip_prefix(path)?.split_once(':')?;
        let mut fields = rest.splitn(3, ',');
        let mut next = || fields.next().expect("a field");
        let (start, size) = (number(next()).expect("a start"), number(next()).expect("a size"));
        Some((device.trim().parse().ok()?, start, size, next().trim().to_owned()))
    };
    text.lines().filter_map(line).collect()
}
