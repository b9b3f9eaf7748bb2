//! Loaders: the steps that make what they consist of, and what must lie beside them.

use std::collections::{BTreeMap, BTreeSet};

use imgc_plan::{
    Op,
    menu::Menu,
    step::{Loader as LoaderStep, Product},
    tree::TreeOp,
};

use super::{
    build::{Build, Inputs},
    compose, source,
};
use crate::{
    compilation::Origin,
    diagnostic::Span,
    resolve::{Chosen, Loader},
};

/// The files that the menus of these loaders name, entry by entry, and those that their options name.
pub fn required<'a>(loaders: impl Iterator<Item = &'a Loader>, folds_case: bool) -> Vec<(TreeOp, Span)> {
    let mut required = Vec::new();
    for loader in loaders {
        for (path, span) in &loader.paths {
            required.push((TreeOp::Require { paths: vec![path.clone()], folds_case }, *span));
        }
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

/// The step that makes a product of a loader.
pub fn product(build: &mut Build<'_>, loader: &Loader, product: Product) -> Option<usize> {
    let Chosen { kind, options } = &loader.kind;
    let what = match product {
        Product::Files => "files",
        Product::EspFiles => "files for firmware",
        Product::Image => "image",
    };
    let mut inputs = Inputs::default();
    if let Some(at) = loader.source {
        inputs.index(source::lower(build, at)?);
    } else if let Some(at) = loader.tree {
        inputs.index(compose::tree(build, at)?);
    }
    let mut menu = loader.menu.clone();
    for args in menu.iter_mut().flat_map(Menu::args_mut) {
        *args = build.late(args, &mut inputs)?;
    }
    let step = LoaderStep {
        kind: kind.name.to_owned(),
        options: options.clone(),
        product,
        menu,
        home: loader.home.clone(),
    };
    let origin = Origin { span: loader.span, ..Origin::default() };
    Some(build.push(format!("make {what} of {}", kind.name), Op::Loader(step), inputs.0, origin))
}
