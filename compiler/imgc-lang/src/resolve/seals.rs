//! What has been read must not be changed: hashes, and what reads all of a disk, come after whatever writes.
//!
//! Here is what is known before anything runs. Where a stamp comes to lie otherwise, the engine looks.

use imgc_plan::{
    kind::{TableTraits, Traits},
    layout::DiskSpec,
};

use super::closed::{Installed, Part};
use crate::{
    decode::Cx,
    diagnostic::{Diagnostic, Span},
    model::disk::Disk,
};

/// Reports what of a disk would change after it was read.
pub fn check(
    cx: &Cx<'_>,
    disk: &Disk,
    rules: &TableTraits,
    spec: &DiskSpec,
    parts: &[Option<Part>],
    loaders: &[Option<Installed>],
) {
    for (at, part) in disk.partitions.iter().enumerate() {
        let Some(hashes) = hashes(parts, at) else { continue };
        let spec = &spec.parts[at];
        if rules.slots > 0 && spec.system_area > 0 && spec.start == Some(0) {
            let message = format!(
                "the table lies in the first bytes of `{}`, which begins the disk, so that its hashes would not hold",
                part.name.value
            );
            let found = Diagnostic::error("stamp-of-sealed", hashes, message);
            let table = disk.table.as_ref().map_or(disk.name.span, |table| table.span);
            let help = "use the table `bare`, or keep no hashes of this partition";
            cx.report(found.also(table, "this table").help(help));
        }
    }
    let mut sealing: Option<&Installed> = None;
    for one in loaders.iter().flatten() {
        let kind = one.loader.kind.kind;
        if !matches!(kind.traits, Traits::Loader(_)) || !one.loader.products.stamp {
            continue;
        }
        if let Some(hashes) = hashes(parts, one.partition).filter(|_| one.loader.products.own) {
            let name = &disk.partitions[one.partition].name.value;
            let message = format!("`{}` writes into `{name}`, whose hashes would no longer hold", kind.name);
            let found = Diagnostic::error("stamp-of-sealed", one.loader.span, message);
            let help = "keep no hashes of the partition with this loader's files";
            cx.report(found.also(hashes, "its hashes").help(help));
        }
        if !one.seals {
            continue;
        }
        if let Some(first) = sealing {
            let message = format!(
                "`{}` writes into the disk, all of which `{}` has read",
                kind.name, first.loader.kind.kind.name
            );
            let found = Diagnostic::error("stamp-of-sealed", one.loader.span, message);
            cx.report(
                found.also(first.loader.span, "the one that has read it").help("leave one of them out"),
            );
        }
        sealing = Some(one);
    }
}

/// Where hashes of a partition are asked for.
fn hashes(parts: &[Option<Part>], at: usize) -> Option<Span> {
    let all = parts.iter().flatten().filter_map(|part| part.hashes.as_ref());
    all.filter(|hashes| hashes.of == at).map(|hashes| hashes.tree.span).next()
}
