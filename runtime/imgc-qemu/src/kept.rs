//! A disk and the variables of a firmware that are kept from one boot to the next, while the image stays as it is.

use std::{
    fs::{self, File},
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use imgc_plan::test::{Firmware, Medium};
use tempfile::TempDir;

use crate::{Error, Host, Image, Machine, Writes, words};

/// What a machine wrote; gone when this is dropped.
#[derive(Debug)]
pub struct Kept {
    dir: TempDir,
    image: Image,
}

/// Bits of a cluster's size: 64 KiB, as qemu-img has it.
const CLUSTER_BITS: u32 = 16;

impl Kept {
    /// A disk that is at first as this image, of which only what differs takes room.
    ///
    /// # Errors
    /// When the image cannot be read, or there is no room.
    pub fn new(image: &Image) -> Result<Self, Error> {
        let dir = TempDir::with_prefix("imgc-kept-")
            .map_err(|error| Error::Failed(format!("making a temporary directory: {error}")))?;
        let path = dir.path().join("disk");
        let absolute = std::path::absolute(&image.path).map_err(Error::file("finding", &image.path))?;
        let kept = match length(image)? {
            Some(len) => {
                let base = words::text(&absolute)?;
                fs::write(&path, overlay(len, base, &image.format)).map_err(Error::file("writing", &path))?;
                Image::new(&path, "qcow2")
            }
            None => {
                fs::copy(&absolute, &path).map_err(Error::file("copying", &absolute))?;
                Image::new(&path, &image.format)
            }
        };
        Ok(Self { dir, image: kept })
    }

    /// A machine with this disk in place of its image, and variables of its own.
    ///
    /// # Errors
    /// When its firmware is missing.
    pub fn machine(&self, machine: &Machine, host: &Host) -> Result<Machine, Error> {
        let mut machine = machine.clone();
        if !matches!(machine.spec.medium, Medium::Cdrom | Medium::Network) {
            machine.image = Some(self.image.clone());
            machine.writes = Writes::Kept;
        }
        machine.variables = self.variables(machine.spec.firmware, machine.variables.as_deref(), host)?;
        Ok(machine)
    }

    /// The file with this firmware's variables: made from the template for the first boot.
    fn variables(
        &self,
        firmware: Firmware,
        own: Option<&Path>,
        host: &Host,
    ) -> Result<Option<PathBuf>, Error> {
        let Some(flash) = host.flash(firmware)? else { return Ok(None) };
        if let Some(own) = own {
            return Ok(Some(own.to_owned()));
        }
        let file = self.dir.path().join(format!("variables-{firmware}"));
        if !file.exists() {
            let bytes = fs::read(&flash.variables).map_err(Error::file("reading", &flash.variables))?;
            fs::write(&file, bytes).map_err(Error::file("writing", &file))?;
        }
        Ok(Some(file))
    }
}

/// The length of the disk in an image; `None` for forms of which we do not know where they say it.
fn length(image: &Image) -> Result<Option<u64>, Error> {
    let failed = || Error::file("reading", &image.path);
    let mut file = File::open(&image.path).map_err(failed())?;
    match image.format.as_str() {
        "raw" => file.seek(SeekFrom::End(0)).map(|len| Some(len.next_multiple_of(512))).map_err(failed()),
        "qcow2" => {
            // The virtual size (QEMU, docs/interop/qcow2.txt, header).
            let mut size = [0; 8];
            file.seek(SeekFrom::Start(24)).and_then(|_| file.read_exact(&mut size)).map_err(failed())?;
            Ok(Some(u64::from_be_bytes(size)))
        }
        _ => Ok(None),
    }
}

/// An empty qcow2 image of version 3 over another image (QEMU, docs/interop/qcow2.txt). In clusters: the header with the names of the
/// other image and its form, the table of reference counts, its first block, and the table of tables.
fn overlay(len: u64, base: &str, format: &str) -> Vec<u8> {
    let cluster = 1u64 << CLUSTER_BITS;
    // One entry of eight bytes for each table, whose entries of eight bytes fill a cluster.
    let tables = len.div_ceil(cluster * (cluster / 8)).max(1);
    let l1 = (tables * 8).div_ceil(cluster);
    let used = 3 + l1;
    let mut out = Vec::new();
    let put32 = |out: &mut Vec<u8>, value: u32| out.extend(value.to_be_bytes());
    let put64 = |out: &mut Vec<u8>, value: u64| out.extend(value.to_be_bytes());
    // The name lies behind the header of 104 bytes and two extensions of eight bytes and the padded form.
    let name_at = 104 + 8 + (format.len() as u64).next_multiple_of(8) + 8;
    out.extend(b"QFI\xfb");
    put32(&mut out, 3);
    put64(&mut out, name_at);
    put32(&mut out, u32::try_from(base.len()).expect("because a path is short"));
    put32(&mut out, CLUSTER_BITS);
    put64(&mut out, len);
    put32(&mut out, 0); // not encrypted
    put32(&mut out, u32::try_from(tables).expect("because files are less than 8 EiB"));
    put64(&mut out, 3 * cluster); // the table of tables
    put64(&mut out, cluster); // the table of reference counts
    put32(&mut out, 1); // in clusters
    put32(&mut out, 0); // no snapshots
    put64(&mut out, 0);
    (0..3).for_each(|_| put64(&mut out, 0)); // no features
    put32(&mut out, 4); // reference counts of 16 bits
    put32(&mut out, 104);
    put32(&mut out, 0xe279_2aca); // extension: the other image's form
    put32(&mut out, u32::try_from(format.len()).expect("because names of forms are short"));
    out.extend(format.as_bytes());
    out.resize(out.len().next_multiple_of(8), 0);
    put64(&mut out, 0); // no more extensions
    out.extend(base.as_bytes());
    let in_clusters = |out: &mut Vec<u8>, clusters: u64| {
        out.resize(usize::try_from(clusters * cluster).expect("because an empty image is small"), 0);
    };
    in_clusters(&mut out, 1);
    put64(&mut out, 2 * cluster);
    in_clusters(&mut out, 2);
    (0..used).for_each(|_| out.extend(1u16.to_be_bytes()));
    in_clusters(&mut out, used);
    out
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn an_overlay_is_one_to_qemu_img() {
        let dir = tempfile::tempdir().expect("a directory");
        let base = dir.path().join("a, base.img");
        fs::write(&base, vec![7; 3_000_123]).expect("written");
        let kept = Kept::new(&Image::new(&base, "raw")).expect("an overlay");
        let run = |arguments: &[&str]| {
            let output = Command::new("qemu-img").args(arguments).output();
            let output = output.expect("qemu-img is missing: install the Debian package qemu-utils");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).expect("text")
        };
        let overlay = kept.image.path.to_str().expect("text");
        run(&["check", overlay]);
        let info = run(&["info", overlay]);
        assert!(info.contains("a, base.img") && info.contains("backing file format: raw"), "{info}");
        let flat = dir.path().join("flat");
        run(&["convert", "-O", "raw", overlay, flat.to_str().expect("text")]);
        let mut expected = vec![7; 3_000_123];
        expected.resize(3_000_123usize.next_multiple_of(512), 0);
        assert!(fs::read(&flat).expect("readable") == expected, "the overlay shows what is below it");
        run(&["create", "-q", "-f", "qcow2", flat.to_str().expect("text"), "5G"]);
        let deep = Kept::new(&Image::new(&flat, "qcow2")).expect("an overlay");
        let info = run(&["info", deep.image.path.to_str().expect("text")]);
        assert!(info.contains("(5368709120 bytes)"), "{info}");
    }
}
