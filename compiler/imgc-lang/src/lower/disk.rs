//! Disks: measure what fits, place, write, stamp, assemble, install loaders.

use imgc_plan::{
    Family, Input, Op, Record,
    layout::PartSize,
    step::{Assemble, Compose, Place, Product, Seal, Stamp},
    tree::TreeOp,
};

use super::{
    build::{Build, Thing},
    compose,
    filesystem::Job as Filesystem,
    loader, verity,
};
use crate::{
    compilation::{DiskInfo, HashesInfo, Origin, PartInfo},
    diagnostic::Span,
    resolve::{Chosen, Closed, Content, Disk, Hashes, Installed, Loader},
};

/// The step that makes a disk's bytes, and what people are told of the disk.
pub fn lower(build: &mut Build<'_>, at: usize) -> Option<(usize, DiskInfo)> {
    let disk = &build.closed.disks[at];
    let place = place(build, at)?;
    let mut inputs = vec![Input::of(place)];
    let mut names = Vec::new();
    for (index, part) in disk.parts.iter().enumerate() {
        if let Some(step) = bytes(build, at, index)? {
            inputs.push(Input::of(step));
            names.push(part.name.clone());
        }
    }
    let mut hashes = Vec::new();
    for (index, part) in disk.parts.iter().enumerate() {
        if let Some(said) = &part.hashes {
            let facts = hash_facts(build, at, index)?;
            hashes.push(HashesInfo { part: part.name.clone(), of: disk.parts[said.of].name.clone(), facts });
        }
    }
    let (guids, facts): (Vec<String>, Vec<Input>) = verity::guids(disk, &hashes).into_iter().unzip();
    inputs.extend(facts);
    let Chosen { kind, options } = &disk.table;
    let assemble = Assemble { kind: kind.name.to_owned(), options: options.clone(), parts: names, guids };
    let label = format!("assemble {} ({})", disk.name, kind.name);
    let mut step = build.push(label, Op::Assemble(assemble), inputs, disk_origin(disk));
    // What reads all of the disk comes when nothing more is written.
    for seals in [false, true] {
        for one in disk.loaders.iter().filter(|one| one.loader.products.stamp && one.seals == seals) {
            step = install(build, disk, &one.loader, step, place)?;
        }
    }
    let parts = (0..disk.parts.len()).map(|index| part_info(build.closed, disk, index)).collect();
    let spec = disk.spec.clone();
    let info = DiskInfo { name: disk.name.clone(), place, spec, parts, hashes, span: disk.span };
    Some((step, info))
}

/// The step that lays a disk out.
pub fn place(build: &mut Build<'_>, at: usize) -> Option<usize> {
    let disk = &build.closed.disks[at];
    let name = || (format!("the layout of {}", disk.name), disk.span);
    build.once(Thing::Place(at), name, |build| {
        let mut inputs = Vec::new();
        for (index, spec) in disk.spec.parts.iter().enumerate() {
            if !matches!(spec.size, PartSize::Fit { .. }) {
                continue;
            }
            let part = &disk.parts[index];
            let of = part.hashes.as_ref().map_or(index, |hashes| hashes.of);
            let tree = held(build, at, of)?;
            let Some(filesystem) = Filesystem::of(&disk.parts[of], tree) else { continue };
            inputs.push(match &part.hashes {
                None => filesystem.need(build),
                Some(hashes) if hashes.of == index => {
                    let need = filesystem.need(build);
                    hashes.tree.grown(build, filesystem.name, need)
                }
                Some(hashes) => verity::need(build, disk, hashes, filesystem),
            });
        }
        let op = Op::Place(Place { disk: disk.spec.clone() });
        Some(build.push(format!("place {}", disk.name), op, inputs, disk_origin(disk)))
    })
}

/// The step that makes what is in a partition, if anything is: a filesystem, or hashes of one.
fn bytes(build: &mut Build<'_>, at: usize, index: usize) -> Option<Option<usize>> {
    let disk = &build.closed.disks[at];
    let part = &disk.parts[index];
    if part.content.is_none() && part.hashes.is_none() {
        return Some(None);
    }
    let name = || (format!("partition {}.{}", disk.name, part.name), part.span);
    let made = build.once(Thing::Bytes(at, index), name, |build| {
        let Some(hashes) = &part.hashes else { return filesystem(build, at, index) };
        let data = sealed(build, at, hashes.of)?;
        let name = &disk.parts[hashes.of].name;
        Some(match hashes.of == index {
            true => hashes.tree.append(build, name, data, None),
            false => hashes.tree.write(build, name, data),
        })
    });
    made.map(Some)
}

/// The step that makes a filesystem whose hashes are kept.
fn sealed(build: &mut Build<'_>, at: usize, index: usize) -> Option<usize> {
    let disk = &build.closed.disks[at];
    let part = &disk.parts[index];
    if part.hashes.is_none() {
        return bytes(build, at, index)?;
    }
    let name = || (format!("the filesystem in {}.{}", disk.name, part.name), part.span);
    build.once(Thing::Sealed(at, index), name, |build| filesystem(build, at, index))
}

/// The step that makes the filesystem in a partition.
fn filesystem(build: &mut Build<'_>, at: usize, index: usize) -> Option<usize> {
    let part = &build.closed.disks[at].parts[index];
    let tree = held(build, at, index)?;
    let filesystem = Filesystem::of(part, tree)?;
    // A layout is asked for only where it decides something: it may wait for what this partition says.
    let place = if filesystem.needs_place() { Some(place(build, at)?) } else { None };
    let hashes = part.hashes.as_ref().map(|hashes| &hashes.tree);
    Some(filesystem.write_at(build, place, &part.name, hashes))
}

/// The step that says the facts of the hashes in a partition.
pub fn hash_facts(build: &mut Build<'_>, at: usize, index: usize) -> Option<usize> {
    let disk = &build.closed.disks[at];
    let part = &disk.parts[index];
    let name = || (format!("the root hash in {}.{}", disk.name, part.name), part.span);
    build.once(Thing::Hashes(at, index), name, |build| {
        let hashes = part.hashes.as_ref()?;
        let data = sealed(build, at, hashes.of)?;
        Some(hashes.tree.facts(build, &disk.parts[hashes.of].name, data, hashes.of == index))
    })
}

fn disk_origin(disk: &Disk) -> Origin {
    let parts = disk.parts.iter().map(|part| (part.name.clone(), part.span)).collect();
    Origin { span: disk.span, parts, ..Origin::default() }
}

/// The tree that a partition's filesystem holds, if it takes one: its own, with its loaders' files over it. What their menus
/// name must be there.
fn held(build: &mut Build<'_>, at: usize, index: usize) -> Option<Option<usize>> {
    let disk = &build.closed.disks[at];
    let part = &disk.parts[index];
    let Some(content) = part.content.as_ref().filter(|content| content.traits.takes_tree) else {
        return Some(None);
    };
    let name = || (format!("what {}.{} holds", disk.name, part.name), content.span);
    build.once(Thing::Held(at, index), name, |build| hold(build, disk, index, content)).map(Some)
}

fn hold(build: &mut Build<'_>, disk: &Disk, at: usize, content: &Content) -> Option<usize> {
    let own = match content.tree {
        Some(tree) => Some(compose::tree(build, tree)?),
        None => None,
    };
    let mut layers: Vec<(usize, Span)> = own.map(|own| (own, content.span)).into_iter().collect();
    let mut names = Vec::new();
    for Installed { loader, partition, esp, seals: _ } in &disk.loaders {
        let products = loader.products;
        for (here, wanted, product) in [
            (*partition, products.files, Product::Files),
            (esp.unwrap_or(*partition), products.esp_files, Product::EspFiles),
        ] {
            if here == at && wanted {
                layers.push((loader::product(build, loader, product)?, loader.span));
                names.push(loader.kind.kind.name);
            }
        }
    }
    let here = disk.loaders.iter().filter(|one| one.partition == at).map(|one| &one.loader);
    let required = loader::required(here, content.traits.folds_case);
    if let (Some(own), [_], []) = (own, layers.as_slice(), required.as_slice()) {
        return Some(own);
    }
    names.dedup();
    let part = disk.parts[at].name.as_str();
    let name = content.tree.map_or(part, |tree| build.closed.trees[tree].name.as_str());
    let label = match names.as_slice() {
        [] if layers.is_empty() => format!("compose {name} (empty)"),
        [] => format!("compose {name}"),
        names => format!("compose {name} with {}", names.join(", ")),
    };
    let mut ops: Vec<TreeOp> = (0..layers.len()).map(|input| TreeOp::Overlay { input }).collect();
    let mut spans: Vec<Span> = layers.iter().map(|(_, span)| *span).collect();
    let apart = apart(&layers, usize::from(own.is_some()), content.traits.folds_case);
    for (op, span) in apart.into_iter().chain(required) {
        ops.push(op);
        spans.push(span);
    }
    let inputs = layers.iter().map(|(step, _)| Input::of(*step)).collect();
    let origin = Origin { span: content.span, ops: spans, ..Origin::default() };
    Some(build.push(label, Op::Compose(Compose { ops, epoch: build.plan.epoch }), inputs, origin))
}

/// No loader may hide another one's files: each is checked against those before it. The partition's own tree, below them, may
/// be overlaid.
fn apart(layers: &[(usize, Span)], own: usize, folds_case: bool) -> Vec<(TreeOp, Span)> {
    let later = (own + 1..layers.len()).map(|input| {
        let others = (own..input).filter(|other| layers[*other].1 != layers[input].1).collect();
        (TreeOp::Apart { input, others, folds_case }, layers[input].1)
    });
    later.collect()
}

fn named(kind: &Chosen) -> (String, Record) {
    (kind.kind.name.to_owned(), kind.options.clone())
}

fn install(build: &mut Build<'_>, disk: &Disk, loader: &Loader, step: usize, place: usize) -> Option<usize> {
    let mut inputs = vec![Input::of(step), Input::of(place)];
    if loader.products.image {
        inputs.push(Input::of(loader::product(build, loader, Product::Image)?));
    }
    let (kind, options) = named(&loader.kind);
    let label = format!("install {kind} on {}", disk.name);
    let hashes = disk.parts.iter().filter_map(|part| Some((part, part.hashes.as_ref()?)));
    let seal = |(part, hashes): (&crate::resolve::Part, &Hashes)| {
        let seal = |name: &str| Seal { part: name.to_owned(), hashes: part.name.clone() };
        // Hashes in a partition of their own must not change, either.
        let apart = part.content.is_none().then(|| seal(&part.name));
        [seal(&disk.parts[hashes.of].name)].into_iter().chain(apart)
    };
    let seals = hashes.flat_map(seal).collect();
    let stamp = Stamp { family: Family::Loader, kind, options, home: Some(loader.home.clone()), seals };
    Some(build.push(label, Op::Stamp(stamp), inputs, Origin { span: loader.span, ..Origin::default() }))
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
            let loader = disk.loaders.iter().find(|one| one.partition == at);
            let loader = loader.map(|one| one.loader.kind.kind.name.to_owned());
            let verity = part.hashes.as_ref().map(|_| "verity".to_owned());
            let words: Vec<String> =
                [Some(kind.to_owned()), held.clone(), loader, verity].into_iter().flatten().collect();
            let waits = held.unwrap_or_else(|| kind.to_owned());
            (words.join(", "), matches!(spec.size, PartSize::Fit { .. }).then_some(waits))
        }
    };
    PartInfo { name: part.name.clone(), type_name: part.type_name, content, waits_for, span: part.span }
}
