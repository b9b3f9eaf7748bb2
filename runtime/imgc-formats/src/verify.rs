//! What makes a medium bootable, and what is wrong with that: for images that anyone made.
//!
//! ```text
//! disk ─ table, partitions, filesystems                 what firmware and loaders see
//! bios ─ sector 0 → grub | syslinux | partition         from a disk, under a BIOS
//! cd   ─ El Torito's catalogue → grub | isolinux | uefi from a CD
//! uefi ─ FAT → /EFI/BOOT → grub | entries | UKI         from a disk, under UEFI
//! ```
//!
//! Each way to boot is followed to the files that it starts. This room stands above the families: it asks them what there is, and they know nothing of it.
//! Nothing in an image is trusted, and everything that is read is bounded.

mod bios;
mod cd;
mod core;
mod disk;
mod entries;
mod files;
mod grub;
mod report;
mod script;
mod syslinux;
mod uefi;

#[cfg(test)]
mod tests;

use imgc_image::ReadAt;

pub use self::report::{BootPath, Finding, Firmware, Level, Medium, Report, State};

/// Follows every way in which firmware could start an image. What cannot be read is a finding, too.
pub fn verify(image: &dyn ReadAt) -> Report {
    let mut report = Report::default();
    if let Some(finding) = uefi::application(image) {
        report.say(finding);
        return report;
    }
    let listing = disk::list(image, &mut report);
    let disk = disk::Disk::open(image, &listing);
    report.add(bios::check(&disk));
    uefi::check(&disk).into_iter().for_each(|trail| report.add(Some(trail)));
    cd::check(&disk).into_iter().for_each(|trail| report.add(Some(trail)));
    report
}
