//! UDF beside ISO 9660 in one volume (a "bridge"): a third hierarchy, of Unicode names and whole files of any length, over the same
//! contents. Windows, macOS and Linux take it before the others.
//!
//! Blocks are counted from [`PARTITION`] on. Reading order: [`field`] and [`name`]; [`layout`]; [`volume`], [`node`].
//!
//! Sources: ECMA-167 (3rd edition; sections as 4/14.9), the OSTA Universal Disk Format Specification 1.02, and what `fs/udf` of
//! Linux takes.

mod field;
mod layout;
mod name;
mod node;
mod volume;

use std::io;

use imgc_image::BytesBuilder;

pub use self::layout::Layout;
use super::{contents::SECTOR, directory::View, options::Options};

/// The first sector of the partition: the one after the anchor.
pub const PARTITION: u64 = volume::ANCHOR + 1;

/// What the descriptors say.
pub struct Volume<'a> {
    /// The options of the volume.
    pub options: &'a Options,
    /// Where things lie.
    pub layout: &'a Layout,
    /// The first sector of the volume's recognition sequence: after the descriptors of ISO 9660.
    pub recognition: u64,
    /// Sectors of the volume.
    pub sectors: u64,
}

/// Writes everything but the contents.
///
/// # Errors
/// When the store cannot take it.
pub fn write(volume: &Volume<'_>, view: &View<'_, '_>, out: &mut BytesBuilder<'_>) -> io::Result<()> {
    for (sector, bytes) in volume::before(volume) {
        out.put(sector * SECTOR, &bytes)?;
    }
    node::write(volume.layout, view, out)?;
    let last = volume.sectors - 1;
    out.put(last * SECTOR, &volume::anchor(last))
}
