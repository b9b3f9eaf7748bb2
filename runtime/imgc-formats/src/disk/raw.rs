//! The disk's bytes as they are: `img`, `raw`, `iso`.

use std::fs::File;

use imgc_image::Failure;
use imgc_plan::{
    Family, Kind, Opt, OptType, Record,
    kind::{Default, DiskFormatTraits, OptionProblem, Traits},
};

use crate::disk::{
    DiskFormat, ExportJob, Exported,
    emit::{Zeros, emit},
    pieces,
};

/// The kind `raw`.
pub struct Raw;

static KIND: Kind = Kind {
    family: Family::DiskFormat,
    name: "raw",
    doc: "The disk's bytes as they are, for writing onto a device and for every hypervisor.",
    since: "0.1",
    options: &[
        Opt {
            name: "sparse",
            ty: OptType::Bool,
            default: Default::Bool(true),
            doc: "Whether runs of zeros stay holes in the file; `#false` writes every zero.",
            since: "0.1",
        },
        Opt {
            name: "preallocation",
            ty: OptType::Choice(&["off", "falloc"]),
            default: Default::Text("off"),
            doc: "`falloc` reserves the whole length on the host's filesystem, so that a later write cannot find it full.",
            since: "0.1",
        },
    ],
    traits: Traits::DiskFormat(DiskFormatTraits { endings: &["img", "raw", "iso"] }),
};

impl DiskFormat for Raw {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn check(&self, _: &Record) -> Vec<OptionProblem> {
        // Every combination has a meaning: what is written is reserved, too.
        Vec::new()
    }

    fn export(&self, job: &ExportJob<'_>, file: &File) -> Result<Exported, Failure> {
        let sparse = job.options.get("sparse").and_then(imgc_plan::Data::as_bool).unwrap_or(true);
        let preallocation = job.options.get("preallocation").and_then(imgc_plan::Data::as_text);
        let zeros = match (sparse, preallocation) {
            (false, _) => Zeros::Written,
            (true, Some("falloc")) => Zeros::Reserved,
            (true, _) => Zeros::Holes,
        };
        emit(job, file, job.bytes.len(), zeros, pieces::of_disk(job.bytes))
    }
}

#[cfg(test)]
mod tests;
