//! Filesystems, in partitions and in files of their own: measured and then written as long as their place is, or written first
//! where their length follows from their content.

use imgc_plan::{
    Family, Input, Op,
    layout::{DiskSpec, PartRole, PartSize, PartSpec, TableRules},
    step::{Measure, Place, Stamp, Write},
};

use super::build::Build;
use crate::{
    compilation::Origin,
    resolve::{Content, HashTree, Part},
};

/// What a filesystem in a file of its own is called in its layout: the one partition of a disk without a table.
const WHOLE: &str = "whole";

/// Bytes that the length of a file of its own is a multiple of: a sector of a loop device.
const SECTOR: u32 = 512;

/// A filesystem to write.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    /// The name of its partition or file.
    pub name: &'a str,
    /// Which it is.
    pub content: &'a Content,
    /// The step that makes what it holds.
    pub tree: Option<usize>,
}

impl<'a> Job<'a> {
    /// The filesystem in a partition, if there is one.
    pub fn of(part: &'a Part, tree: Option<usize>) -> Option<Self> {
        Some(Self { name: &part.name, content: part.content.as_ref()?, tree })
    }
}

impl Job<'_> {
    fn label(&self, what: &str) -> String {
        format!("{what} {} ({})", self.name, self.content.kind.kind.name)
    }

    fn kind(&self) -> (String, imgc_plan::Record) {
        (self.content.kind.kind.name.to_owned(), self.content.kind.options.clone())
    }

    fn origin(&self) -> Origin {
        Origin { span: self.content.span, ..Origin::default() }
    }

    /// The fact that says how long it is at least.
    pub fn need(&self, build: &mut Build<'_>) -> Input {
        if self.content.traits.own_length {
            return Input::fact(self.write(build, None), "len");
        }
        let (kind, options) = self.kind();
        let tree = self.tree.map(Input::of).into_iter().collect();
        let measure = Op::Measure(Measure { kind, options });
        Input::fact(build.push(self.label("measure"), measure, tree, self.origin()), "len")
    }

    /// The step that makes it as long as a fact says, which a kind that decides its length does not read.
    fn write(&self, build: &mut Build<'_>, len: Option<Input>) -> usize {
        let (kind, options) = self.kind();
        let inputs = len.into_iter().chain(self.tree.map(Input::of)).collect();
        build.push(self.label("write"), Op::Write(Write { kind, options }), inputs, self.origin())
    }

    /// Whether where it lies decides anything of it.
    pub fn needs_place(&self) -> bool {
        !self.content.traits.own_length || self.content.traits.stamps_start
    }

    /// The step that makes it for a place in a layout, where that decides anything. Its hashes may come behind it.
    pub fn write_at(
        &self,
        build: &mut Build<'_>,
        place: Option<usize>,
        part: &str,
        hashes: Option<&HashTree>,
    ) -> usize {
        let len = place.map(|place| Input::fact(place, format!("parts.{part}.len")));
        let len = len.filter(|_| !self.content.traits.own_length);
        let len = len.map(|len| match hashes {
            Some(hashes) => hashes.left(build, self.name, len),
            None => len,
        });
        let step = self.write(build, len);
        let Some(place) = place.filter(|_| self.content.traits.stamps_start) else { return step };
        let (kind, options) = self.kind();
        let start = Input::fact(place, format!("parts.{part}.start_sector"));
        let stamp = Stamp { family: Family::Filesystem, kind, options, home: None, seals: Vec::new() };
        build.push(self.label("stamp"), Op::Stamp(stamp), vec![Input::of(step), start], self.origin())
    }

    /// The step that makes it as a file of its own, without the hashes that may come behind it, and the fact that says how long
    /// the file is, unless that follows from what is in it. It starts at 0, so it needs no stamp.
    pub fn write_whole(
        &self,
        build: &mut Build<'_>,
        size: &PartSize,
        hashes: Option<&HashTree>,
    ) -> (usize, Option<Input>) {
        if self.content.traits.own_length {
            return (self.write(build, None), None);
        }
        let needs = match size {
            PartSize::Fit { .. } => {
                let need = self.need(build);
                vec![hashes.map_or(need.clone(), |hashes| hashes.grown(build, self.name, need))]
            }
            PartSize::Exact(_) | PartSize::Fill { .. } => Vec::new(),
        };
        let op = Op::Place(Place { disk: bare(size.clone()) });
        let parts = [(WHOLE.to_owned(), self.content.span)].into();
        let origin = Origin { parts, ..self.origin() };
        let place = build.push(format!("place {}", self.name), op, needs, origin);
        let len = Input::fact(place, format!("parts.{WHOLE}.len"));
        let left = hashes.map_or(len.clone(), |hashes| hashes.left(build, self.name, len.clone()));
        (self.write(build, Some(left)), Some(len))
    }
}

fn bare(size: PartSize) -> DiskSpec {
    let whole = PartSpec {
        name: WHOLE.to_owned(),
        number: 1,
        role: PartRole::Primary,
        start: None,
        align: u64::from(SECTOR),
        size,
        type_code: String::new(),
        table_name: String::new(),
        uuid: None,
        bootable: false,
        attributes: 0,
        system_area: 0,
    };
    DiskSpec { len: None, sector_size: SECTOR, rules: TableRules::BARE, parts: vec![whole] }
}
