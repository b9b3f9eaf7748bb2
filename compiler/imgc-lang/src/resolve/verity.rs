//! Partitions of hashes closed: whose hashes they are, and which GUIDs follow from a root hash.

use imgc_plan::{ids::derive, layout::PartSize};

use super::{closed::Hashes, options::Place};
use crate::{
    decode::{Cx, did_you_mean},
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
    part: &Partition,
    said: &Verity,
    node: &str,
    place: &Place<'_>,
) -> Option<Hashes> {
    let node = format!("{node}/verity");
    let of = data(cx, disk, said)?;
    check_fit(cx, part, &disk.partitions[of], said);
    Some(Hashes {
        of,
        salt: said.salt.clone().unwrap_or_else(|| derive(place.seed, "", &node, "salt").to_vec()),
        uuid: said.uuid.clone().unwrap_or_else(|| place.uuid(&node, "uuid")),
        span: said.span,
    })
}

/// The partition whose hashes are kept, which must hold a filesystem.
fn data(cx: &Cx<'_>, disk: &Disk, said: &Verity) -> Option<usize> {
    let name = &said.of;
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
    Some(at)
}

/// Hashes cannot be fitted when the length of their data follows from the room that they leave.
fn check_fit(cx: &Cx<'_>, part: &Partition, data: &Partition, said: &Verity) {
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
            said.of.value
        );
        let found = Diagnostic::error("verity-of-fill", said.of.span, message);
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
    let is_of =
        |other: &Partition| other.verity.as_ref().is_some_and(|said| said.of.value == part.name.value);
    let all: Vec<usize> =
        (0..disk.partitions.len()).filter(|other| is_of(&disk.partitions[*other])).collect();
    if let [one] = all.as_slice() {
        return Some(*one);
    }
    let message = match all.len() {
        0 => format!("no partition keeps hashes of `{}`, and it is none of hashes", part.name.value),
        n => format!("{n} partitions keep hashes of `{}`: there is no one root hash", part.name.value),
    };
    let help =
        "a partition with `verity of=` and the one that it is of can take their GUIDs from the root hash";
    cx.report(Diagnostic::error("uuid-without-verity", span, message).help(help));
    None
}
