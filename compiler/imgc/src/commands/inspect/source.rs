//! An image file, the disk in it, and windows into that.

use std::{
    fs::File,
    io::{self, Seek, SeekFrom},
    path::Path,
};

use imgc_formats::disk::{ALL, os};
use imgc_image::ReadAt;

use crate::failure::Failure;

/// A file that is open.
pub struct Opened {
    file: File,
    len: u64,
}

/// First bytes of forms that are not read, and their names; those of disks are named as qemu-img names them.
const UNREAD: &[(&[u8], &str, bool)] = &[
    (b"KDMV", "vmdk", true),
    (b"vhdxfile", "vhdx", true),
    (b"conectix", "vpc", true),
    (b"\x1f\x8b", "gzip", false),
    (b"\x28\xb5\x2f\xfd", "zstd", false),
    (b"\xfd7zXZ\0", "xz", false),
];

/// Opens a file.
///
/// # Errors
/// When it cannot be opened.
pub fn open(path: &Path) -> Result<Opened, Failure> {
    let wrong = |error: io::Error| Failure::Request(format!("{}: {error}", path.display()));
    let mut file = File::open(path).map_err(wrong)?;
    if file.metadata().map_err(wrong)?.is_dir() {
        return Err(Failure::Request(format!("{} is a directory, not an image", path.display())));
    }
    // A block device has a length only for whoever seeks to its end.
    let len = file.seek(SeekFrom::End(0)).map_err(wrong)?;
    Ok(Opened { file, len })
}

/// The kind of the artifact in a file, and the disk in it.
///
/// # Errors
/// When it is damaged, or in a form that is not read.
pub fn disk<'a>(file: &'a Opened, path: &Path) -> Result<(&'static str, Box<dyn ReadAt + 'a>), Failure> {
    for kind in ALL {
        if let Some(disk) = kind.open(file)? {
            return Ok((kind.kind().name, disk));
        }
    }
    let mut start = vec![0; usize::try_from(file.len.min(8)).expect("because it is at most 8")];
    let failed = |error: io::Error| Failure::Machine(format!("{}: {error}", path.display()));
    file.read_at(0, &mut start).map_err(failed)?;
    if let Some((_, name, disk)) = UNREAD.iter().find(|(magic, ..)| start.starts_with(magic)) {
        let shown = path.display();
        let help = match disk {
            true => format!("make it raw: qemu-img convert -f {name} -O raw {shown} disk.img"),
            false => format!("unpack it first with {name} -d"),
        };
        return Err(Failure::Request(format!(
            "{shown} is {name}, and only raw and qcow2 images are read\n  help: {help}"
        )));
    }
    Ok(("raw", Box::new(Window::new(file, 0, file.len))))
}

impl ReadAt for Opened {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        os::read_at(&self.file, buf, offset)
    }

    fn len(&self) -> u64 {
        self.len
    }
}

/// A part of an image.
pub struct Window<'a> {
    image: &'a dyn ReadAt,
    start: u64,
    len: u64,
}

impl<'a> Window<'a> {
    /// The part from `start` on, of `len` bytes; it must lie within the image.
    pub fn new(image: &'a dyn ReadAt, start: u64, len: u64) -> Self {
        Self { image, start, len }
    }
}

impl ReadAt for Window<'_> {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let end = offset.checked_add(buf.len() as u64).filter(|end| *end <= self.len);
        end.ok_or(io::ErrorKind::UnexpectedEof)?;
        self.image.read_at(self.start + offset, buf)
    }

    fn len(&self) -> u64 {
        self.len
    }
}
