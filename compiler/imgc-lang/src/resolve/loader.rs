//! A loader closed, on a disk or in a tree that a server gives out: judged for its place, its names looked up.

use imgc_plan::step::LoaderHome;

use super::{
    closed::{Chosen, Loader},
    names,
    options::{Place, complete, option_lint, option_problem},
};
use crate::{
    decode::Cx,
    diagnostic::{Diagnostic, Span},
    model::{Manifest, loader},
};

/// Closes a loader of a tree; `tree` is the tree's name. `None` when something is missing, which is reported.
pub fn in_tree(
    cx: &Cx<'_>,
    manifest: &Manifest,
    said: &loader::Loader,
    tree: &str,
    place: &Place<'_>,
) -> Option<Loader> {
    let kind = complete(cx, &said.kind, &format!("tree/{tree}/loader"), place);
    let home = LoaderHome::Network;
    let can = cx.kinds.check_home(kind.kind.name, &kind.options, &home).is_empty();
    if can && !cx.kinds.products(kind.kind.name, &kind.options, &home).files {
        let message = format!("`{}` starts nothing over a network", kind.kind.name);
        let found = Diagnostic::error("unsupported-place", said.kind.span, message);
        cx.report(found.help("a loader in a tree is for machines that a server starts"));
    }
    close(cx, manifest, said, (kind, home), |_| None)
}

/// Closes a loader whose options are complete, in its place; `spans` says where properties stand that are not options of its kind.
pub fn close(
    cx: &Cx<'_>,
    manifest: &Manifest,
    said: &loader::Loader,
    (kind, home): (Chosen, LoaderHome),
    spans: impl Fn(&str) -> Option<Span>,
) -> Option<Loader> {
    for problem in cx.kinds.check_home(kind.kind.name, &kind.options, &home) {
        let given = |option| said.kind.options.get(option).map(|option| option.span);
        let span = problem.option.and_then(|option| spans(option).or_else(|| given(option)));
        cx.report(option_problem("unsupported-place", span.unwrap_or(said.kind.span), problem));
    }
    let menu = match &said.menu {
        None => None,
        Some(name) => Some(manifest.menus.iter().find(|menu| menu.name.value == name.value)?),
    };
    if let Some(menu) = menu {
        for (entry, problem) in cx.kinds.check_menu(kind.kind.name, &kind.options, &menu.menu, &home) {
            let span = menu.entries.get(entry).copied().unwrap_or(menu.name.span);
            let found = option_problem("unsupported-entry", span, problem);
            cx.report(found.also(said.kind.span, "the loader that shows it"));
        }
        for (entry, problem) in cx.kinds.lint_menu(kind.kind.name, &kind.options, &menu.menu) {
            let span = menu.entries.get(entry).copied().unwrap_or(menu.name.span);
            let found = option_lint("tries-without-fallback", span, problem);
            cx.report(found.also(said.kind.span, "the loader that counts them"));
        }
    }
    let source = match &said.source {
        None => None,
        Some(source) => Some(names::source(manifest, &source.value)?),
    };
    let tree = match &said.tree {
        None => None,
        Some(tree) => Some(names::tree(manifest, &tree.value)?),
    };
    let products = cx.kinds.products(kind.kind.name, &kind.options, &home);
    let entries = menu.map(|menu| menu.entries.clone()).unwrap_or_default();
    let menu = menu.map(|menu| menu.menu.clone());
    let span = said.kind.span;
    let named = |option| said.kind.options.get(option).map_or(span, |option| option.span);
    let paths = cx.kinds.paths(kind.kind.name, &kind.options).into_iter();
    let paths = paths.map(|(option, path)| (path, named(option))).collect();
    Some(Loader { paths, kind, products, source, tree, menu, entries, home, span })
}
