//! The memory disk: files of the loader's source in a cpio archive that GRUB sees as the disk `memdisk`.

use imgc_image::{Failure, Problem};

use super::package::Package;

/// The most bytes of all files, as a BIOS loads less than half a MiB and no firmware should load much more.
const LIMIT: usize = 8 << 20;

/// The modules that read it.
pub const MODULES: [&str; 2] = ["memdisk", "newc"];

/// Packs the files of these paths, each under its path; nothing without paths. The entries say only what GRUB reads: cpio's
/// `newc` form (Linux, Documentation/driver-api/early-userspace/buffer-format.rst), a regular file's mode, the length, the name.
///
/// # Errors
/// When the source lacks one, or they are too large.
pub fn archive(package: &Package<'_>, paths: &[String]) -> Result<Option<Vec<u8>>, Failure> {
    if paths.is_empty() {
        return Ok(None);
    }
    let mut out = Vec::new();
    for path in paths {
        let data = package.read_path(path)?;
        entry(&mut out, path.trim_start_matches('/'), &data);
        if out.len() > LIMIT {
            let message = format!("the files of GRUB's memory disk have more than {LIMIT} bytes");
            return Err(Problem::new("grub-core-too-large", message).into());
        }
    }
    entry(&mut out, "TRAILER!!!", b"");
    Ok(Some(out))
}

fn entry(out: &mut Vec<u8>, name: &str, data: &[u8]) {
    let mode = if name == "TRAILER!!!" { 0 } else { 0o100_644 };
    // c_ino, mode, uid, gid, nlink, mtime, filesize, four of devices, namesize, check.
    let fields = [0, mode, 0, 0, 1, 0, data.len(), 0, 0, 0, 0, name.len() + 1, 0];
    out.extend(b"070701");
    fields.iter().for_each(|field| out.extend(format!("{field:08x}").into_bytes()));
    out.extend(name.as_bytes());
    out.push(0);
    pad(out);
    out.extend(data);
    pad(out);
}

fn pad(out: &mut Vec<u8>) {
    out.resize(out.len().next_multiple_of(4), 0);
}
