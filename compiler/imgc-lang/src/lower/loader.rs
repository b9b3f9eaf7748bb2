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

/// What must be true of the files that the menus and options of these loaders name, entry by entry: that they are there, and that
/// what is started under secure boot is signed.
pub fn required<'a>(loaders: impl Iterator<Item = &'a Loader>, folds_case: bool) -> Vec<(TreeOp, Span)> {
    let mut required = Vec::new();
    for loader in loaders {
        for (path, span) in &loader.paths {
            required.push((TreeOp::Require { paths: vec![path.clone()], folds_case }, *span));
        }
        let Some(menu) = &loader.menu else { continue };
        for (paths, span) in by_entry(loader, menu.paths()) {
            required.push((TreeOp::Require { paths, folds_case }, span));
        }
        let programs = if loader.products.signed { menu.programs() } else { Vec::new() };
        for (paths, span) in by_entry(loader, programs) {
            required.push((TreeOp::Signed { paths, folds_case }, span));
        }
    }
    // Two loaders that show the same menu ask for the same files.
    let mut seen = BTreeSet::new();
    required.retain(|(op, span)| seen.insert((matches!(op, TreeOp::Signed { .. }), span.file, span.start)));
    required
}

/// Paths with the index of their entry, as sets of each entry with where it is named.
fn by_entry(loader: &Loader, paths: Vec<(usize, &str)>) -> Vec<(Vec<String>, Span)> {
    let mut entries: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
    for (index, path) in paths {
        entries.entry(index).or_default().insert(path.to_owned());
    }
    let span = |index: usize| loader.entries.get(index).copied().unwrap_or(loader.span);
    entries.into_iter().map(|(index, paths)| (paths.into_iter().collect(), span(index))).collect()
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
