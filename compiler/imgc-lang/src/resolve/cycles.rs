//! Trees and archives in the order of their needs; a tree that needs itself is reported.

use super::names;
use crate::{
    decode::{Cx, Spanned},
    diagnostic::{Diagnostic, Span},
    model::{
        Manifest,
        copy::From,
        tree::{Op, Said},
    },
};

/// A tree or archive, by index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// A tree.
    Tree(usize),
    /// An archive.
    Archive(usize),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Open,
    Done,
}

/// Orders trees and archives so that each comes after what it needs. Walks without recursion: a chain may be long.
pub fn order(cx: &Cx<'_>, manifest: &Manifest) -> Vec<Item> {
    let trees = manifest.trees.len();
    let all = trees + manifest.archives.len();
    let item = |at: usize| if at < trees { Item::Tree(at) } else { Item::Archive(at - trees) };
    let needs: Vec<Vec<usize>> = (0..all).map(|at| needs(manifest, item(at), trees)).collect();
    let mut state = vec![State::New; all];
    let mut order = Vec::with_capacity(all);
    for first in 0..all {
        // The way from the first one to here: each with the number of its needs that were looked at.
        let mut path: Vec<(usize, usize)> = Vec::new();
        if state[first] == State::New {
            state[first] = State::Open;
            path.push((first, 0));
        }
        while let Some((at, looked)) = path.last_mut() {
            let (at, next) = (*at, needs[*at].get(*looked).copied());
            *looked += 1;
            match next {
                None => {
                    state[at] = State::Done;
                    order.push(item(at));
                    path.pop();
                }
                Some(next) if state[next] == State::New => {
                    state[next] = State::Open;
                    path.push((next, 0));
                }
                Some(next) if state[next] == State::Open => {
                    let start = path.iter().position(|(at, _)| *at == next).unwrap_or(0);
                    let cycle: Vec<Item> = path[start..].iter().map(|(at, _)| item(*at)).collect();
                    report(cx, manifest, &cycle);
                }
                Some(_) => {}
            }
        }
    }
    order
}

fn needs(manifest: &Manifest, item: Item, trees: usize) -> Vec<usize> {
    match item {
        Item::Tree(at) => {
            let index = |op: &Spanned<Said>| match &op.value {
                Op::Plain(_) => None,
                Op::Copy(copy) => match &copy.from {
                    From::Tree(name, _) => names::tree(manifest, name),
                    From::Archive(name) => names::archive(manifest, name).map(|at| trees + at),
                    From::Source(..) | From::Local { .. } => None,
                },
                Op::Loader(loader) => {
                    loader.tree.as_ref().and_then(|name| names::tree(manifest, &name.value))
                }
            };
            manifest.trees[at].ops.iter().filter_map(index).collect()
        }
        Item::Archive(at) => {
            let tree = manifest.archives[at].tree.as_ref();
            tree.and_then(|tree| names::tree(manifest, &tree.value)).into_iter().collect()
        }
    }
}

fn report(cx: &Cx<'_>, manifest: &Manifest, cycle: &[Item]) {
    let name = |item: &Item| -> (String, Span) {
        match *item {
            Item::Tree(at) => {
                let name = &manifest.trees[at].name;
                (format!("tree {}", name.value), name.span)
            }
            Item::Archive(at) => {
                let name = &manifest.archives[at].name;
                (format!("archive {}", name.value), name.span)
            }
        }
    };
    let names: Vec<(String, Span)> = cycle.iter().map(name).collect();
    let Some((first, span)) = names.first() else { return };
    let way: Vec<&str> = names.iter().map(|(name, _)| name.as_str()).chain([first.as_str()]).collect();
    let mut found = Diagnostic::error("cycle", *span, format!("{first} needs itself: {}", way.join(" → ")));
    for (name, span) in &names[1..] {
        found = found.also(*span, format!("by way of {name}"));
    }
    cx.report(found);
}
