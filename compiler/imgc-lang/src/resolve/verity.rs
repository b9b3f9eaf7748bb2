//! Partitions of hashes closed: whose hashes they are, and which GUIDs follow from a root hash.

use imgc_plan::{ids::derive, layout::PartSize};

use super::{
    closed::{HashTree, Hashes},
    options::Place,
};
use crate::{
    decode::{Cx, Spanned, did_you_mean},
    diagnostic::Diagnostic,
    model::{
        disk::Disk,
        partition::{Partition, Uuid},
        verity::Verity,
    },
};

/// Closes what a partition says of hashes; `None` when that cannot be, which is reported. `node` is the partition's place.
pub fn close(
    cx: &Cx<'_>,
    disk: &Disk,
    at: usize,
    said: &Verity,
    node: &str,
    place: &Place<'_>,
) -> Option<Hashes> {
    let of = match &said.of {
        None => at,
        Some(name) => {
            let of = data(cx, disk, name)?;
            check_fit(cx, &disk.partitions[at], &disk.partitions[of], name);
            of
        }
    };
    Some(Hashes { of, tree: tree(said, node, place) })
}

/// How hashes are made; `node` is the place of what they are in.
pub fn tree(said: &Verity, node: &str, place: &Place<'_>) -> HashTree {
    let node = format!("{node}/verity");
    let uuid = || said.uuid.clone().unwrap_or_else(|| place.uuid(&node, "uuid"));
    HashTree {
        salt: said.salt.clone().unwrap_or_else(|| derive(place.seed, "", &node, "salt").to_vec()),
        uuid: said.superblock.then(uuid),
        span: said.span,
    }
}

/// The partition whose hashes are kept, which must hold a filesystem, and no hashes already.
fn data(cx: &Cx<'_>, disk: &Disk, name: &Spanned<String>) -> Option<usize> {
    let Some(at) = disk.partition(&name.value) else {
        let message = format!("disk `{}` has no partition `{}`", disk.name.value, name.value);
        let mut found = Diagnostic::error("unknown-reference", name.span, message);
        let names = disk.partitions.iter().map(|part| part.name.value.as_str());
        found.help.extend(did_you_mean(&name.value, names));
        cx.report(found);
        return None;
    };
    let part = &disk.partitions[at];
    if part.content.is_none() && !part.broken {
        let message = format!("partition `{}` holds no filesystem whose hashes could be kept", name.value);
        let found = Diagnostic::error("verity-without-filesystem", name.span, message);
        cx.report(found.also(part.name.span, "this partition"));
        return None;
    }
    if let Some(own) = part.verity.as_ref().filter(|_| part.content.is_some()) {
        let message = format!("partition `{}` keeps its hashes itself, behind its filesystem", name.value);
        let found = Diagnostic::error("conflicting-properties", name.span, message);
        cx.report(found.also(own.span, "here"));
        return None;
    }
    Some(at)
}

/// Hashes cannot be fitted when the length of their data follows from the room that they leave.
fn check_fit(cx: &Cx<'_>, part: &Partition, data: &Partition, name: &Spanned<String>) {
    let fits =
        |part: &Partition| part.size.as_ref().is_some_and(|size| matches!(size.value, PartSize::Fit { .. }));
    let fills = data.size.as_ref().is_some_and(|size| matches!(size.value, PartSize::Fill { .. }));
    let own_length = data
        .content
        .as_ref()
        .and_then(super::super::model::partition::Content::traits)
        .is_none_or(|traits| traits.own_length);
    if fits(part) && fills && !own_length {
        let message = format!(
            "`{}` fills what is left, so that how long its hashes are is not known before",
            name.value
        );
        let found = Diagnostic::error("verity-of-fill", name.span, message);
        cx.report(found.help("give one of the two partitions a size"));
    }
}

/// The partition of hashes from whose root hash a partition takes its GUID, if it does.
pub fn guid(cx: &Cx<'_>, disk: &Disk, at: usize) -> Option<usize> {
    let part = &disk.partitions[at];
    let Some(Uuid::FromVerity(span)) = part.uuid else { return None };
    if part.verity.is_some() {
        return Some(at);
    }
    let is_of = |other: &Partition| {
        let of = other.verity.as_ref().and_then(|said| said.of.as_ref());
        of.is_some_and(|of| of.value == part.name.value)
    };
    let all: Vec<usize> =
        (0..disk.partitions.len()).filter(|other| is_of(&disk.partitions[*other])).collect();
    if let [one] = all.as_slice() {
        return Some(*one);
    }
    let message = match all.len() {
        0 => format!("no partition keeps hashes of `{}`, and it is none of hashes", part.name.value),
        n => format!("{n} partitions keep hashes of `{}`: there is no one root hash", part.name.value),
    };
    let help = "a partition with `verity` and the one that it is of can take their GUIDs from the root hash";
    cx.report(Diagnostic::error("uuid-without-verity", span, message).help(help));
    None
}
