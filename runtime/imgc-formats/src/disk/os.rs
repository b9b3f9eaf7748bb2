//! Positional reads and writes, and reserving space: what std lacks, each behind a portable fallback.
//!
//! Copying in the kernel (`copy_file_range`) was measured and left out: the hash has to read every byte anyway, and writing
//! a buffer that is still in the processor's cache was never slower than a second pass in the kernel. Sharing extents
//! (`FICLONERANGE`) would need unsafe code, and sources that happen to be aligned to the filesystem's blocks.

use std::{fs::File, io};

/// Writes all of `buf` at `offset`; from any thread.
///
/// # Errors
/// What the file says; `WriteZero` when it takes no more.
pub fn write_at(file: &File, buf: &[u8], offset: u64) -> io::Result<()> {
    imp::write_at(file, buf, offset)
}

/// Fills `buf` from `offset` on; from any thread.
///
/// # Errors
/// What the file says; `UnexpectedEof` past its end.
pub fn read_at(file: &File, buf: &mut [u8], offset: u64) -> io::Result<()> {
    imp::read_at(file, buf, offset)
}

/// Reserves space on the host for `len` bytes from `offset` on, without writing them. `false`: this system or filesystem
/// cannot, and zeros must be written instead.
///
/// # Errors
/// `StorageFull` and what else the file says.
pub fn reserve(file: &File, offset: u64, len: u64) -> io::Result<bool> {
    imp::reserve(file, offset, len)
}

#[cfg(unix)]
mod imp {
    use std::{fs::File, io, os::unix::fs::FileExt};

    pub(super) fn write_at(file: &File, buf: &[u8], offset: u64) -> io::Result<()> {
        file.write_all_at(buf, offset)
    }

    pub(super) fn read_at(file: &File, buf: &mut [u8], offset: u64) -> io::Result<()> {
        file.read_exact_at(buf, offset)
    }

    #[cfg(target_os = "linux")]
    pub(super) fn reserve(file: &File, offset: u64, len: u64) -> io::Result<bool> {
        use rustix::{
            fs::{FallocateFlags, fallocate},
            io::Errno,
        };
        loop {
            match fallocate(file, FallocateFlags::empty(), offset, len) {
                Ok(()) => return Ok(true),
                Err(Errno::INTR) => {}
                Err(Errno::OPNOTSUPP | Errno::NOSYS) => return Ok(false),
                Err(error) => return Err(error.into()),
            }
        }
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn reserve(_: &File, _: u64, _: u64) -> io::Result<bool> {
        Ok(false)
    }
}

#[cfg(windows)]
mod imp {
    use std::{fs::File, io, os::windows::fs::FileExt};

    pub(super) fn write_at(file: &File, mut buf: &[u8], mut offset: u64) -> io::Result<()> {
        while !buf.is_empty() {
            match file.seek_write(buf, offset) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => (buf, offset) = (&buf[n..], offset + n as u64),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    pub(super) fn read_at(file: &File, mut buf: &mut [u8], mut offset: u64) -> io::Result<()> {
        while !buf.is_empty() {
            match file.seek_read(buf, offset) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => (buf, offset) = (&mut buf[n..], offset + n as u64),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    pub(super) fn reserve(_: &File, _: u64, _: u64) -> io::Result<bool> {
        Ok(false)
    }
}
