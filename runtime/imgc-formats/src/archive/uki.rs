//! Unified kernel images (UAPI Group, "Unified Kernel Image"): a kernel and all that it needs as one EFI application.
//!
//! ```text
//! /stub /osrel /cmdline /linux … ──parts──→ sections ──join──→ image ──signature──→ image that firmware trusts
//! ```
//!
//! The stub's code is left as it is: its headers get more section headers, and the sections' contents are pointed at.

mod join;
mod parts;
mod signature;

use std::sync::Arc;

use imgc_image::{Bytes, Failure, Problem, Store, Tree};
use imgc_plan::{
    Data, Family, Kind, Opt, OptType, Record,
    kind::{ArchiveTraits, Default, OptionProblem, Traits},
    step::Keep,
};

use self::parts::Parts;
use super::Archive;

/// Unified kernel images.
pub struct Uki;

static KIND: Kind = Kind {
    family: Family::Archive,
    name: "uki",
    doc: "A unified kernel image: one EFI application of a kernel and all that it needs. The files of the tree are its parts: `/stub` \
          (systemd's `linuxx64.efi.stub`) and `/linux` must be there; `/initrd`, and the files of `/initrd.d` in the order of their names \
          behind it, are one initrd; `/cmdline`, `/osrel`, `/uname`, `/splash` (a BMP), `/dtb`, `/ucode`, `/sbat`, `/pcrpkey` and \
          `/pcrsig` are sections as they are. `/signature` is an Authenticode signature of the image (a PKCS #7 in DER, as `sbsign \
          --detached` writes it), made of a build without it.",
    since: "0.1.0",
    options: &[
        Opt {
            name: "cmdline",
            ty: OptType::Text { max: 2047 },
            default: Default::Absent,
            doc: "The kernel's command line, in place of the file `/cmdline`.",
            since: "0.1.0",
        },
        Opt {
            name: "uname",
            ty: OptType::Text { max: 64 },
            default: Default::Absent,
            doc: "The kernel's release, such as `6.1.0-50-cloud-amd64`, in place of the file `/uname`.",
            since: "0.1.0",
        },
        Opt {
            name: "secure-boot",
            ty: OptType::Bool,
            default: Default::Bool(false),
            doc: "Whether it must be signed, so that firmware with secure boot starts it: without `/signature` the build fails.",
            since: "0.1.0",
        },
    ],
    traits: Traits::Archive(ArchiveTraits { packs: true, unpacks: false }),
};

impl Archive for Uki {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn check(&self, options: &Record) -> Vec<OptionProblem> {
        ["cmdline", "uname"].into_iter().filter_map(|name| check_text(options, name)).collect()
    }

    fn pack(
        &self,
        options: &Record,
        tree: &Tree,
        store: &dyn Store,
    ) -> Result<(Bytes, Vec<Problem>), Failure> {
        let parts = Parts::of(options, tree, store)?;
        let asked = options.get("secure-boot").and_then(Data::as_bool).unwrap_or(false);
        if asked && parts.signature.is_none() {
            return Err(Problem::new("unsigned-image", "secure boot is asked for, and the image has no signature")
                .help(
                    "build it once with `secure-boot=#false`, sign it with `sbsign --detached`, and copy what that writes to `/signature`",
                )
                .into());
        }
        let image = join::join(&parts, store)?;
        let image = match &parts.signature {
            None => image,
            Some(signature) => signature::attach(image, signature, store)?,
        };
        Ok((image, Vec::new()))
    }

    fn unpack(&self, _: &Arc<Bytes>, _: Keep, _: i64, _: &dyn Store) -> Result<Tree, Failure> {
        Err(Failure::Bug("unified kernel images are only packed, as their traits say".into()))
    }
}

fn check_text(options: &Record, name: &'static str) -> Option<OptionProblem> {
    let text = options.get(name).and_then(Data::as_text)?;
    let message = match text {
        "" => format!("an empty `{name}` says nothing"),
        text if text.contains(char::is_control) => format!("`{name}` has control characters in it"),
        _ => return None,
    };
    Some(OptionProblem {
        option: Some(name),
        message,
        help: Some(format!("leave `{name}` out, or say it in one line")),
    })
}

#[cfg(test)]
mod tests;
