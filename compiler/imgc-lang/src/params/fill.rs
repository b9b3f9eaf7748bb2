//! `{{param}}` in strings, and conditions on nodes.

use imgc_plan::late;

use super::known::Params;
use crate::{
    decode::Cx,
    diagnostic::{Diagnostic, Span},
    syntax::{Node, Scalar, Text, Typed, Value},
};

/// The nodes at the top within which conditions can stand.
const CONDITIONAL: &[&str] = &["tree", "menu", "disk", "output", "test"];

/// Fills params into every string, and settles which nodes are active.
pub fn fill(cx: &Cx<'_>, nodes: &mut [Node], params: &mut Params) {
    for node in nodes.iter_mut().filter(|node| node.name.text != "param") {
        if matches!(node.name.text.as_str(), "output" | "test" | "use") {
            node.active = conditions(cx, node, params);
        }
        let conditional = CONDITIONAL.contains(&node.name.text.as_str());
        fill_node(cx, node, params, conditional);
    }
}

fn fill_node(cx: &Cx<'_>, node: &mut Node, params: &mut Params, conditional: bool) {
    let values = node.args.iter_mut().chain(node.props.iter_mut().map(|prop| &mut prop.value));
    for value in values {
        fill_value(cx, value, params);
    }
    let active = node.active;
    for child in &mut node.children {
        child.active = active;
        if conditional {
            child.active &= conditions(cx, child, params);
        }
        fill_node(cx, child, params, conditional);
    }
}

/// Takes `if` and `unless` off a node, and says whether they hold.
fn conditions(cx: &Cx<'_>, node: &mut Node, params: &mut Params) -> bool {
    let mut holds = true;
    node.props.retain(|prop| {
        let wanted = match prop.name.text.as_str() {
            "if" => true,
            "unless" => false,
            _ => return true,
        };
        holds &= truth(cx, &prop.value, params).is_none_or(|truth| truth == wanted);
        false
    });
    holds
}

/// Whether the param that a condition names is true, or is not empty.
fn truth(cx: &Cx<'_>, value: &Value, params: &mut Params) -> Option<bool> {
    let name = cx.string(value, "the name of a param")?;
    let param = params.using(cx, &name.value, name.span)?;
    if let Some(Typed::Bool(truth)) = param.typed {
        return Some(truth);
    }
    if matches!(param.info.ty, "int" | "size") {
        let message =
            format!("param `{}` is of type {}, which is neither true nor false", name.value, param.info.ty);
        let found = Diagnostic::error("wrong-type", name.span, message);
        cx.report(found.help("conditions name a bool, or a text that may be empty"));
        return None;
    }
    Some(!param.info.value.as_ref()?.is_empty())
}

/// Fills params into a string; leaves everything else as it is.
pub fn fill_value(cx: &Cx<'_>, value: &mut Value, params: &mut Params) {
    let Scalar::Text(text) = &value.scalar else { return };
    if late::is_marked(&text.text) {
        cx.bad::<()>("bad-text", value, "the characters U+F0000 and U+F0001 are for imgc's own use".into());
        value.scalar = Scalar::Broken;
        return;
    }
    if !text.text.contains("{{") {
        return;
    }
    let bytes = value.annotation.as_ref().is_some_and(|annotation| annotation.text == "bytes");
    value.scalar = match fill_text(cx, &text.text, bytes, value.span, params) {
        Some(text) => Scalar::Text(text),
        None => Scalar::Broken,
    };
}

/// `None` when a param has no value, which was reported.
fn fill_text(cx: &Cx<'_>, text: &str, bytes: bool, span: Span, params: &mut Params) -> Option<Text> {
    let mut filled = Text::default();
    let mut complete = true;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if rest.starts_with("\\{{") {
            filled.text.push_str("{{");
            rest = &rest[3..];
        } else if bytes && rest.starts_with("\\\\") {
            filled.text.push_str("\\\\");
            rest = &rest[2..];
        } else if let Some(after) = rest.strip_prefix("{{") {
            let Some((name, after)) = after.split_once("}}") else {
                let found = Diagnostic::error("bad-interpolation", span, "a `{{` has no `}}` after it");
                cx.report(found.help("a literal `{{` is written `\\{{` (in a KDL string: \"\\\\{{\")"));
                return None;
            };
            let whole = rest.len() == text.len() && after.is_empty();
            complete &= fill_one(cx, &mut filled, name.trim(), whole, span, params).is_some();
            rest = after;
        } else {
            filled.text.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    complete.then_some(filled)
}

fn fill_one(
    cx: &Cx<'_>,
    filled: &mut Text,
    name: &str,
    whole: bool,
    span: Span,
    params: &mut Params,
) -> Option<()> {
    if name.contains('.') {
        filled.text.push_str(&late::mark(name));
        filled.late = true;
        return Some(());
    }
    let param = params.using(cx, name, span)?;
    let value = param.info.value.as_ref()?;
    let start = filled.text.len();
    filled.text.push_str(value);
    filled.literal.push(start..filled.text.len());
    filled.whole = param.typed.filter(|_| whole);
    Some(())
}
