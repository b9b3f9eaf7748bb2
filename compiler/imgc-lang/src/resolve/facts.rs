//! Facts that texts name, as `{{main.root.uuid}}`: looked up where they are known already, else which step will say them.

use std::collections::BTreeMap;

use imgc_plan::{Data, Record, kind::Traits, late, layout::PartSpec};

use super::closed::{Archive, Disk, Fact, Made, Part};
use crate::{
    decode::{Cx, FACT, did_you_mean},
    diagnostic::{Diagnostic, Span},
};

/// What a layout says of a partition, in a manifest's words and in those of the facts.
const PLACED: &[(&str, &str)] = &[("start", "start"), ("start-sector", "start_sector"), ("len", "len")];

/// What hashes say, likewise.
const HASHES: &[(&str, &str)] = &[
    ("root-hash", "root_hash"),
    ("salt", "salt"),
    ("hash-offset", "hash_offset"),
    ("data-blocks", "data_blocks"),
    ("hash-len", "hash_len"),
];

/// Looks up every fact that a text mentions; reports those that there are not.
pub fn look_up(cx: &Cx<'_>, disks: &[Option<Disk>], archives: &[Option<Archive>]) -> BTreeMap<String, Fact> {
    let mut facts = BTreeMap::new();
    let whole = disks.iter().all(Option::is_some) && archives.iter().all(Option::is_some);
    for mention in cx.mentions().into_iter().filter(|mention| mention.kind == FACT) {
        // Where a disk has mistakes, those are reported, and what it would say is not known.
        if let Some(fact) = of_archive(archives, &mention.name) {
            facts.insert(mention.name, fact);
        } else if let Some(fact) = one(cx, disks, whole, &mention.name, mention.span) {
            facts.insert(mention.name, fact);
        }
    }
    facts
}

fn one(cx: &Cx<'_>, disks: &[Option<Disk>], whole: bool, name: &str, span: Span) -> Option<Fact> {
    let unknown = |message: String, word: &str, known: &[String]| {
        let mut found = Diagnostic::error("unknown-fact", span, message);
        found.help.extend(did_you_mean(word, known.iter().map(String::as_str)));
        cx.report(found);
        None
    };
    let (disk_name, rest) = name.split_once('.')?;
    let found = disks
        .iter()
        .enumerate()
        .find_map(|(at, disk)| disk.as_ref().filter(|disk| disk.name == disk_name).map(|disk| (at, disk)));
    let Some((at, disk)) = found else {
        let known: Vec<String> = disks.iter().flatten().map(|disk| disk.name.clone()).collect();
        let message = format!("`{{{{{name}}}}}` names no disk: there is no `{disk_name}`");
        return if whole { unknown(message, disk_name, &known) } else { None };
    };
    let (first, second) = rest.split_once('.').unwrap_or((rest, ""));
    if first == "table" && !second.is_empty() {
        return match text(&disk.table.options, disk.table.kind, second) {
            Some(text) => Some(Fact::Known(text)),
            None => unknown(
                format!("the table of `{disk_name}` has no `{second}`"),
                second,
                &names(&disk.table.options),
            ),
        };
    }
    if second.is_empty() && matches!(first, "len" | "sector-size") {
        return Some(match first {
            "len" => Fact::Layout(at, "len".into()),
            _ => Fact::Known(disk.spec.sector_size.to_string()),
        });
    }
    let Some(index) = disk.parts.iter().position(|part| part.name == first) else {
        let known: Vec<String> = disk.parts.iter().map(|part| part.name.clone()).collect();
        return unknown(format!("disk `{disk_name}` has no partition `{first}`"), first, &known);
    };
    let found = of_part(disk, at, index, second);
    if found.is_none() {
        let known = known_of(disk, index);
        unknown(format!("there is no fact `{second}` of partition `{first}`"), second, &known)
    } else {
        found
    }
}

/// A fact of the hashes in an archive. No disk has a fact of such a name: disks and archives may share names.
fn of_archive(archives: &[Option<Archive>], name: &str) -> Option<Fact> {
    let (archive, fact) = name.split_once('.')?;
    let (_, path) = HASHES.iter().find(|(known, _)| *known == fact)?;
    let sealed = |found: &Archive| {
        found.name == archive && matches!(&found.made, Made::Filesystem { hashes: Some(_), .. })
    };
    let at = archives.iter().position(|found| found.as_ref().is_some_and(sealed))?;
    Some(Fact::Archive(at, path))
}

/// A fact of a partition.
fn of_part(disk: &Disk, at: usize, index: usize, name: &str) -> Option<Fact> {
    let (part, spec) = (&disk.parts[index], &disk.spec.parts[index]);
    if let Some((_, path)) = PLACED.iter().find(|(known, _)| *known == name) {
        return Some(Fact::Layout(at, format!("parts.{}.{path}", part.name)));
    }
    if part.hashes.is_some()
        && let Some((_, path)) = HASHES.iter().find(|(known, _)| *known == name)
    {
        return Some(Fact::Hashes(at, index, path));
    }
    if let Some(option) = name.strip_prefix("filesystem.") {
        let kind = &part.content.as_ref()?.kind;
        return text(&kind.options, kind.kind, option).map(Fact::Known);
    }
    match name {
        "number" if spec.listed() => Some(Fact::Known(spec.number.to_string())),
        "type" if spec.listed() => Some(Fact::Known(spec.type_code.clone())),
        "name" if !spec.table_name.is_empty() => Some(Fact::Known(spec.table_name.clone())),
        "uuid" => uuid(part, spec, at, index),
        "partuuid" => uuid(part, spec, at, index).or_else(|| numbered(disk, spec)),
        _ => None,
    }
}

/// A partition's GUID.
fn uuid(part: &Part, spec: &PartSpec, at: usize, index: usize) -> Option<Fact> {
    match part.guid {
        Some(hashes) if hashes == index && part.content.is_none() => {
            Some(Fact::Hashes(at, hashes, "hash_guid"))
        }
        Some(hashes) => Some(Fact::Hashes(at, hashes, "data_guid")),
        None => spec.uuid.clone().map(Fact::Known),
    }
}

/// What Linux calls a partition that has no GUID: the disk's id and the partition's number, in hexadecimal digits
/// (`block/partitions/msdos.c`).
fn numbered(disk: &Disk, spec: &PartSpec) -> Option<Fact> {
    let Traits::Table(traits) = &disk.table.kind.traits else { return None };
    let id = disk.table.options.get(traits.disk_id?)?.as_u64()?;
    spec.listed().then(|| Fact::Known(format!("{id:08x}-{:02x}", spec.number)))
}

/// An option as it stands in a text: a serial as manifests write it.
fn text(options: &Record, kind: &imgc_plan::Kind, name: &str) -> Option<String> {
    let data = options.get(name)?;
    match (kind.option(name)?.ty, data) {
        (imgc_plan::OptType::Serial, Data::Int(serial)) => {
            let serial = u32::try_from(*serial).ok()?;
            Some(format!("{:04X}-{:04X}", serial >> 16, serial & 0xffff))
        }
        _ => late::text_of(data),
    }
}

fn names(options: &Record) -> Vec<String> {
    options.keys().cloned().collect()
}

/// The facts that there are of a partition, for help.
fn known_of(disk: &Disk, index: usize) -> Vec<String> {
    let part = &disk.parts[index];
    let options = part.content.iter().flat_map(|content| names(&content.kind.options));
    let options = options.map(|option| format!("filesystem.{option}"));
    let fixed = ["number", "type", "name", "uuid", "partuuid"];
    let fixed = fixed.into_iter().filter(|name| of_part(disk, 0, index, name).is_some());
    let placed = PLACED.iter().map(|(name, _)| *name);
    let hashes = HASHES.iter().map(|(name, _)| *name).filter(|_| part.hashes.is_some());
    fixed.chain(placed).chain(hashes).map(str::to_owned).chain(options).collect()
}
