//! Lists directories.

use std::collections::BTreeMap;

use imgc_formats::fs::Volume;
use imgc_image::{Entry, LinkGroup, Node};
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
    mtime_nanos: u32,
    target: Option<String>,
    device: Option<(u32, u32)>,
    /// Names with the same number are one file.
    link: Option<u32>,
    /// By name; bytes that are no printable ASCII are escaped.
    xattrs: BTreeMap<String, String>,
}

/// What a listing looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One row for each entry.
    Short,
    /// Times, too, and below each entry its extended attributes.
    Long,
    /// Everything.
    Json,
}

/// Lists what is at a path.
pub fn list(volume: &dyn Volume, path: &BytePath, recursive: bool, form: Form) -> Result<(), Failure> {
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
    match form {
        Form::Json => print_json(&lines),
        Form::Short => {
            let rows: Vec<Vec<String>> = lines.iter().map(row).collect();
            print(&columns(&[Align::Left, Align::Left, Align::Right, Align::Left], &rows))
        }
        Form::Long => print(&long(&lines)),
    }
}

/// Rows with times, each with its attributes below it.
fn long(lines: &[Line]) -> String {
    let timed = |line: &Line| {
        let mut row = row(line);
        row.insert(3, time(line.mtime, line.mtime_nanos));
        row
    };
    let rows: Vec<Vec<String>> = lines.iter().map(timed).collect();
    let table = columns(&[Align::Left, Align::Left, Align::Right, Align::Right, Align::Left], &rows);
    let mut out = String::new();
    // Names have no line breaks, as they are escaped.
    for (shown, line) in table.lines().zip(lines) {
        out.push_str(shown);
        out.push('\n');
        out.extend(line.xattrs.iter().map(|(name, value)| format!("        {name}={value}\n")));
    }
    out
}

/// A time as a decimal number of seconds; parts of a second count forwards, also before 1970.
fn time(seconds: i64, nanos: u32) -> String {
    match (nanos, seconds) {
        (0, _) => seconds.to_string(),
        (_, 0..) => format!("{seconds}.{nanos:09}"),
        _ => {
            let whole = seconds + 1;
            let sign = if whole == 0 { "-" } else { "" };
            format!("{sign}{whole}.{:09}", 1_000_000_000 - nanos)
        }
    }
}

fn escaped(bytes: &[u8]) -> String {
    let mut text = String::new();
    write_escaped(bytes, &mut text).expect("because a String takes everything");
    text
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
            target = Some(escaped(to));
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
    let (uid, gid, mtime, mtime_nanos) = (meta.uid, meta.gid, meta.mtime, meta.mtime_nanos);
    let link = entry.link.map(LinkGroup::get);
    let xattrs = entry.xattrs.iter().map(|(name, value)| (escaped(name), escaped(value))).collect();
    let path = entry.path.to_string();
    Line { path, kind, mode, uid, gid, size, mtime, mtime_nanos, target, device, link, xattrs }
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
