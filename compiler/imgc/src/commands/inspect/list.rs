//! Lists directories.

use imgc_formats::fs::Volume;
use imgc_image::{Entry, Node};
use imgc_plan::tree::{BytePath, write_escaped};
use serde::Serialize;

use crate::{
    failure::Failure,
    stdout::{print, print_json},
    text::{Align, columns},
};

#[derive(Serialize)]
struct Line {
    path: String,
    kind: &'static str,
    mode: String,
    uid: u32,
    gid: u32,
    size: u64,
    mtime: i64,
    target: Option<String>,
    device: Option<(u32, u32)>,
}

/// Lists what is at a path.
pub fn list(volume: &dyn Volume, path: &BytePath, recursive: bool, json: bool) -> Result<(), Failure> {
    let tree = volume.tree()?;
    let at = tree.get(&path.0).ok_or_else(|| missing(path))?;
    let mut lines: Vec<Line> = Vec::new();
    for entry in tree.entries() {
        let child = entry.parent() == Some(&path.0[..]);
        let below = entry.path != *path && (path.0.is_empty() || inside(&entry.path.0, &path.0));
        if child || (recursive && below) {
            lines.push(line(entry));
        }
    }
    if !at.is_dir() {
        lines.push(line(at));
    }
    if json {
        return print_json(&lines);
    }
    let rows: Vec<Vec<String>> = lines.iter().map(row).collect();
    print(&columns(&[Align::Left, Align::Left, Align::Right, Align::Left], &rows))
}

/// Whether a path lies below another.
pub fn inside(path: &[u8], above: &[u8]) -> bool {
    above.is_empty() || (path.starts_with(above) && path.get(above.len()) == Some(&b'/'))
}

/// There is nothing at a path.
pub fn missing(path: &BytePath) -> Failure {
    Failure::Request(format!("there is no {path} in the filesystem"))
}

fn line(entry: &Entry) -> Line {
    let (mut size, mut target, mut device) = (0, None, None);
    let kind = match &entry.node {
        Node::Dir => "dir",
        Node::File { content, .. } => {
            size = content.len();
            "file"
        }
        Node::Symlink(to) => {
            let mut text = String::new();
            write_escaped(to, &mut text).expect("because a String takes everything");
            target = Some(text);
            "symlink"
        }
        Node::Char { major, minor } => {
            device = Some((*major, *minor));
            "char"
        }
        Node::Block { major, minor } => {
            device = Some((*major, *minor));
            "block"
        }
        Node::Fifo => "fifo",
        Node::Socket => "socket",
    };
    let meta = &entry.meta;
    let mode = format!("{:04o}", meta.mode);
    let (uid, gid, mtime) = (meta.uid, meta.gid, meta.mtime);
    Line { path: entry.path.to_string(), kind, mode, uid, gid, size, mtime, target, device }
}

fn row(line: &Line) -> Vec<String> {
    let size = line.device.map_or(line.size.to_string(), |(major, minor)| format!("{major},{minor}"));
    let slash = if line.kind == "dir" { "/" } else { "" };
    let name = match &line.target {
        Some(target) => format!("{} -> {target}", line.path),
        None => format!("{}{slash}", line.path),
    };
    vec![format!("{:<7} {}", line.kind, line.mode), format!("{}:{}", line.uid, line.gid), size, name]
}
