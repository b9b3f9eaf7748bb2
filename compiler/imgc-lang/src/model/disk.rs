//! `disk NAME size= sector-size= { TABLE  partition …  loader … }`: what a disk is made of.

use imgc_plan::{Family, kind::Traits};

use super::{
    loader::{self, Loader},
    partition::{self, Partition},
};
use crate::{
    decode::{Cursor, Cx, KindNode, Spanned, did_you_mean, either, kind_node},
    diagnostic::Diagnostic,
    syntax::Node,
};

/// A `disk` node.
#[derive(Debug)]
pub struct Disk {
    /// Its name.
    pub name: Spanned<String>,
    /// Its length in bytes; `None`: as long as its partitions need.
    pub size: Option<Spanned<u64>>,
    /// Bytes in a sector.
    pub sector_size: u32,
    /// Its partition table.
    pub table: Option<KindNode>,
    /// Its partitions, in order.
    pub partitions: Vec<Partition>,
    /// What starts from it.
    pub loaders: Vec<Installed>,
}

/// A `loader` node of a disk.
#[derive(Debug)]
pub struct Installed {
    /// What it is.
    pub loader: Loader,
    /// The partition that holds its files.
    pub partition: Spanned<String>,
    /// The partition in which firmware looks for files, if it is another.
    pub esp: Option<Spanned<String>>,
}

/// Decodes the node.
pub fn decode(cx: &Cx<'_>, node: &Node) -> Option<Disk> {
    let mut cursor = Cursor::new(cx, node);
    let name = cursor.name();
    let size = cursor.prop("size").and_then(|value| cx.size(value));
    let sector_size = cursor.prop("sector-size").map_or(512, |value| sector_size(cx, value));
    cursor.finish();
    let table = table(cx, node);
    let rules = table.as_ref().and_then(|table| match &table.kind.traits {
        Traits::Table(rules) => Some(rules),
        _ => None,
    });
    let (mut partitions, mut loaders) = (Vec::new(), Vec::new());
    for child in &node.children {
        match child.name.text.as_str() {
            "partition" => {
                let decode = || partition::decode(cx, child, rules, u64::from(sector_size));
                partitions.extend(cx.when(child.active, decode));
            }
            "loader" => loaders.extend(cx.when(child.active, || installed(cx, child))),
            _ => {}
        }
    }
    Some(Disk { name: name?, size, sector_size, table, partitions, loaders })
}

fn sector_size(cx: &Cx<'_>, value: &crate::syntax::Value) -> u32 {
    match cx.int(value, 512, 4096).map(|size| size.value) {
        Some(4096) => 4096,
        None | Some(512) => 512,
        Some(_) => cx.bad("bad-number", value, "a sector has 512 or 4096 bytes".into()).unwrap_or(512),
    }
}

/// The child that is neither partition nor loader.
fn table(cx: &Cx<'_>, node: &Node) -> Option<KindNode> {
    let others = |child: &&Node| !matches!(child.name.text.as_str(), "partition" | "loader");
    let mut found: Option<&Node> = None;
    for child in node.children.iter().filter(others) {
        let known = cx.kinds.find(Family::Table, &child.name.text).is_some();
        match found.filter(|_| child.active) {
            None if known => found = Some(child).filter(|child| child.active),
            Some(first) if known => {
                let message = "a disk has one partition table";
                let found = Diagnostic::error("duplicate-node", child.name.span, message);
                cx.report(found.also(first.name.span, "first here"));
            }
            _ => unknown_child(cx, child),
        }
    }
    if found.is_none() && !node.children.iter().filter(others).any(|child| child.active) {
        let tables: Vec<&str> = names(cx, Family::Table).collect();
        let found = Diagnostic::error("missing-node", node.name.span, "a disk needs a partition table");
        cx.report(found.help(format!("add a child: {}", either(&tables))));
    }
    kind_node(cx, Family::Table, found?, |_, _| ()).map(|(kind, ())| kind)
}

fn names<'a>(cx: &'a Cx<'_>, family: Family) -> impl Iterator<Item = &'a str> {
    cx.kinds.all().iter().filter(move |kind| kind.family == family).map(|kind| kind.name)
}

fn unknown_child(cx: &Cx<'_>, child: &Node) {
    let name = &child.name.text;
    let known = ["partition", "loader"].into_iter().chain(names(cx, Family::Table));
    let message = format!("`disk` has no child `{name}`");
    let mut found = Diagnostic::error("unknown-node", child.name.span, message);
    found.help.extend(did_you_mean(name, known));
    if cx.kinds.find(Family::Filesystem, name).is_some() {
        found.help =
            vec![format!("a filesystem lies in a partition: `partition NAME size=fit {{ {name} … }}`")];
    } else if cx.kinds.find(Family::Loader, name).is_some() {
        found.help = vec![format!("a loader's kind is a child: `loader {{ {name} … }}`")];
    }
    cx.report(found);
}

fn installed(cx: &Cx<'_>, node: &Node) -> Option<Installed> {
    let (loader, place) = loader::decode(cx, node, |cursor, traits| {
        let partition = cursor.required("partition", "name the partition that holds the loader's files");
        let partition = partition.and_then(|value| cx.string(value, "the name of a partition"));
        let esp = if traits.takes_esp { cursor.prop("esp") } else { None };
        (partition, esp.and_then(|value| cx.string(value, "the name of a partition")))
    })?;
    let (partition, esp) = place;
    Some(Installed { loader, partition: partition?, esp })
}

impl Disk {
    /// The partition of this name.
    pub fn partition(&self, name: &str) -> Option<usize> {
        self.partitions.iter().position(|partition| partition.name.value == name)
    }
}
