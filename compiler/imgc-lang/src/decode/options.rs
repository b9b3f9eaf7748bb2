//! Options of a kind, decoded from its description: no kind is known here by name.

use std::collections::BTreeMap;

use imgc_plan::{
    Data, Kind, Opt, OptType,
    ids::uuid_bytes,
    kind::{Default as OptDefault, Family},
};

use super::{
    cursor::{Cursor, unknown_child},
    cx::{Cx, Spanned},
    suggest::did_you_mean,
};
use crate::{
    diagnostic::{Diagnostic, Span},
    syntax::{Node, Text, Value},
};

/// A node that names a kind, with the options that the author gave.
#[derive(Clone, Debug)]
pub struct KindNode {
    /// The kind.
    pub kind: &'static Kind,
    /// The node's name.
    pub span: Span,
    /// What was given, without defaults.
    pub options: BTreeMap<&'static str, Spanned<Data>>,
}

/// The kind of this family that a node names; complains when there is none.
pub fn find_kind(cx: &Cx<'_>, family: Family, node: &Node) -> Option<&'static Kind> {
    let kind = cx.kinds.find(family, &node.name.text);
    if kind.is_none() {
        let name = &node.name.text;
        let what = match family {
            Family::Filesystem => "filesystem",
            Family::Table => "partition table",
            Family::Loader => "boot loader",
            Family::DiskFormat => "disk format",
            Family::Archive => "archive",
        };
        let message = format!("there is no {what} `{name}`");
        let mut found = Diagnostic::error("unknown-kind", node.name.span, message);
        let all = cx.kinds.all().iter().filter(|kind| kind.family == family).map(|kind| kind.name);
        found.help.extend(did_you_mean(name, all));
        cx.report(found);
    }
    kind
}

/// Decodes a node that names a kind. What is not an option of the kind is left to `own`, which asks the cursor for it.
pub fn kind_node<'a, T>(
    cx: &'a Cx<'a>,
    family: Family,
    node: &'a Node,
    own: impl FnOnce(&mut Cursor<'a>, &'static Kind) -> T,
) -> Option<(KindNode, T)> {
    let Some(kind) = find_kind(cx, family, node) else {
        // Its references count all the same, so that nothing is called unused because of a wrong name.
        mention_all(cx, node);
        return None;
    };
    let mut cursor = Cursor::new(cx, node);
    let own = own(&mut cursor, kind);
    let mut options = BTreeMap::new();
    for option in kind.options {
        let list = matches!(option.ty, OptType::Words(_) | OptType::Texts);
        // What is packed is made early enough to hold facts, and read by nobody before it runs.
        let late = family == Family::Archive;
        let found = if list { list_option(&cursor, option) } else { plain_option(&mut cursor, option, late) };
        if let Some(found) = found {
            options.insert(option.name, found);
        }
    }
    let lists = kind.options.iter().filter(|option| matches!(option.ty, OptType::Words(_) | OptType::Texts));
    let lists: Vec<&str> = lists.map(|option| option.name).collect();
    for child in node.children.iter().filter(|child| !lists.contains(&child.name.text.as_str())) {
        unknown_child(cx, node, child, lists.iter().copied());
    }
    cursor.finish();
    Some((KindNode { kind, span: node.name.span, options }, own))
}

fn mention_all(cx: &Cx<'_>, node: &Node) {
    for kind in ["source", "tree", "menu"] {
        let value = node.props.iter().find(|prop| prop.name.text == kind).map(|prop| &prop.value);
        let _ = value.and_then(|value| cx.reference(kind, value));
    }
}

fn plain_option(cursor: &mut Cursor<'_>, option: &'static Opt, late: bool) -> Option<Spanned<Data>> {
    let value = match option.default {
        OptDefault::Required => cursor.required(option.name, option.doc)?,
        _ => cursor.prop(option.name)?,
    };
    let data = match option.ty {
        OptType::Text { max } => text_option(cursor.cx, value, max, late)?,
        _ => option_value(cursor.cx, option, value)?,
    };
    Some(Spanned { value: data, span: value.span })
}

/// A text; how long it is with facts in it, the kind sees when they are.
fn text_option(cx: &Cx<'_>, value: &Value, max: u32, late: bool) -> Option<Data> {
    let expected = "a text in quotes";
    let text = if late { cx.late_string(value, expected) } else { cx.string(value, expected) }?.value;
    if text.len() > max as usize {
        let message = format!("this text has {} bytes; {max} are the most", text.len());
        return cx.bad("text-too-long", value, message);
    }
    Some(Data::Text(text))
}

fn list_option(cursor: &Cursor<'_>, option: &'static Opt) -> Option<Spanned<Data>> {
    let Some(child) = cursor.child(option.name) else {
        if option.default == OptDefault::Required {
            let node = &cursor.node.name;
            let message = format!("`{}` needs a child `{}`", node.text, option.name);
            cursor.cx.report(Diagnostic::error("missing-node", node.span, message).help(option.doc));
        }
        return None;
    };
    let mut items = Cursor::new(cursor.cx, child);
    let values = items.args("at least one value");
    let decoded = values.iter().filter_map(|value| match option.ty {
        OptType::Words(words) => cursor.cx.choice(value, words).map(|word| Data::from(word.value)),
        _ => cursor.cx.string(value, "a text").map(|text| Data::Text(text.value)),
    });
    let list = decoded.collect();
    items.no_children();
    items.finish();
    Some(Spanned { value: Data::List(list), span: child.name.span })
}

fn option_value(cx: &Cx<'_>, option: &Opt, value: &Value) -> Option<Data> {
    match option.ty {
        OptType::Bool => cx.bool(value).map(|flag| Data::Bool(flag.value)),
        OptType::Int { min, max } => cx.int(value, min, max).map(|number| Data::Int(number.value)),
        OptType::Size { min, max } => sized(cx, value, min, max),
        OptType::Text { max } => text_option(cx, value, max, false),
        OptType::Choice(words) => cx.choice(value, words).map(|word| Data::from(word.value)),
        OptType::Uuid => uuid(cx, value).map(Data::Text),
        OptType::Serial => serial(cx, value),
        OptType::Words(_) | OptType::Texts => None,
    }
}

fn sized(cx: &Cx<'_>, value: &Value, min: u64, max: u64) -> Option<Data> {
    let size = cx.size(value)?.value;
    if !(min..=max).contains(&size) {
        let show = imgc_plan::units::format_size;
        return cx.bad("bad-size", value, format!("this size is not within {} and {}", show(min), show(max)));
    }
    Some(Data::Int(i64::try_from(size).ok()?))
}

/// A UUID, in lower case.
pub fn uuid(cx: &Cx<'_>, value: &Value) -> Option<String> {
    let text = cx.string(value, "a UUID in quotes")?.value.to_ascii_lowercase();
    if uuid_bytes(&text).is_none() {
        let message = "a UUID is 32 hexadecimal digits in groups of 8, 4, 4, 4 and 12 with hyphens between";
        return cx.bad("bad-uuid", value, message.into());
    }
    Some(text)
}

fn serial(cx: &Cx<'_>, value: &Value) -> Option<Data> {
    let text = cx.text(value, "a serial in quotes, such as \"1234-abcd\"")?;
    match serial_number(text) {
        Some(number) => Some(Data::Int(number)),
        None => {
            let message =
                "a serial is eight hexadecimal digits with a hyphen after the fourth: \"1234-abcd\"";
            cx.bad("bad-serial", value, message.into())
        }
    }
}

fn serial_number(text: &Text) -> Option<i64> {
    let (high, low) = text.text.split_once('-')?;
    let four = |part: &str| part.len() == 4 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !four(high) || !four(low) {
        return None;
    }
    i64::from_str_radix(&format!("{high}{low}"), 16).ok()
}
