//! `partition NAME number= start= size= … { FILESYSTEM … attributes … }`: a part of a disk and what is in it.

use imgc_plan::{
    Family,
    kind::{FilesystemTraits, TableTraits, Traits, TypeForm},
    layout::{PartRole, PartSize},
};

use super::{
    size::{multiple, size},
    verity::{self, Verity},
};
use crate::{
    decode::{Cursor, Cx, KindNode, Spanned, did_you_mean, kind_node, list, uuid},
    diagnostic::{Diagnostic, Span},
    syntax::{Node, Scalar, Value},
};

/// The largest number that a partition can ask for.
const MAX_NUMBER: i64 = 4096;

/// A `partition` node.
#[derive(Debug)]
pub struct Partition {
    /// Its name.
    pub name: Spanned<String>,
    /// Whether the table lists it.
    pub listed: bool,
    /// Its number in the table, if it asks for one.
    pub number: Option<Spanned<u32>>,
    /// Its first byte, if it asks for one.
    pub start: Option<Spanned<u64>>,
    /// What its start is a multiple of, in bytes.
    pub align: Option<Spanned<u64>>,
    /// How long it is.
    pub size: Option<Spanned<PartSize>>,
    /// Its type.
    pub ty: Option<PartType>,
    /// Primary or logical.
    pub role: PartRole,
    /// The name that the table stores, if the author gave one.
    pub table_name: Option<Spanned<String>>,
    /// Its GUID, if the author said something of it.
    pub uuid: Option<Uuid>,
    /// Whether it is marked bootable.
    pub bootable: bool,
    /// Attribute bits.
    pub attributes: u64,
    /// What is in it.
    pub content: Option<Content>,
    /// The hashes in it: of another partition, or of its own content, behind it.
    pub verity: Option<Verity>,
    /// Whether it names a content that is not known, which is reported.
    pub broken: bool,
}

/// A partition's type.
#[derive(Clone, Debug, Default)]
pub struct PartType {
    /// Its code, as a table stores it.
    pub code: String,
    /// The name by which it was given, of several that its code may have; `None`: it was given by its code.
    pub name: Option<&'static str>,
}

/// What the author said of a partition's GUID.
#[derive(Debug)]
pub enum Uuid {
    /// It is this one.
    Given(String),
    /// It follows from a root hash.
    FromVerity(Span),
}

/// A filesystem in a partition.
#[derive(Debug)]
pub struct Content {
    /// Which it is.
    pub kind: KindNode,
    /// What it holds.
    pub tree: Option<Spanned<String>>,
}

impl Content {
    /// What the compiler must know of the filesystem.
    pub fn traits(&self) -> Option<&'static FilesystemTraits> {
        match &self.kind.kind.traits {
            Traits::Filesystem(traits) => Some(traits),
            _ => None,
        }
    }
}

/// Decodes the node. Without rules (the table is wrong) what depends on them is passed over.
pub fn decode(cx: &Cx<'_>, node: &Node, rules: Option<&TableTraits>, sector: u64) -> Option<Partition> {
    let mut cursor = Cursor::new(cx, node);
    let name = cursor.name();
    let (content, verity) = held(cx, node);
    let broken = content.is_none() && verity.is_none() && holds_something(node);
    let whole =
        |found: Spanned<i64>| Some(Spanned { value: u32::try_from(found.value).ok()?, span: found.span });
    let number = cursor.prop("number").and_then(|value| cx.int(value, 1, MAX_NUMBER)).and_then(whole);
    let start = cursor.prop("start").and_then(|value| multiple(cx, value, sector, "a start"));
    let align = cursor.prop("align").and_then(|value| multiple(cx, value, sector, "an alignment"));
    let align = align.filter(|align| align.value > 0);
    let size = size(&mut cursor, sector);
    if let Some(Spanned { value: PartSize::Fit { .. }, span }) = size
        && !holds_something(node)
    {
        let found =
            Diagnostic::error("fit-without-content", span, "there is nothing here that could be fitted");
        cx.report(found.help("give a size, or add a filesystem"));
    }
    let listed = listed(&mut cursor, rules);
    let ty = match listed {
        true => part_type(&mut cursor, rules, content.as_ref(), broken),
        false => {
            cursor.prop("type");
            Some(PartType::default())
        }
    };
    let role = role(&mut cursor, rules);
    let marks = Marks::decode(&mut cursor, rules);
    cursor.finish();
    let Marks { table_name, uuid, bootable, attributes } = marks;
    let name = name?;
    if !listed && rules.is_some_and(|rules| rules.slots > 0) {
        pointless(cx, node);
    }
    check_table_name(cx, rules, table_name.as_ref().unwrap_or(&name));
    Some(Partition {
        name,
        listed,
        number,
        start,
        align,
        size,
        ty,
        role,
        table_name,
        uuid,
        bootable,
        attributes,
        content,
        verity,
        broken,
    })
}

/// Whether the table lists it: unless it says otherwise, and where the table lists anything at all.
fn listed(cursor: &mut Cursor<'_>, rules: Option<&TableTraits>) -> bool {
    let lists = rules.is_none_or(|rules| rules.slots > 0);
    let Some(value) = cursor.prop("listed") else { return lists };
    let said = cursor.cx.bool(value).is_none_or(|said| said.value);
    if said && !lists {
        let message = "this table lists no partitions";
        let found = Diagnostic::error("unsupported-property", value.span, message);
        cursor.cx.report(found.help("leave `listed` out, or choose a partition table"));
    }
    said && lists
}

/// Reports what only a table could store of a partition that it does not list.
fn pointless(cx: &Cx<'_>, node: &Node) {
    const STORED: &[&str] = &["number", "type", "role", "name", "uuid", "bootable"];
    for prop in node.props.iter().filter(|prop| STORED.contains(&prop.name.text.as_str())) {
        let message =
            format!("`{}` is stored in the table, which does not list this partition", prop.name.text);
        cx.report(Diagnostic::error("pointless-property", prop.name.span, message).help("leave it out"));
    }
}

/// Whether there is a child that names a content, known or not.
fn holds_something(node: &Node) -> bool {
    node.children.iter().any(|child| child.active && child.name.text != "attributes")
}

/// What a partition holds: a filesystem, hashes, or both.
fn held(cx: &Cx<'_>, node: &Node) -> (Option<Content>, Option<Verity>) {
    let contents = || node.children.iter().filter(|child| child.name.text != "attributes");
    let is_verity = |child: &&Node| child.name.text == verity::NODE;
    let beside = contents().any(|child| child.active && !is_verity(&child));
    let mut found = (None, None);
    let mut first: (Option<&Node>, Option<&Node>) = (None, None);
    for child in contents() {
        let first = if is_verity(&child) { &mut first.1 } else { &mut first.0 };
        if let Some(first) = first.filter(|_| child.active) {
            let message = "a partition holds one filesystem, and one `verity`";
            let found = Diagnostic::error("duplicate-node", child.name.span, message);
            cx.report(found.also(first.name.span, "first here"));
            continue;
        }
        if is_verity(&child) {
            let decoded = cx.when(child.active, || verity::decode(cx, child, beside));
            if child.active {
                found.1 = decoded;
            }
        } else {
            let decoded = cx.when(child.active, || filesystem(cx, child));
            if child.active {
                found.0 = decoded;
            }
        }
        if child.active {
            *first = Some(child);
        }
    }
    found
}

fn filesystem(cx: &Cx<'_>, node: &Node) -> Option<Content> {
    let (kind, tree) = kind_node(cx, Family::Filesystem, node, |cursor, kind| {
        let takes = matches!(&kind.traits, Traits::Filesystem(traits) if traits.takes_tree);
        let tree = if takes { cursor.prop("tree") } else { None };
        tree.and_then(|value| cx.reference("tree", value))
    })?;
    Some(Content { kind, tree })
}

fn part_type(
    cursor: &mut Cursor<'_>,
    rules: Option<&TableTraits>,
    content: Option<&Content>,
    broken: bool,
) -> Option<PartType> {
    let value = cursor.prop("type");
    let rules = rules?;
    match value {
        None => default_type(cursor, rules, content, broken),
        Some(value) => given_type(cursor.cx, rules, value),
    }
}

impl PartType {
    fn named(rules: &TableTraits, name: &str) -> Option<Self> {
        let (name, code) = rules.types.iter().find(|(known, _)| *known == name)?;
        Some(Self { code: code.to_ascii_lowercase(), name: Some(name) })
    }
}

fn default_type(
    cursor: &Cursor<'_>,
    rules: &TableTraits,
    content: Option<&Content>,
    broken: bool,
) -> Option<PartType> {
    let default = content.and_then(|content| PartType::named(rules, content.traits()?.default_type));
    if default.is_none() && !broken {
        let node = &cursor.node.name;
        let found = Diagnostic::error("missing-property", node.span, "this partition needs a `type`");
        let names: Vec<&str> = rules.types.iter().map(|(name, _)| *name).collect();
        cursor.cx.report(found.help(format!("the table knows {}", list(&names))));
    }
    default
}

fn given_type(cx: &Cx<'_>, rules: &TableTraits, value: &Value) -> Option<PartType> {
    let text = match &value.scalar {
        // `type=83` is read as a number, and means the digits.
        Scalar::Int(number) => number.to_string(),
        _ => cx.string(value, "a partition type")?.value,
    };
    let literal = match rules.type_form {
        TypeForm::Guid => imgc_plan::ids::uuid_bytes(&text).is_some(),
        TypeForm::Byte => text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_hexdigit()),
    };
    let by_code = || literal.then(|| PartType { code: text.to_ascii_lowercase(), name: None });
    if let Some(found) = PartType::named(rules, &text).or_else(by_code) {
        return Some(found);
    }
    let message = format!("the table knows no partition type `{text}`");
    let mut found = Diagnostic::error("unknown-word", value.span, message);
    found.help.extend(did_you_mean(&text, rules.types.iter().map(|(name, _)| *name)));
    found.help.push(match rules.type_form {
        TypeForm::Guid => "another type is written as its GUID, with hyphens".into(),
        TypeForm::Byte => "another type is written as two hexadecimal digits, such as \"a5\"".into(),
    });
    cx.report(found);
    None
}

fn role(cursor: &mut Cursor<'_>, rules: Option<&TableTraits>) -> PartRole {
    let Some(value) = cursor.prop("role") else { return PartRole::Primary };
    let role = cursor.cx.choice(value, &["primary", "logical"]);
    if role.is_none_or(|role| role.value == "primary") {
        return PartRole::Primary;
    }
    if rules.is_some_and(|rules| !rules.logical) {
        let message = "this table has no logical partitions";
        cursor.cx.report(Diagnostic::error("unsupported-property", value.span, message));
        return PartRole::Primary;
    }
    PartRole::Logical
}

/// What only some tables store.
struct Marks {
    table_name: Option<Spanned<String>>,
    uuid: Option<Uuid>,
    bootable: bool,
    attributes: u64,
}

impl Marks {
    fn decode(cursor: &mut Cursor<'_>, rules: Option<&TableTraits>) -> Self {
        let cx = cursor.cx;
        let mut supported = |name: &'static str, has: fn(&TableTraits) -> bool, what: &str| {
            let value = cursor.prop(name)?;
            if rules.is_some_and(|rules| !has(rules)) {
                let message = format!("this table has no {what}");
                cx.report(Diagnostic::error("unsupported-property", value.span, message));
                return None;
            }
            Some(value)
        };
        let table_name = supported("name", |rules| rules.name_units.is_some(), "names of partitions");
        let uuid_value = supported("uuid", |rules| rules.uuids, "GUIDs of partitions");
        let bootable = supported("bootable", |rules| rules.bootable, "bootable flag");
        Self {
            table_name: table_name.and_then(|value| cx.string(value, "a name in quotes")),
            uuid: uuid_value.and_then(|value| guid(cx, value)),
            bootable: bootable.and_then(|value| cx.bool(value)).is_some_and(|flag| flag.value),
            attributes: attributes(cursor, rules),
        }
    }
}

fn guid(cx: &Cx<'_>, value: &Value) -> Option<Uuid> {
    match &value.scalar {
        Scalar::Text(text) if text.text == "from-verity" => Some(Uuid::FromVerity(value.span)),
        _ => uuid(cx, value).map(Uuid::Given),
    }
}

fn attributes(cursor: &Cursor<'_>, rules: Option<&TableTraits>) -> u64 {
    let cx = cursor.cx;
    let (Some(child), Some(rules)) = (cursor.child("attributes"), rules) else { return 0 };
    if rules.attributes.is_empty() {
        let message = "this table has no attributes of partitions";
        cx.report(Diagnostic::error("unsupported-property", child.name.span, message));
        return 0;
    }
    let mut inner = Cursor::new(cx, child);
    let words: Vec<&'static str> = rules.attributes.iter().map(|(name, _)| *name).collect();
    let mut bits = 0;
    for value in inner.args("an attribute") {
        let word = cx.choice(value, &words).map(|word| word.value);
        let bit = rules.attributes.iter().find(|(name, _)| Some(*name) == word).map(|(_, bit)| *bit);
        bits |= bit.and_then(|bit| 1u64.checked_shl(u32::from(bit))).unwrap_or(0);
    }
    inner.no_children();
    inner.finish();
    bits
}

fn check_table_name(cx: &Cx<'_>, rules: Option<&TableTraits>, name: &Spanned<String>) {
    let Some(most) = rules.and_then(|rules| rules.name_units) else { return };
    let units = name.value.encode_utf16().count();
    if units > most as usize {
        let message = format!("the table stores names of at most {most} UTF-16 units; this one has {units}");
        let found = Diagnostic::error("text-too-long", name.span, message);
        cx.report(found.help("give a shorter one with `name=`"));
    }
}
