//! `test NAME output= { qemu … expect … }`: what an output does on machines.

mod act;
mod machine;

use imgc_plan::test::{Boot, MachineSpec, Reject};

use crate::{
    decode::{Cursor, Cx, Spanned},
    diagnostic::{Diagnostic, Span},
    syntax::{Node, Value},
};
use act::{ACTS, Acts};

/// How long each thing may take that is expected, unless the test or the expectation says otherwise, in milliseconds: a machine
/// without acceleration that shares its computer with others takes long to boot.
const TIMEOUT: u64 = 120_000;

/// A `test` node.
#[derive(Debug)]
pub struct Test {
    /// Its name.
    pub name: Spanned<String>,
    /// What is started.
    pub outputs: Vec<Spanned<String>>,
    /// On what: each combination of what the `qemu` nodes say.
    pub machines: Vec<Spanned<MachineSpec>>,
    /// What is expected, boot after boot.
    pub boots: Vec<BootNode>,
}

/// One boot, with the nodes of what is expected in it.
#[derive(Debug)]
pub struct BootNode {
    /// What is expected.
    pub boot: Boot,
    /// The node of each of its acts.
    pub acts: Vec<Span>,
}

/// The children of a test, besides those of a boot.
const CHILDREN: &[&str] = &["output", "qemu", "boot"];

/// Decodes the node.
pub fn decode(cx: &Cx<'_>, node: &Node) -> Option<Test> {
    let mut cursor = Cursor::new(cx, node);
    let name = cursor.name();
    let timeout = cursor.prop("timeout").and_then(|value| cx.duration(value));
    let timeout = timeout.map_or(TIMEOUT, |timeout| timeout.value);
    // An output that is there under the same condition as the test is missed by nobody when neither is there.
    let output = |cx: &Cx<'_>, value: &Value| {
        if node.active {
            cx.reference("output", value)
        } else {
            cx.string(value, "an output's file in quotes")
        }
    };
    let outputs = several(&mut cursor, "output", "an output's file in quotes", output);
    if outputs.is_none() {
        let found =
            Diagnostic::error("missing-property", node.name.span, "a test says which output it starts");
        cx.report(found.help("write `output=\"FILE\"`, or a child `output \"FILE\" \"FILE\"`"));
    }
    cursor.only_children(&[CHILDREN, &["reject"], ACTS].concat());
    cursor.finish();
    let machines = machine::all(cx, node);
    let boots = boots(cx, node, timeout);
    act::check_screens(cx, node, &machines);
    Some(Test { name: name?, outputs: outputs?, machines, boots })
}

/// What is given by a property of this name, or by the arguments of a child of this name; `None` when it is given by neither.
fn several<T: PartialEq>(
    cursor: &mut Cursor<'_>,
    name: &'static str,
    what: &str,
    decode: impl Fn(&Cx<'_>, &Value) -> Option<Spanned<T>>,
) -> Option<Vec<Spanned<T>>> {
    let cx = cursor.cx;
    let prop = cursor.prop(name);
    let child = cursor.child(name);
    let mut found: Vec<Spanned<T>> = prop.into_iter().filter_map(|value| decode(cx, value)).collect();
    if let Some(child) = child {
        if let Some(prop) = prop {
            let message = format!("`{name}` is given as a property and as a child");
            let wrong = Diagnostic::error("conflicting-properties", child.name.span, message);
            cx.report(wrong.also(prop.span, "here, too"));
        }
        let mut inner = Cursor::new(cx, child);
        for value in inner.args(what) {
            let Some(value) = decode(cx, value) else { continue };
            match found.iter().find(|other| other.value == value.value) {
                Some(first) => {
                    let message = format!("`{name}` names this twice");
                    cx.report(
                        Diagnostic::error("duplicate-name", value.span, message)
                            .also(first.span, "first here"),
                    );
                }
                None => found.push(value),
            }
        }
        inner.no_children();
        inner.finish();
    }
    (prop.is_some() || child.is_some()).then_some(found)
}

/// The boots: those of `boot` nodes, or one of everything that stands in the test itself.
fn boots(cx: &Cx<'_>, node: &Node, timeout: u64) -> Vec<BootNode> {
    let active = || node.children.iter().filter(|child| child.active);
    let Some(first) = active().find(|child| child.name.text == "boot") else {
        return vec![one(cx, node, &[], timeout)];
    };
    for child in active().filter(|child| ACTS.contains(&child.name.text.as_str())) {
        let message = format!("`{}` belongs into a `boot`, as there are some", child.name.text);
        let found = Diagnostic::error("unexpected-node", child.name.span, message);
        cx.report(found.also(first.name.span, "the first of them"));
    }
    let everywhere = act::rejects(cx, node);
    let boots = active().filter(|child| child.name.text == "boot");
    boots
        .map(|child| {
            let cursor = Cursor::new(cx, child);
            cursor.only_children(&[&["reject"], ACTS].concat());
            cursor.finish();
            one(cx, child, &everywhere, timeout)
        })
        .collect()
}

/// What is expected in one boot.
fn one(cx: &Cx<'_>, node: &Node, everywhere: &[Reject], timeout: u64) -> BootNode {
    let mut rejects = everywhere.to_vec();
    rejects.extend(act::rejects(cx, node));
    let Acts { acts, spans, can_fail } = act::all(cx, node, timeout);
    if !can_fail {
        let message = format!("`{}` expects nothing, so it cannot fail", node.name.text);
        let found = Diagnostic::error("missing-node", node.name.span, message);
        cx.report(found.help("add a child such as `expect \"login:\"`"));
    }
    BootNode { boot: Boot { rejects, acts }, acts: spans }
}
