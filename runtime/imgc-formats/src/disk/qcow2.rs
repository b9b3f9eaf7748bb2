//! QEMU's copy-on-write format, plain or compressed, for KVM, Proxmox, OpenStack and everything else that uses QEMU.
//!
//! [`options`] is what a manifest can say, [`format`] the on-disk structures, [`layout`] where they lie, [`plain`] and
//! [`packed`] the two writers, [`codec`] the compression of one cluster, [`read`] opens what anyone made. Source: QEMU, `docs/interop/qcow2.txt`.
//!
//! A plain image knows its layout before any data: header, refcounts, L1, L2, data. So it is a list of pieces, written and
//! hashed in one pass. A compressed one does not: its header and tables come first in the file and are known last, and
//! SHA-256 cannot skip. Its metadata is written when it is known, and the finished file (small, and in the page cache) is
//! read once more for the hash; no layout avoids that, because the header itself holds offsets that depend on the data.

mod codec;
mod format;
mod layout;
mod options;
mod packed;
mod plain;
mod read;

#[cfg(test)]
mod tests;

use std::fs::File;

use imgc_image::{Failure, ReadAt};
use imgc_plan::{Kind, Record, kind::OptionProblem};

use crate::disk::{DiskFormat, ExportJob, Exported};

/// The kind `qcow2`.
pub struct Qcow2;

impl DiskFormat for Qcow2 {
    fn kind(&self) -> &'static Kind {
        &options::KIND
    }

    fn check(&self, options: &Record) -> Vec<OptionProblem> {
        options::check(options)
    }

    fn export(&self, job: &ExportJob<'_>, file: &File) -> Result<Exported, Failure> {
        let options = options::Options::new(job.options)?;
        match options.method {
            None => plain::export(job, &options, file),
            Some(method) => packed::export(job, &options, method, file),
        }
    }

    fn open<'a>(&self, file: &'a dyn ReadAt) -> Result<Option<Box<dyn ReadAt + 'a>>, Failure> {
        Ok(read::open(file)?.map(|disk| Box::new(disk) as Box<dyn ReadAt + 'a>))
    }
}
