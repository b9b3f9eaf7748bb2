//! No partition table: what is on the disk lies where the layout says, as on a CD or on a disk that is one filesystem.

use std::sync::Arc;

use imgc_image::{Bytes, BytesBuilder, Failure, ReadAt};
use imgc_plan::{
    Family, Kind, Record,
    kind::{OptionProblem, TableTraits, Traits, TypeForm},
    layout::Layout,
};

use super::Table;

/// The kind `bare`.
#[derive(Debug)]
pub struct Bare;

static KIND: Kind = Kind {
    family: Family::Table,
    name: "bare",
    doc: "No partition table: partitions lie on the disk, but nothing lists them. For CDs, and for disks that are one filesystem.",
    since: "0.1.0",
    options: &[],
    traits: Traits::Table(TableTraits {
        head: &[(512, 0), (4096, 0)],
        tail: &[(512, 0), (4096, 0)],
        slots: 0,
        logical: false,
        max_sector: u64::MAX,
        shares_head: false,
        name_units: None,
        uuids: false,
        disk_id: None,
        bootable: false,
        attributes: &[],
        types: &[],
        type_form: TypeForm::Byte,
    }),
};

impl Table for Bare {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn check(&self, _options: &Record) -> Vec<OptionProblem> {
        Vec::new()
    }

    fn write(
        &self,
        _options: &Record,
        layout: &Layout,
        parts: &[Option<Arc<Bytes>>],
        out: &mut BytesBuilder<'_>,
    ) -> Result<(), Failure> {
        super::place::nest(layout, 0, parts, out)
    }

    fn dump(&self, _disk: &dyn ReadAt) -> Result<String, Failure> {
        Ok(String::new())
    }
}
