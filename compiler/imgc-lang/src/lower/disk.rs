//! Disks: measure what fits, place, write, stamp, assemble, install loaders.

use std::collections::{BTreeMap, BTreeSet};

use imgc_plan::{
    Family, Input, Op, Record,
    layout::PartSize,
    step::{Assemble, Compose, Loader as LoaderStep, Place, Product, Stamp},
    tree::TreeOp,
};

use super::{build::Build, filesystem::Job as Filesystem, verity};
use crate::{
    compilation::{DiskInfo, HashesInfo, Origin, PartInfo},
    diagnostic::Span,
    resolve::{Chosen, Closed, Content, Disk, Loader, Part},
};

/// The step that makes a disk's bytes, and what people are told of the disk.
pub fn lower(build: &mut Build, closed: &Closed, disk: &Disk) -> (usize, DiskInfo) {
    let trees: Vec<Option<usize>> = (0..disk.parts.len()).map(|at| tree(build, closed, disk, at)).collect();
    let place = place(build, disk, &trees);
    let (bytes, hashes) = bytes(build, disk, place, &trees);
    let mut inputs = vec![Input::of(place)];
    let mut names = Vec::new();
    for (part, step) in disk.parts.iter().zip(bytes) {
        if let Some(step) = step {
            inputs.push(Input::of(step));
            names.push(part.name.clone());
        }
    }
    let (guids, facts): (Vec<String>, Vec<Input>) = verity::guids(disk, &hashes).into_iter().unzip();
    inputs.extend(facts);
    let Chosen { kind, options } = &disk.table;
    let assemble = Assemble { kind: kind.name.to_owned(), options: options.clone(), parts: names, guids };
    let label = format!("assemble {} ({})", disk.name, kind.name);
    let mut step = build.push(label, Op::Assemble(assemble), inputs, disk_origin(disk));
    for loader in disk.loaders.iter().filter(|loader| loader.products.stamp) {
        step = install(build, disk, loader, step, place);
    }
    let parts = (0..disk.parts.len()).map(|at| part_info(closed, disk, at)).collect();
    let spec = disk.spec.clone();
    let info = DiskInfo { name: disk.name.clone(), place, spec, parts, hashes, span: disk.span };
    (step, info)
}

/// The steps that make what is in the partitions: filesystems, and then hashes of them.
fn bytes(
    build: &mut Build,
    disk: &Disk,
    place: usize,
    trees: &[Option<usize>],
) -> (Vec<Option<usize>>, Vec<HashesInfo>) {
    let mut write = |(at, part): (usize, &Part)| {
        let filesystem = Filesystem::of(part, trees[at])?;
        Some(filesystem.write_at(build, place, &part.name))
    };
    let mut bytes: Vec<Option<usize>> = disk.parts.iter().enumerate().map(&mut write).collect();
    let mut infos = Vec::new();
    for (at, part) in disk.parts.iter().enumerate() {
        let Some((hashes, data)) = part.hashes.as_ref().and_then(|hashes| Some((hashes, bytes[hashes.of]?)))
        else {
            continue;
        };
        let (made, facts) = verity::write(build, disk, hashes, data);
        bytes[at] = Some(made);
        let of = disk.parts[hashes.of].name.clone();
        infos.push(HashesInfo { part: part.name.clone(), of, facts });
    }
    (bytes, infos)
}

fn disk_origin(disk: &Disk) -> Origin {
    let parts = disk.parts.iter().map(|part| (part.name.clone(), part.span)).collect();
    Origin { span: disk.span, parts, ..Origin::default() }
}

/// The tree that a partition's filesystem holds: its own, with its loaders' files over it. What their menus name must be there.
fn tree(build: &mut Build, closed: &Closed, disk: &Disk, at: usize) -> Option<usize> {
    let part = &disk.parts[at];
    let content = part.content.as_ref().filter(|content| content.traits.takes_tree)?;
    let own = content.tree.map(|tree| build.trees[&tree]);
    let mut layers: Vec<(usize, Span)> = own.map(|own| (own, content.span)).into_iter().collect();
    let mut names = Vec::new();
    for loader in &disk.loaders {
        let products = loader.products;
        for (here, wanted, product) in [
            (loader.partition, products.files, Product::Files),
            (loader.esp.unwrap_or(loader.partition), products.esp_files, Product::EspFiles),
        ] {
            if here == at && wanted {
                layers.push((product_of(build, loader, product), loader.span));
                names.push(loader.kind.kind.name);
            }
        }
    }
    let required = required(disk, at, content.traits.folds_case);
    if let (Some(own), [_], []) = (own, layers.as_slice(), required.as_slice()) {
        return Some(own);
    }
    names.dedup();
    let name = content.tree.map_or(part.name.as_str(), |tree| closed.trees[tree].name.as_str());
    let label = match names.as_slice() {
        [] if layers.is_empty() => format!("compose {name} (empty)"),
        [] => format!("compose {name}"),
        names => format!("compose {name} with {}", names.join(", ")),
    };
    let mut ops: Vec<TreeOp> = (0..layers.len()).map(|input| TreeOp::Overlay { input }).collect();
    let mut spans: Vec<Span> = layers.iter().map(|(_, span)| *span).collect();
    for (op, span) in required {
        ops.push(op);
        spans.push(span);
    }
    let inputs = layers.iter().map(|(step, _)| Input::of(*step)).collect();
    let origin = Origin { span: content.span, ops: spans, ..Origin::default() };
    Some(build.push(label, Op::Compose(Compose { ops, epoch: build.epoch }), inputs, origin))
}

/// The files that the menus of a partition's loaders name, entry by entry.
fn required(disk: &Disk, at: usize, folds_case: bool) -> Vec<(TreeOp, Span)> {
    let mut required = Vec::new();
    for loader in disk.loaders.iter().filter(|loader| loader.partition == at) {
        let Some(menu) = &loader.menu else { continue };
        let mut entries: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
        for (index, path) in menu.paths() {
            entries.entry(index).or_default().insert(path.to_owned());
        }
        for (index, paths) in entries {
            let span = loader.entries.get(index).copied().unwrap_or(loader.span);
            required.push((TreeOp::Require { paths: paths.into_iter().collect(), folds_case }, span));
        }
    }
    // Two loaders that show the same menu ask for the same files.
    let mut seen = BTreeSet::new();
    required.retain(|(_, span)| seen.insert((span.file, span.start)));
    required
}

fn product_of(build: &mut Build, loader: &Loader, product: Product) -> usize {
    let Chosen { kind, options } = &loader.kind;
    let what = match product {
        Product::Files => "files",
        Product::EspFiles => "files for firmware",
        Product::Image => "image",
    };
    let step = LoaderStep {
        kind: kind.name.to_owned(),
        options: options.clone(),
        product,
        menu: loader.menu.clone(),
        home: loader.home.clone(),
    };
    let source = loader.source.map(|source| build.sources[&source]);
    let tree = loader.tree.map(|tree| build.trees[&tree]);
    let inputs = source.or(tree).map(Input::of).into_iter().collect();
    let origin = Origin { span: loader.span, ..Origin::default() };
    build.push(format!("make {what} of {}", kind.name), Op::Loader(step), inputs, origin)
}

fn named(kind: &Chosen) -> (String, Record) {
    (kind.kind.name.to_owned(), kind.options.clone())
}

fn place(build: &mut Build, disk: &Disk, trees: &[Option<usize>]) -> usize {
    let mut inputs = Vec::new();
    let job = |at: usize| Filesystem::of(&disk.parts[at], trees[at]);
    for (at, spec) in disk.spec.parts.iter().enumerate() {
        if !matches!(spec.size, PartSize::Fit { .. }) {
            continue;
        }
        if let Some(filesystem) = job(at) {
            inputs.push(filesystem.need(build));
        } else if let Some(hashes) = &disk.parts[at].hashes
            && let Some(data) = job(hashes.of)
        {
            inputs.push(verity::need(build, disk, hashes, data));
        }
    }
    let op = Op::Place(Place { disk: disk.spec.clone() });
    build.push(format!("place {}", disk.name), op, inputs, disk_origin(disk))
}

fn install(build: &mut Build, disk: &Disk, loader: &Loader, step: usize, place: usize) -> usize {
    let mut inputs = vec![Input::of(step), Input::of(place)];
    if loader.products.image {
        inputs.push(Input::of(product_of(build, loader, Product::Image)));
    }
    let (kind, options) = named(&loader.kind);
    let label = format!("install {kind} on {}", disk.name);
    let stamp = Stamp { family: Family::Loader, kind, options, home: Some(loader.home.clone()) };
    build.push(label, Op::Stamp(stamp), inputs, Origin { span: loader.span, ..Origin::default() })
}

fn part_info(closed: &Closed, disk: &Disk, at: usize) -> PartInfo {
    let (part, spec) = (&disk.parts[at], &disk.spec.parts[at]);
    let tree = |content: &Content| content.tree.map(|tree| format!("tree {}", closed.trees[tree].name));
    let (content, waits_for) = match &part.content {
        None => match &part.hashes {
            None => ("empty".to_owned(), None),
            Some(hashes) => {
                let of = disk.parts[hashes.of].name.clone();
                (format!("verity of {of}"), matches!(spec.size, PartSize::Fit { .. }).then_some(of))
            }
        },
        Some(content) => {
            let kind = content.kind.kind.name;
            let held = tree(content);
            let loader = disk.loaders.iter().find(|loader| loader.partition == at);
            let loader = loader.map(|loader| loader.kind.kind.name.to_owned());
            let words: Vec<String> =
                [Some(kind.to_owned()), held.clone(), loader].into_iter().flatten().collect();
            let waits = held.unwrap_or_else(|| kind.to_owned());
            (words.join(", "), matches!(spec.size, PartSize::Fit { .. }).then_some(waits))
        }
    };
    PartInfo { name: part.name.clone(), content, waits_for, span: part.span }
}
