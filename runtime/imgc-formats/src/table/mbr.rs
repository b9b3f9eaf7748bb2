//! The master boot record (UEFI 2.10, section 5.2.1), with logical partitions in a chain of extended boot records.
//!
//! ```text
//! sector 0       boot code (440 bytes, left to a loader's stamp), disk id, four records, 55 aa
//! …              primary partitions; one record may be an extended partition, in which lie
//!   first sector   extended boot record: a logical partition, relative to this sector; the next boot record,
//!                  relative to the extended partition
//!   …              the logical partition, the next boot record, and so on
//! ```

mod dump;
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

/// The kind `mbr`.
#[derive(Debug)]
pub struct Mbr;

/// Records in the master boot record.
const SLOTS: u32 = 4;

/// Offset of the disk id, which follows the boot code (`UniqueMBRDiskSignature`).
const DISK_ID: u64 = 440;

/// `OSType` of the extended partition in the master boot record: the one for disks that are addressed by sector, which
/// Windows requires beyond 8 GB.
const EXTENDED: u8 = 0x0f;

/// `OSType` of the link to the next boot record in the chain.
const LINK: u8 = 0x05;

/// Every type that says "extended partition": 05 and 0f, and 85 of old Linux tools.
const EXTENDED_TYPES: [u8; 3] = [LINK, EXTENDED, 0x85];

static KIND: Kind = Kind {
    family: Family::Table,
    name: "mbr",
    doc: "A master boot record: four primary partitions, or three and logical ones, on disks up to 2 TiB, for BIOS machines and old systems.",
    since: "0.1",
    options: &[Opt {
        name: "disk-id",
        ty: OptType::Serial,
        default: Default::Derived,
        doc: "The disk's id, by which Windows and `root=PARTUUID=` know it; not 0.",
        since: "0.1",
    }],
    traits: Traits::Table(TableTraits {
        head: &[(512, 1), (4096, 1)],
        tail: &[(512, 0), (4096, 0)],
        slots: SLOTS,
        logical: true,
        max_sector: u32::MAX as u64,
        shares_head: true,
        name_units: None,
        uuids: false,
        disk_id: Some("disk-id"),
        bootable: true,
        attributes: &[],
        types: types::TYPES,
        type_form: TypeForm::Byte,
    }),
};

impl Table for Mbr {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn check(&self, options: &Record) -> Vec<OptionProblem> {
        let zero = options.get("disk-id").and_then(Data::as_u64) == Some(0);
        let problem = OptionProblem {
            option: Some("disk-id"),
            message: "a disk id of 0 means that there is none".into(),
            help: Some("leave `disk-id` out: one is derived from the image's seed".into()),
        };
        if zero { vec![problem] } else { Vec::new() }
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

/// The byte of a type by its name; for tables that stand beside this one.
pub(super) fn type_named(name: &str) -> Option<u8> {
    let (_, code) = types::TYPES.iter().find(|(known, _)| *known == name)?;
    u8::from_str_radix(code, 16).ok()
}
