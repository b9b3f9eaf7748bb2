//! What can be said of every entry of a tree: mode, owner, time, extended attributes.

use imgc_plan::tree::Attributes;

use crate::{
    decode::{Cursor, Cx},
    diagnostic::Diagnostic,
    syntax::Value,
};

/// `mode` (where entries have one), `owner`, `mtime` and `xattr` children.
pub fn attributes(cursor: &mut Cursor<'_>, with_mode: bool) -> Attributes {
    let cx = cursor.cx;
    let mode = if with_mode { cursor.prop("mode") } else { None };
    let owner = cursor.prop("owner").and_then(|value| cx.owner(value));
    let mtime = cursor.prop("mtime").and_then(|value| cx.time(value));
    Attributes {
        mode: mode.and_then(|value| cx.mode(value)).map(|mode| mode.value),
        uid: owner.map(|owner| owner.value.0),
        gid: owner.map(|owner| owner.value.1),
        mtime: mtime.map(|mtime| (mtime.value, 0)),
        xattrs: xattrs(cursor),
        dense: false,
    }
}

fn xattrs(cursor: &Cursor<'_>) -> Vec<(String, Vec<u8>)> {
    let cx = cursor.cx;
    let mut xattrs: Vec<(String, Vec<u8>)> = Vec::new();
    for child in cursor.children("xattr") {
        let mut inner = Cursor::new(cx, child);
        let name = inner.arg("a name such as \"user.origin\"");
        let value = inner.arg("a value").and_then(|value| xattr_value(cx, value));
        inner.no_children();
        inner.finish();
        let Some((name, at)) = name.and_then(|at| Some((xattr_name(cx, at)?, at))) else { continue };
        if xattrs.iter().any(|(other, _)| *other == name) {
            cx.report(Diagnostic::error("duplicate-name", at.span, format!("`{name}` is given twice")));
        } else if let Some(value) = value.filter(|_| child.active) {
            xattrs.push((name, value));
        }
    }
    xattrs.sort();
    xattrs
}

fn xattr_name(cx: &Cx<'_>, value: &Value) -> Option<String> {
    let name = cx.string(value, "a name in quotes")?.value;
    let space = name.split_once('.').filter(|(_, rest)| !rest.is_empty()).map(|(space, _)| space);
    let known = space.is_some_and(|space| ["user", "trusted", "security", "system"].contains(&space));
    // xattr(7): at most 255 bytes, in one of four namespaces.
    if !known || name.len() > 255 {
        let message = "an xattr's name starts with `user.`, `trusted.`, `security.` or `system.` and has at most 255 bytes";
        return cx.bad("bad-xattr", value, message.into());
    }
    Some(name)
}

fn xattr_value(cx: &Cx<'_>, value: &Value) -> Option<Vec<u8>> {
    let bytes = cx.bytes(value, "a text in quotes")?.value;
    // xattr(7): at most 64 KiB.
    if bytes.len() > 64 << 10 {
        return cx.bad("bad-xattr", value, "an xattr's value has at most 64 KiB".into());
    }
    Some(bytes)
}
