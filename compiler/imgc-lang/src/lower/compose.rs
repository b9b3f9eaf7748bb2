//! Trees: the operations of a `tree` node as one compose step.

use imgc_plan::{
    Op,
    step::{Compose, Keep, Scan, ScanWhat},
    tree::{FileContent, TreeOp},
};

use super::build::{Build, Inputs};
use crate::{
    compilation::Origin,
    diagnostic::Span,
    model::{
        copy::{Copy, From},
        tree::Op as Said,
    },
    resolve::Tree,
};

/// The step that makes a tree.
pub fn lower(build: &mut Build, tree: &Tree) -> usize {
    let mut inputs = Inputs::default();
    let mut ops = Vec::with_capacity(tree.ops.len());
    for op in &tree.ops {
        ops.push(match &op.value {
            Said::Plain(plain) => plain.clone(),
            Said::Copy(copy) => lower_copy(build, copy, op.span, &mut inputs),
        });
    }
    let spans = tree.ops.iter().map(|op| op.span).collect();
    let origin = Origin { span: tree.span, ops: spans, ..Origin::default() };
    let compose = Op::Compose(Compose { ops, epoch: build.epoch });
    build.push(format!("compose {}", tree.name), compose, inputs.0, origin)
}

fn lower_copy(build: &mut Build, copy: &Copy<usize>, span: Span, inputs: &mut Inputs) -> TreeOp {
    let Copy { from, exclude, to, into, decompress, attributes, replace } = copy.clone();
    let (step, glob, exclude) = match from {
        From::Archive(archive) => {
            let content = FileContent::Input(inputs.index(build.archives[&archive]));
            return TreeOp::File { path: to, content, attributes, replace };
        }
        From::Source(source, glob) => (build.sources[&source], glob, exclude),
        From::Tree(tree, glob) => (build.trees[&tree], glob, exclude),
        // What is left out is not even read.
        From::Local { dir, glob } => (scan(build, dir, &glob, exclude, span), glob, Vec::new()),
    };
    let input = inputs.index(step);
    TreeOp::Copy { input, from: glob, exclude, to, into, decompress, attributes, replace }
}

fn scan(build: &mut Build, path: String, glob: &str, exclude: Vec<String>, span: Span) -> usize {
    let include = if glob.is_empty() { Vec::new() } else { vec![glob.to_owned()] };
    let label = match (path.as_str(), glob) {
        (dir, "") => format!("scan {dir}"),
        (".", glob) => format!("scan {glob}"),
        (dir, glob) => format!("scan {}/{glob}", dir.trim_end_matches('/')),
    };
    let scan =
        Scan { path, what: ScanWhat::Dir, include, exclude, keep: Keep::default(), epoch: build.epoch };
    build.push(label, Op::Scan(scan), Vec::new(), Origin { span, ..Origin::default() })
}
