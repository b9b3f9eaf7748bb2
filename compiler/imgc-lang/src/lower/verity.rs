//! Partitions of hashes: how long they are, the hashes themselves, and the facts that open them.

use imgc_plan::{
    Input, Op,
    layout::{DiskSpec, PartRole, PartSize, PartSpec, TableRules},
    step::Verity,
};

use super::{build::Build, filesystem::Job};
use crate::{
    compilation::{HashesInfo, Origin},
    resolve::{Disk, Hashes},
};

fn origin(hashes: &Hashes) -> Origin {
    Origin { span: hashes.span, ..Origin::default() }
}

/// The fact that says how long the hashes are, which the layout needs; `data` is what they are of.
pub fn need(build: &mut Build<'_>, disk: &Disk, hashes: &Hashes, data: Job<'_>) -> Input {
    let spec = &disk.spec.parts[hashes.of];
    let own_length = data.content.traits.own_length;
    let reads = own_length || matches!(spec.size, PartSize::Fit { .. });
    let inputs = if reads { vec![data.need(build)] } else { Vec::new() };
    let alone = (!own_length).then(|| alone(disk, spec));
    let label = format!("measure hashes of {}", data.name);
    Input::fact(build.push(label, Op::Verity(Verity::Length { alone }), inputs, origin(hashes)), "len")
}

/// The partition as the only one of such a disk: as long as on the real one, where it does not fill what is left.
fn alone(disk: &Disk, spec: &PartSpec) -> DiskSpec {
    let part = PartSpec { number: 1, role: PartRole::Primary, start: None, ..spec.clone() };
    DiskSpec { rules: TableRules::BARE, parts: vec![part], ..disk.spec.clone() }
}

/// The step that makes the hashes, of the step that makes the data.
pub fn write(build: &mut Build<'_>, disk: &Disk, hashes: &Hashes, data: usize) -> usize {
    let Hashes { of, salt, uuid, span: _ } = hashes;
    let op = Op::Verity(Verity::Hashes { salt: salt.clone(), uuid: uuid.clone() });
    build.push(format!("hash {}", disk.parts[*of].name), op, vec![Input::of(data)], origin(hashes))
}

/// The step that says their facts, of the steps that make the data and the hashes.
pub fn facts(build: &mut Build<'_>, disk: &Disk, hashes: &Hashes, data: usize, made: usize) -> usize {
    let inputs = vec![Input::of(data), Input::of(made)];
    let label = format!("root hash of {}", disk.parts[hashes.of].name);
    build.push(label, Op::Verity(Verity::Facts), inputs, origin(hashes))
}

/// The partitions whose GUIDs follow from root hashes, with the facts that say them.
pub fn guids(disk: &Disk, infos: &[HashesInfo]) -> Vec<(String, Input)> {
    let guid = |(at, part): (usize, &crate::resolve::Part)| {
        let hashes = part.guid?;
        let info = infos.iter().find(|info| info.part == disk.parts[hashes].name)?;
        let fact = if at == hashes { "hash_guid" } else { "data_guid" };
        Some((part.name.clone(), Input::fact(info.facts, fact)))
    };
    disk.parts.iter().enumerate().filter_map(guid).collect()
}
