//! Cases by name, and properties over specifications from a fixed pseudo-random sequence.

mod cases;
mod properties;

use super::*;

const MIB: u64 = 1 << 20;

fn gpt() -> TableRules {
    TableRules { head: 34, tail: 33, slots: 128, logical: false, max_sector: u64::MAX, shares_head: false }
}

fn mbr() -> TableRules {
    TableRules {
        head: 1,
        tail: 0,
        slots: 4,
        logical: true,
        max_sector: u64::from(u32::MAX),
        shares_head: false,
    }
}

fn disk(rules: TableRules, len: Option<u64>, parts: Vec<PartSpec>) -> DiskSpec {
    DiskSpec { len, sector_size: 512, rules, parts }
}

fn part(number: u32, size: PartSize) -> PartSpec {
    PartSpec {
        name: format!("p{number}"),
        number,
        role: PartRole::Primary,
        start: None,
        align: MIB,
        size,
        type_code: "83".into(),
        table_name: String::new(),
        uuid: None,
        bootable: false,
        attributes: 0,
        system_area: 0,
    }
}

fn at(start: u64, part: PartSpec) -> PartSpec {
    PartSpec { start: Some(start), ..part }
}

fn logical(part: PartSpec) -> PartSpec {
    PartSpec { role: PartRole::Logical, ..part }
}

fn fill(weight: u32) -> PartSize {
    PartSize::Fill { weight, min: 0, max: None }
}

fn exact(mib: u64) -> PartSize {
    PartSize::Exact(mib * MIB)
}
