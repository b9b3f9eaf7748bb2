//! Hashes, in partitions of their own and behind filesystems: how long they are, the hashes themselves, and the facts that open them.

use imgc_plan::{
    Input, Op,
    layout::{DiskSpec, PartRole, PartSize, PartSpec, TableRules},
    step::Verity,
};

use super::{build::Build, filesystem::Job};
use crate::{
    compilation::{HashesInfo, Origin},
    resolve::{Disk, HashTree, Hashes},
};

impl HashTree {
    fn origin(&self) -> Origin {
        Origin { span: self.span, ..Origin::default() }
    }

    fn superblock(&self) -> bool {
        self.uuid.is_some()
    }

    /// The fact that says how long a content is with its hashes behind it; `len` says how long it is alone.
    pub fn grown(&self, build: &mut Build<'_>, name: &str, len: Input) -> Input {
        let op = Op::Verity(Verity::Grown { superblock: self.superblock() });
        Input::fact(build.push(format!("measure {name} with hashes"), op, vec![len], self.origin()), "len")
    }

    /// The fact that says how long a content can be whose place, with its hashes, is as long as `len` says.
    pub fn left(&self, build: &mut Build<'_>, name: &str, len: Input) -> Input {
        let op = Op::Verity(Verity::Left { superblock: self.superblock() });
        Input::fact(
            build.push(format!("leave room for hashes of {name}"), op, vec![len], self.origin()),
            "len",
        )
    }

    /// The step that makes the hashes, of the step that makes the data.
    pub fn write(&self, build: &mut Build<'_>, name: &str, data: usize) -> usize {
        let op = Op::Verity(Verity::Hashes { salt: self.salt.clone(), uuid: self.uuid.clone() });
        build.push(format!("hash {name}"), op, vec![Input::of(data)], self.origin())
    }

    /// The step that lays the hashes behind the data, and zeros behind both where a fact says how long all is.
    pub fn append(&self, build: &mut Build<'_>, name: &str, data: usize, len: Option<Input>) -> usize {
        let both = [Input::of(data), Input::of(self.write(build, name, data))];
        let inputs = both.into_iter().chain(len).collect();
        build.push(format!("append hashes to {name}"), Op::Verity(Verity::Append), inputs, self.origin())
    }

    /// The step that says the facts of hashes, of the steps that make the data and the hashes.
    pub fn facts(&self, build: &mut Build<'_>, name: &str, data: usize, appended: bool) -> usize {
        let inputs = vec![Input::of(data), Input::of(self.write(build, name, data))];
        let facts = Verity::Facts { salt: self.salt.clone(), superblock: self.superblock(), appended };
        build.push(format!("root hash of {name}"), Op::Verity(facts), inputs, self.origin())
    }
}

/// The fact that says how long the hashes are, which the layout needs; `data` is what they are of.
pub fn need(build: &mut Build<'_>, disk: &Disk, hashes: &Hashes, data: Job<'_>) -> Input {
    let spec = &disk.spec.parts[hashes.of];
    let own_length = data.content.traits.own_length;
    let reads = own_length || matches!(spec.size, PartSize::Fit { .. });
    let inputs = if reads { vec![data.need(build)] } else { Vec::new() };
    let alone = (!own_length).then(|| alone(disk, spec));
    let label = format!("measure hashes of {}", data.name);
    let op = Op::Verity(Verity::Length { superblock: hashes.tree.superblock(), alone });
    Input::fact(build.push(label, op, inputs, hashes.tree.origin()), "len")
}

/// The partition as the only one of such a disk: as long as on the real one, where it does not fill what is left.
fn alone(disk: &Disk, spec: &PartSpec) -> DiskSpec {
    let part = PartSpec { number: 1, role: PartRole::Primary, start: None, ..spec.clone() };
    DiskSpec { rules: TableRules::BARE, parts: vec![part], ..disk.spec.clone() }
}

/// The partitions whose GUIDs follow from root hashes, with the facts that say them.
pub fn guids(disk: &Disk, infos: &[HashesInfo]) -> Vec<(String, Input)> {
    let guid = |(at, part): (usize, &crate::resolve::Part)| {
        let hashes = part.guid?;
        let info = infos.iter().find(|info| info.part == disk.parts[hashes].name)?;
        let fact = if at == hashes && part.content.is_none() { "hash_guid" } else { "data_guid" };
        Some((part.name.clone(), Input::fact(info.facts, fact)))
    };
    disk.parts.iter().enumerate().filter_map(guid).collect()
}
