//! Trees: the operations of a `tree` node as one compose step.

use imgc_plan::{
    Input, Op,
    step::{Archive, Compose, Keep, Product, Scan, ScanWhat},
    tree::{FileContent, TreeOp},
};

use super::{
    build::{Build, Inputs, Thing},
    filesystem, loader, source,
};
use crate::{
    compilation::Origin,
    diagnostic::Span,
    model::{
        copy::{Copy, From},
        tree::Op as Said,
    },
    resolve::{Chosen, Made},
};

/// The step that makes a tree.
pub fn tree(build: &mut Build<'_>, at: usize) -> Option<usize> {
    let tree = &build.closed.trees[at];
    let name = || (format!("tree {}", tree.name), tree.span);
    build.once(Thing::Tree(at), name, |build| {
        let mut inputs = Inputs::default();
        let mut ops = Vec::with_capacity(tree.ops.len());
        for op in &tree.ops {
            ops.push(match &op.value {
                Said::Plain(plain) => lower_plain(build, plain, &mut inputs)?,
                Said::Copy(copy) => lower_copy(build, copy, op.span, &mut inputs)?,
                Said::Loader(loader) => {
                    TreeOp::Overlay { input: inputs.index(loader::product(build, loader, Product::Files)?) }
                }
            });
        }
        let mut spans: Vec<Span> = tree.ops.iter().map(|op| op.span).collect();
        // What is served must be there in the end, also where a loader stands before it. Servers tell `a` from `A`.
        let loaders = tree.ops.iter().filter_map(|op| match &op.value {
            Said::Loader(loader) => Some(&**loader),
            Said::Plain(_) | Said::Copy(_) => None,
        });
        for (op, span) in loader::required(loaders, false) {
            ops.push(op);
            spans.push(span);
        }
        let origin = Origin { span: tree.span, ops: spans, ..Origin::default() };
        let compose = Op::Compose(Compose { ops, epoch: build.plan.epoch });
        Some(build.push(format!("compose {}", tree.name), compose, inputs.0, origin))
    })
}

/// The step that makes an archive.
pub fn archive(build: &mut Build<'_>, at: usize) -> Option<usize> {
    let archive = &build.closed.archives[at];
    let name = || (format!("archive {}", archive.name), archive.span);
    build.once(Thing::Archive(at), name, |build| {
        made(build, &archive.name, &archive.made, archive.tree, archive.span)
    })
}

/// The step that makes a file of a tree.
pub fn made(build: &mut Build<'_>, name: &str, made: &Made, of: usize, span: Span) -> Option<usize> {
    match made {
        Made::Packed(kind) => pack(build, name, kind, of, span),
        Made::Filesystem { content, size, hashes } => {
            let tree = Some(tree(build, of)?);
            let hashes = hashes.as_ref();
            let (data, len) = filesystem::Job { name, content, tree }.write_whole(build, size, hashes);
            Some(hashes.map_or(data, |hashes| hashes.append(build, name, data, len)))
        }
    }
}

/// The step that says the facts of the hashes behind a filesystem in a file of its own, if there are any.
pub fn made_facts(build: &mut Build<'_>, name: &str, made: &Made, of: usize) -> Option<usize> {
    let Made::Filesystem { content, size, hashes: Some(hashes) } = made else { return None };
    let tree = Some(tree(build, of)?);
    let (data, _) = filesystem::Job { name, content, tree }.write_whole(build, size, Some(hashes));
    Some(hashes.facts(build, name, data, true))
}

/// The step that says the facts of the hashes in an archive.
pub fn archive_facts(build: &mut Build<'_>, at: usize) -> Option<usize> {
    let archive = &build.closed.archives[at];
    let name = || (format!("the root hash in archive {}", archive.name), archive.span);
    build.once(Thing::ArchiveHashes(at), name, |build| {
        made_facts(build, &archive.name, &archive.made, archive.tree)
    })
}

/// The step that packs a tree.
fn pack(build: &mut Build<'_>, name: &str, kind: &Chosen, of: usize, span: Span) -> Option<usize> {
    let mut inputs = Inputs(vec![Input::of(tree(build, of)?)]);
    let mut options = kind.options.clone();
    for data in options.values_mut() {
        if let imgc_plan::Data::Text(text) = data {
            *text = build.late(text, &mut inputs)?;
        }
    }
    let op = Op::Archive(Archive { kind: kind.kind.name.to_owned(), options });
    let label = format!("archive {name} ({})", kind.kind.name);
    Some(build.push(label, op, inputs.0, Origin { span, ..Origin::default() }))
}

fn lower_plain(build: &mut Build<'_>, op: &TreeOp, inputs: &mut Inputs) -> Option<TreeOp> {
    let mut op = op.clone();
    if let TreeOp::File { content, .. } = &mut op
        && let FileContent::Late(text) = content
    {
        let text = build.late(text, inputs)?;
        let later = imgc_plan::late::is_marked(&text);
        *content = if later { FileContent::Late(text) } else { FileContent::Inline(text.into_bytes()) };
    }
    Some(op)
}

fn lower_copy(build: &mut Build<'_>, copy: &Copy<usize>, span: Span, inputs: &mut Inputs) -> Option<TreeOp> {
    let Copy { from, exclude, to, into, decompress, attributes, replace } = copy.clone();
    let (step, glob, exclude) = match from {
        From::Archive(at) => {
            let content = FileContent::Input(inputs.index(archive(build, at)?));
            return Some(TreeOp::File { path: to, content, attributes, replace });
        }
        From::Source(at, glob) => (source::lower(build, at)?, glob, exclude),
        From::Tree(at, glob) => (tree(build, at)?, glob, exclude),
        // What is left out is not even read.
        From::Local { dir, glob } => (scan(build, dir, &glob, exclude, span), glob, Vec::new()),
    };
    let input = inputs.index(step);
    Some(TreeOp::Copy { input, from: glob, exclude, to, into, decompress, attributes, replace })
}

fn scan(build: &mut Build<'_>, path: String, glob: &str, exclude: Vec<String>, span: Span) -> usize {
    let include = if glob.is_empty() { Vec::new() } else { vec![glob.to_owned()] };
    let label = match (path.as_str(), glob) {
        (dir, "") => format!("scan {dir}"),
        (".", glob) => format!("scan {glob}"),
        (dir, glob) => format!("scan {}/{glob}", dir.trim_end_matches('/')),
    };
    let epoch = build.plan.epoch;
    let scan = Scan { path, what: ScanWhat::Dir, include, exclude, keep: Keep::default(), epoch };
    build.push(label, Op::Scan(scan), Vec::new(), Origin { span, ..Origin::default() })
}
