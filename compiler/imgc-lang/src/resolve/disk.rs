//! A disk closed: its specification for the solver, what is in its partitions, what starts from it.

use imgc_plan::{
    kind::{TableTraits, Traits},
    layout::{self, DiskSpec, PartSize, PartSpec, TableRules},
    step::{LoaderHome, PartHome},
};

use super::{
    closed::{Content, Disk, Installed, Part},
    loader, names,
    numbers::numbers,
    options::{Place, check_len, complete, option_lint},
    seals, verity,
};
use crate::{
    decode::{Cx, Spanned, did_you_mean},
    diagnostic::Diagnostic,
    model::{
        Manifest, disk,
        partition::{Content as Filesystem, Uuid},
    },
};

/// What a partition's start is a multiple of unless it says otherwise, in bytes: 1 MiB, which suits every sector, erase block
/// and stripe in use.
const ALIGN: u64 = 1 << 20;

/// Closes a disk; `None` when something is missing, which is reported.
pub fn close(cx: &Cx<'_>, manifest: &Manifest, disk: &disk::Disk, place: &Place<'_>) -> Option<Disk> {
    let place = Place { sector_size: disk.sector_size, ..*place };
    let node = format!("disk/{}", disk.name.value);
    let solvable = check_names(cx, disk) & check_length(cx, disk);
    let table = complete(cx, disk.table.as_ref()?, &node, &place);
    let Traits::Table(rules) = &table.kind.traits else { return None };
    let parts: Vec<Option<Part>> =
        (0..disk.partitions.len()).map(|at| close_part(cx, manifest, (disk, at), &node, &place)).collect();
    let spec = specification(cx, disk, rules, &node, &place);
    if let Some(spec) = spec.as_ref().filter(|_| solvable) {
        report_layout(cx, disk, spec);
        check_lens(cx, disk, &parts, spec);
    }
    if let Some(spec) = &spec {
        lint_partitions(cx, table.kind.name, &parts, spec);
    }
    let loaders: Vec<Option<Installed>> = disk
        .loaders
        .iter()
        .map(|loader| {
            close_loader(cx, manifest, (disk, loader), &parts, spec.as_ref(), table.kind.name, &place)
        })
        .collect();
    check_first_sector(cx, &loaders);
    if let Some(spec) = &spec {
        seals::check(cx, disk, rules, spec, &parts, &loaders);
    }
    Some(Disk {
        name: disk.name.value.clone(),
        span: disk.name.span,
        spec: spec?,
        table,
        parts: parts.into_iter().collect::<Option<_>>()?,
        loaders: loaders.into_iter().collect::<Option<_>>()?,
    })
}

fn check_names(cx: &Cx<'_>, disk: &disk::Disk) -> bool {
    let mut unique = true;
    for (at, part) in disk.partitions.iter().enumerate() {
        let first = disk.partitions[..at].iter().find(|other| other.name.value == part.name.value);
        if let Some(first) = first {
            unique = false;
            let message = format!("partition `{}` is there twice", part.name.value);
            let found = Diagnostic::error("duplicate-name", part.name.span, message);
            cx.report(found.also(first.name.span, "first here"));
        }
    }
    unique
}

fn check_length(cx: &Cx<'_>, disk: &disk::Disk) -> bool {
    let uneven = disk.size.filter(|size| size.value % u64::from(disk.sector_size) != 0);
    if let Some(size) = uneven {
        let message = format!("a disk's size is a multiple of the sector's {} bytes", disk.sector_size);
        cx.report(Diagnostic::error("unaligned-size", size.span, message));
    }
    uneven.is_none()
}

fn close_part(
    cx: &Cx<'_>,
    manifest: &Manifest,
    (disk, at): (&disk::Disk, usize),
    node: &str,
    place: &Place<'_>,
) -> Option<Part> {
    let part = &disk.partitions[at];
    let node = format!("{node}/partition/{}", part.name.value);
    let guid = verity::guid(cx, disk, at);
    let hashes = match &part.verity {
        None => None,
        Some(said) => Some(verity::close(cx, disk, at, said, &node, place)?),
    };
    let content = match &part.content {
        None => None,
        Some(said) => {
            let node = format!("{node}/filesystem");
            let kind = complete(cx, &said.kind, &node, place);
            let tree = match &said.tree {
                None => None,
                Some(tree) => Some(names::tree(manifest, &tree.value)?),
            };
            Some(Content { kind, traits: said.traits()?, tree, span: said.kind.span })
        }
    };
    let type_name = part.ty.as_ref().and_then(|ty| ty.name);
    Some(Part { name: part.name.value.clone(), span: part.name.span, type_name, content, hashes, guid })
}

fn specification(
    cx: &Cx<'_>,
    disk: &disk::Disk,
    rules: &'static TableTraits,
    node: &str,
    place: &Place<'_>,
) -> Option<DiskSpec> {
    let numbers = numbers(cx, disk, rules);
    let sectors = |table: &[(u32, u64)]| {
        table.iter().find(|(size, _)| *size == disk.sector_size).map(|(_, sectors)| *sectors)
    };
    let (Some(head), Some(tail)) = (sectors(rules.head), sectors(rules.tail)) else {
        let message = format!("its table cannot be on sectors of {} bytes", disk.sector_size);
        cx.report(Diagnostic::error("unsupported-property", disk.name.span, message));
        return None;
    };
    let TableTraits { slots, logical, max_sector, shares_head, .. } = *rules;
    let rules_for_solver = TableRules { head, tail, slots, logical, max_sector, shares_head };
    let mut parts = Vec::with_capacity(disk.partitions.len());
    for (part, number) in disk.partitions.iter().zip(numbers?) {
        let derived = || place.uuid(&format!("{node}/partition/{}", part.name.value), "uuid");
        let table_name = part.table_name.as_ref().unwrap_or(&part.name).value.clone();
        let traits = part.content.as_ref().and_then(Filesystem::traits);
        let system_area = traits.map_or(0, |traits| traits.system_area);
        // Who looks for such a filesystem looks at the start of the disk.
        let at_start = parts.is_empty() && !part.listed && (slots == 0 || system_area > 0);
        parts.push(PartSpec {
            name: part.name.value.clone(),
            number,
            role: part.role,
            start: part.start.map(|start| start.value).or(at_start.then_some(0)),
            align: part.align.map_or(ALIGN, |align| align.value),
            size: part.size.as_ref()?.value.clone(),
            type_code: part.ty.as_ref()?.code.clone(),
            table_name: if rules.name_units.is_some() && part.listed { table_name } else { String::new() },
            uuid: (rules.uuids && part.listed).then(|| match &part.uuid {
                Some(Uuid::Given(uuid)) => uuid.clone(),
                // One that follows from a root hash takes its place when the disk is assembled.
                Some(Uuid::FromVerity(_)) | None => derived(),
            }),
            bootable: part.bootable,
            attributes: part.attributes,
            system_area,
        });
    }
    let len = disk.size.map(|size| size.value);
    Some(DiskSpec { len, sector_size: disk.sector_size, rules: rules_for_solver, parts })
}

/// Reports what is wrong with a layout before any size is known.
fn report_layout(cx: &Cx<'_>, disk: &disk::Disk, spec: &DiskSpec) {
    let fits = spec.parts.iter().filter(|part| matches!(part.size, PartSize::Fit { .. })).map(|_| None);
    let fits: Vec<Option<u64>> = fits.collect();
    let Err(problems) = layout::solve(spec, &fits) else { return };
    let span = |name: &Option<String>| {
        let part = name.as_ref().and_then(|name| disk.partition(name));
        part.map(|part| disk.partitions[part].name.span)
    };
    for problem in problems {
        let primary = span(&problem.part).unwrap_or(disk.name.span);
        let mut found = Diagnostic::error(problem.code, primary, problem.message);
        if let Some(other) = span(&problem.other) {
            found = found.also(other, "the other one");
        }
        found.help.extend(problem.help);
        cx.report(found);
    }
}

/// Reports filesystems that cannot be as long as their partitions, as far as that is known by now.
fn check_lens(cx: &Cx<'_>, disk: &disk::Disk, parts: &[Option<Part>], spec: &DiskSpec) {
    let fits = spec.parts.iter().any(|part| matches!(part.size, PartSize::Fit { .. }));
    let layout = if fits { None } else { layout::solve(spec, &[]).ok() };
    for ((said, part), spec) in disk.partitions.iter().zip(parts).zip(&spec.parts) {
        let len = match spec.size {
            PartSize::Exact(len) => Some(len),
            _ => layout.as_ref().and_then(|layout| layout.part(&spec.name)).map(|part| part.len),
        };
        let content = part.as_ref().and_then(|part| part.content.as_ref());
        if let (Some(len), Some(content)) = (len, content) {
            let span = said.size.as_ref().map_or(said.name.span, |size| size.span);
            check_len(cx, &content.kind, len, span);
        }
    }
}

fn close_loader(
    cx: &Cx<'_>,
    manifest: &Manifest,
    (disk, said): (&disk::Disk, &disk::Installed),
    parts: &[Option<Part>],
    spec: Option<&DiskSpec>,
    table: &str,
    place: &Place<'_>,
) -> Option<Installed> {
    let node = format!("disk/{}/loader/{}", disk.name.value, said.partition.value);
    let kind = complete(cx, &said.loader.kind, &node, place);
    let partition = loader_partition(cx, disk, &said.partition);
    let esp = said.esp.as_ref().map(|esp| loader_partition(cx, disk, esp));
    let (partition, esp) = (partition?, esp.map_or(Some(None), |esp| esp.map(Some))?);
    let home = |at: usize| part_home(parts.get(at)?.as_ref()?, spec?.parts.get(at)?);
    // The same partition twice is one.
    let esp = esp.filter(|esp| *esp != partition);
    let home = LoaderHome::Disk {
        table: table.to_owned(),
        own: home(partition)?,
        esp: match esp {
            None => None,
            Some(esp) => Some(home(esp)?),
        },
    };
    let spans = |option: &str| match option {
        "partition" => Some(said.partition.span),
        "esp" => Some(said.esp.as_ref().unwrap_or(&said.partition).span),
        _ => None,
    };
    let loader = loader::close(cx, manifest, &said.loader, (kind, home), spans)?;
    let seals = cx.kinds.seals(loader.kind.kind.name);
    Some(Installed { loader, seals, partition, esp })
}

/// The code in the first sector is one loader's: it would start the last one only, and the others in vain.
fn check_first_sector(cx: &Cx<'_>, loaders: &[Option<Installed>]) {
    let mut there = loaders.iter().flatten().map(|it| &it.loader).filter(|it| it.products.boot_code);
    let Some(first) = there.next() else { return };
    for loader in there {
        let message = "another loader has its code in the first sector of this disk already";
        let found = Diagnostic::error("conflicting-loaders", loader.span, message);
        let help = "leave one out, or let it start from its partition, if its kind has an option for that";
        cx.report(found.also(first.span, "this one").help(help));
    }
}

/// Reports what of partitions firmware may not like.
fn lint_partitions(cx: &Cx<'_>, table: &str, parts: &[Option<Part>], spec: &DiskSpec) {
    for (part, spec) in parts.iter().zip(&spec.parts) {
        let Some(part) = part.as_ref() else { continue };
        let Some(home) = part_home(part, spec).filter(|_| spec.listed()) else { continue };
        let span = part.content.as_ref().map_or(part.span, |content| content.span);
        for (code, problem) in cx.kinds.lint_partition(table, &home) {
            cx.report(option_lint(code, span, problem));
        }
    }
}

fn part_home(part: &Part, spec: &PartSpec) -> Option<PartHome> {
    let content = part.content.as_ref()?;
    Some(PartHome {
        name: part.name.clone(),
        number: spec.number,
        type_code: spec.type_code.clone(),
        filesystem: content.kind.kind.name.to_owned(),
        options: content.kind.options.clone(),
    })
}

/// A partition that a loader's files lie in, which must hold a filesystem that can take them.
fn loader_partition(cx: &Cx<'_>, disk: &disk::Disk, name: &Spanned<String>) -> Option<usize> {
    let Some(at) = disk.partition(&name.value) else {
        let message = format!("disk `{}` has no partition `{}`", disk.name.value, name.value);
        let mut found = Diagnostic::error("unknown-reference", name.span, message);
        let names = disk.partitions.iter().map(|part| part.name.value.as_str());
        found.help.extend(did_you_mean(&name.value, names));
        cx.report(found);
        return None;
    };
    let partition = &disk.partitions[at];
    let takes_tree = |content: &Filesystem| content.traits().is_some_and(|traits| traits.takes_tree);
    if !partition.broken && !partition.content.as_ref().is_some_and(takes_tree) {
        let message = format!("partition `{}` holds no filesystem for the loader's files", name.value);
        let found = Diagnostic::error("loader-without-filesystem", name.span, message);
        cx.report(found.also(partition.name.span, "this partition"));
        return None;
    }
    Some(at)
}
