//! What of a disk can be made, but firmware may not like. This room stands above the families, as `verify` does.
//!
//! UEFI 2.10, section 13.3: firmware reads FAT32 in the system partition of a disk, FAT12 and FAT16 on removable media.

use imgc_image::{Problem, ReadAt};
use imgc_plan::{
    kind::{OptionProblem, Traits},
    layout::{Layout, PlacedPart},
    step::PartHome,
};

use crate::{fs::fat_bits, table};

/// The name that tables have for the type of an EFI system partition.
const ESP: &str = "esp";

/// The only filesystem that all UEFI firmware reads.
const FAT: &str = "vfat";

/// What firmware may not like of a partition, as far as it is known before anything runs.
pub fn partition(table: &str, part: &PartHome) -> Vec<(&'static str, OptionProblem)> {
    if !is_esp(table, &part.type_code) || part.filesystem == FAT {
        return Vec::new();
    }
    let message = format!(
        "`{}` is an EFI system partition with `{}`, and UEFI promises to read FAT only",
        part.name, part.filesystem
    );
    let help = "make it `vfat fat=\"32\"`, or give the partition another type".to_owned();
    vec![("esp-not-fat", OptionProblem { option: None, message, help: Some(help) })]
}

/// What firmware may not like of the finished content of a partition.
///
/// # Errors
/// When it cannot be read.
pub fn content(
    table: &str,
    layout: &Layout,
    part: &PlacedPart,
    content: &dyn ReadAt,
) -> std::io::Result<Option<Problem>> {
    // What begins with a volume for CDs is a removable medium.
    let removable = layout.parts.iter().any(|part| part.start == 0);
    if removable || !is_esp(table, &part.type_code) {
        return Ok(None);
    }
    let Some(bits) = fat_bits(content)?.filter(|bits| *bits != 32) else { return Ok(None) };
    let message = format!(
        "the EFI system partition `{}` holds FAT{bits}, which UEFI promises to read on removable media only, on disks FAT32",
        part.name
    );
    // 65525 clusters of a sector at least, and what lies before them.
    let least = if layout.sector_size == 4096 { "260MiB" } else { "33MiB" };
    let help = format!(
        "write `vfat fat=\"32\"`, and give the partition at least \"{least}\"; firmware that reads all three starts this, too"
    );
    let problem = Problem::new("esp-not-fat32", message).help(help);
    Ok(Some(Problem { warning: true, part: Some(part.name.clone()), ..problem }))
}

fn is_esp(name: &str, type_code: &str) -> bool {
    let Some(Traits::Table(traits)) = table(name).map(|table| &table.kind().traits) else { return false };
    traits.types.iter().any(|(known, code)| *known == ESP && code.eq_ignore_ascii_case(type_code))
}
