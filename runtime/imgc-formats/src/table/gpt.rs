//! The GUID partition table (UEFI 2.10, section 5.3), with the protective MBR before it (section 5.2.3).
//!
//! ```text
//! sector 0                protective MBR; its first 440 bytes are left to a boot loader's stamp
//! sector 1                header
//! sector 2 …              128 entries of 128 bytes
//! …                       partitions
//! last sectors            the entries again, and the backup header in the very last sector
//! ```
//! Entries stand in the slots of their partitions' numbers; unused ones are zero.

mod dump;
mod format;
mod hybrid;
mod read;
#[cfg(test)]
mod tests;
mod types;
mod write;

use std::sync::Arc;

use imgc_image::{Bytes, BytesBuilder, Failure, ReadAt};
use imgc_plan::{
    Data, Family, Kind, Opt, OptType, Record,
    kind::{Default, OptionProblem, TableTraits, Traits, TypeForm},
    layout::Layout,
};

use super::{Listed, Table};

/// The kind `gpt`.
#[derive(Debug)]
pub struct Gpt;

static KIND: Kind = Kind {
    family: Family::Table,
    name: "gpt",
    doc: "A GUID partition table: up to 128 partitions with names, on disks of any size, for UEFI and BIOS machines.",
    since: "0.1",
    options: &[
        Opt {
            name: "uuid",
            ty: OptType::Uuid,
            default: Default::Derived,
            doc: "The disk's GUID.",
            since: "0.1",
        },
        Opt {
            name: "hybrid",
            ty: OptType::Texts,
            default: Default::Absent,
            doc: "Up to three partitions, by their names or numbers, that stand in the MBR, too, in this order, for systems that know \
                  no GPT. Such a disk has two tables that must be changed together: name none unless something needs it.",
            since: "0.1",
        },
    ],
    traits: Traits::Table(TableTraits {
        head: &[(512, 2 + 32), (4096, 2 + 4)],
        tail: &[(512, 1 + 32), (4096, 1 + 4)],
        slots: format::ENTRIES,
        logical: false,
        max_sector: u64::MAX,
        shares_head: false,
        name_units: Some(36),
        uuids: true,
        disk_id: None,
        bootable: false,
        attributes: types::ATTRIBUTES,
        types: types::TYPES,
        type_form: TypeForm::Guid,
    }),
};

impl Table for Gpt {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn check(&self, options: &Record) -> Vec<OptionProblem> {
        let uuid = options.get("uuid").and_then(Data::as_text);
        let nil = uuid.and_then(imgc_plan::ids::guid_bytes) == Some([0; 16]);
        let problem = OptionProblem {
            option: Some("uuid"),
            message: "a disk's GUID cannot be all zero".into(),
            help: Some("leave `uuid` out: one is derived from the image's seed".into()),
        };
        let mut found = hybrid::check(options);
        found.extend(nil.then_some(problem));
        found
    }

    fn write(
        &self,
        options: &Record,
        layout: &Layout,
        parts: &[Option<Arc<Bytes>>],
        out: &mut BytesBuilder<'_>,
    ) -> Result<(), Failure> {
        write::write(options, layout, out)?;
        super::place::nest(layout, super::place::head(&KIND, layout), parts, out)
    }

    fn dump(&self, disk: &dyn ReadAt) -> Result<String, Failure> {
        dump::dump(disk)
    }

    fn read(&self, disk: &dyn ReadAt) -> Result<Option<Vec<Listed>>, Failure> {
        read::read(disk)
    }
}
