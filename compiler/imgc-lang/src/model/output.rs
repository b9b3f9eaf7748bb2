//! `output "file" disk= archive= { FORMAT … }`: an artifact.

use imgc_plan::{
    Family, Kind,
    kind::{DiskFormatTraits, Traits},
};

use crate::{
    decode::{Cursor, Cx, KindNode, Spanned, either, kind_node},
    diagnostic::Diagnostic,
    model::archive::only_kind,
    syntax::Node,
};

/// An `output` node.
#[derive(Debug)]
pub struct Output {
    /// The file's name in the output directory.
    pub file: Spanned<String>,
    /// What is in it.
    pub of: Of,
    /// How it is written.
    pub format: KindNode,
}

/// What an output is of.
#[derive(Debug)]
pub enum Of {
    /// A disk.
    Disk(Spanned<String>),
    /// An archive.
    Archive(Spanned<String>),
}

/// Decodes the node.
pub fn decode(cx: &Cx<'_>, node: &Node) -> Option<Output> {
    let mut cursor = Cursor::new(cx, node);
    let file = cursor.arg("a file name in quotes").and_then(|value| file_name(cx, value));
    let disk = cursor.prop("disk").map(|value| (value.span, cx.reference("disk", value)));
    let archive = cursor.prop("archive").map(|value| (value.span, cx.reference("archive", value)));
    if let (Some((first, _)), Some((second, _))) = (&disk, &archive) {
        let found =
            Diagnostic::error("conflicting-properties", *second, "an output is of one disk or archive");
        cx.report(found.also(*first, "the disk"));
    }
    if disk.is_none() && archive.is_none() {
        let found = Diagnostic::error("missing-property", node.name.span, "an output says what it is of");
        cx.report(found.help("write `disk=NAME` or `archive=NAME`"));
    }
    let format = if node.children.iter().any(|child| child.active) {
        only_kind(&cursor, Family::DiskFormat, "its format")
            .and_then(|child| kind_node(cx, Family::DiskFormat, child, |_, _| ()))
            .map(|(format, ())| format)
    } else {
        file.as_ref().and_then(|file| by_ending(cx, file))
    };
    cursor.finish();
    let of = match (disk, archive) {
        (Some((_, disk)), _) => Of::Disk(disk?),
        (None, Some((_, archive))) => Of::Archive(archive?),
        (None, None) => return None,
    };
    Some(Output { file: file?, of, format: format? })
}

fn file_name(cx: &Cx<'_>, value: &crate::syntax::Value) -> Option<Spanned<String>> {
    let file = cx.string(value, "a file name in quotes")?;
    let bad = |c: char| matches!(c, '/' | '\\' | ':') || c.is_control();
    if file.value.is_empty()
        || file.value.contains(bad)
        || file.value.starts_with('.')
        || file.value.len() > 255
    {
        let message = "an output is a file name without `/`, `\\`, `:` and without a dot at its start";
        return cx.bad("bad-file-name", value, message.into());
    }
    Some(file)
}

/// The format whose ending is the longest that the file's name has.
fn by_ending(cx: &Cx<'_>, file: &Spanned<String>) -> Option<KindNode> {
    let name = file.value.to_ascii_lowercase();
    let formats = cx.kinds.all().iter().filter(|kind| kind.family == Family::DiskFormat);
    let endings = formats.clone().flat_map(|kind| endings(kind).iter().map(move |ending| (*ending, *kind)));
    let fits = |(ending, _): &(&str, &Kind)| {
        name.strip_suffix(ending).is_some_and(|stem| stem.len() > 1 && stem.ends_with('.'))
    };
    let Some((_, kind)) = endings.filter(fits).max_by_key(|(ending, _)| ending.len()) else {
        let names: Vec<&str> = formats.map(|kind| kind.name).collect();
        let message = "no format is known by this ending";
        let found = Diagnostic::error("unknown-format", file.span, message);
        cx.report(found.help(format!("name the format as a child: {}", either(&names))));
        return None;
    };
    if kind.options.iter().any(|option| option.default == imgc_plan::kind::Default::Required) {
        let message = format!("this ending means `{}`, which has options that must be given", kind.name);
        let found = Diagnostic::error("missing-node", file.span, message);
        cx.report(found.help(format!("add a child: `{{ {} … }}`", kind.name)));
        return None;
    }
    Some(KindNode { kind, span: file.span, options: std::collections::BTreeMap::new() })
}

fn endings(kind: &'static Kind) -> &'static [&'static str] {
    match &kind.traits {
        Traits::DiskFormat(DiskFormatTraits { endings }) => endings,
        _ => &[],
    }
}
