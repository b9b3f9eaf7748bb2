//! A node while it is decoded: remembers what was asked for, and complains about the rest.

use super::{
    cx::{Cx, Spanned},
    suggest::{did_you_mean, list},
};
use crate::{
    diagnostic::Diagnostic,
    syntax::{Node, Value},
};

/// A node while it is decoded.
pub struct Cursor<'a> {
    /// What all decoding shares.
    pub cx: &'a Cx<'a>,
    /// The node.
    pub node: &'a Node,
    taken: usize,
    asked: Vec<&'static str>,
}

impl<'a> Cursor<'a> {
    /// Starts with a node of which nothing is known yet.
    pub fn new(cx: &'a Cx<'a>, node: &'a Node) -> Self {
        Self { cx, node, taken: 0, asked: Vec::new() }
    }

    /// The next argument, which must be there; `what` says what it is, with its article.
    pub fn arg(&mut self, what: &str) -> Option<&'a Value> {
        let arg = self.opt_arg();
        if arg.is_none() {
            let name = &self.node.name;
            self.cx.report(Diagnostic::error(
                "missing-argument",
                name.span,
                format!("`{}` needs {what}", name.text),
            ));
        }
        arg
    }

    /// The next argument, if there is one.
    pub fn opt_arg(&mut self) -> Option<&'a Value> {
        let arg = self.node.args.get(self.taken)?;
        self.taken += 1;
        Some(arg)
    }

    /// All arguments that are left, of which there must be one at least.
    pub fn args(&mut self, what: &str) -> Vec<&'a Value> {
        let first = self.arg(what);
        let rest = self.rest();
        first.into_iter().chain(rest).collect()
    }

    /// All arguments that are left.
    pub fn rest(&mut self) -> &'a [Value] {
        let rest = &self.node.args[self.taken..];
        self.taken = self.node.args.len();
        rest
    }

    /// The name that this node declares: its first argument.
    pub fn name(&mut self) -> Option<Spanned<String>> {
        let value = self.arg("a name")?;
        self.cx.name(value)
    }

    /// A property, if it is there.
    pub fn prop(&mut self, name: &'static str) -> Option<&'a Value> {
        self.asked.push(name);
        self.node.props.iter().find(|prop| prop.name.text == name).map(|prop| &prop.value)
    }

    /// A property that must be there.
    pub fn required(&mut self, name: &'static str, help: &str) -> Option<&'a Value> {
        let value = self.prop(name);
        if value.is_none() {
            let node = &self.node.name;
            let message = format!("`{}` needs `{name}`", node.text);
            self.cx.report(Diagnostic::error("missing-property", node.span, message).help(help));
        }
        value
    }

    /// `#true` or `#false`, or `false` when it is not there.
    pub fn flag(&mut self, name: &'static str) -> bool {
        let value = self.prop(name);
        value.and_then(|value| self.cx.bool(value)).is_some_and(|flag| flag.value)
    }

    /// Complains about children: this node takes none.
    pub fn no_children(&self) {
        for child in &self.node.children {
            unknown_child(self.cx, self.node, child, std::iter::empty());
        }
    }

    /// Complains about every child that is none of these.
    pub fn only_children(&self, known: &[&'static str]) {
        for child in &self.node.children {
            if !known.contains(&child.name.text.as_str()) {
                unknown_child(self.cx, self.node, child, known.iter().copied());
            }
        }
    }

    /// The children of this name.
    pub fn children(&self, name: &'static str) -> impl Iterator<Item = &'a Node> + use<'a> {
        self.node.children.iter().filter(move |child| child.name.text == name)
    }

    /// The child of this name, of which there may be one.
    pub fn child(&self, name: &'static str) -> Option<&'a Node> {
        let mut found = self.children(name).filter(|child| child.active);
        let first = found.next()?;
        for other in found {
            let message = format!("`{name}` is given twice");
            self.cx.report(
                Diagnostic::error("duplicate-node", other.name.span, message)
                    .also(first.name.span, "first here"),
            );
        }
        Some(first)
    }

    /// Complains about everything that nobody asked for.
    pub fn finish(self) {
        let node = &self.node.name;
        for extra in &self.node.args[self.taken..] {
            let message = match self.taken {
                0 => format!("`{}` takes no argument", node.text),
                1 => format!("`{}` takes one argument", node.text),
                n => format!("`{}` takes {n} arguments", node.text),
            };
            self.cx.report(Diagnostic::error("unexpected-argument", extra.span, message));
        }
        for prop in &self.node.props {
            let name = prop.name.text.as_str();
            if !self.asked.contains(&name) {
                let message = format!("`{}` has no property `{name}`", node.text);
                let mut found = Diagnostic::error("unknown-property", prop.name.span, message);
                if matches!(name, "if" | "unless") {
                    found = found.help(
                        "conditions stand on outputs and tests, and on nodes within a tree, menu, disk, output or test",
                    );
                } else if let Some(help) = did_you_mean(name, self.asked.iter().copied()) {
                    found = found.help(help);
                }
                self.cx.report(found);
            }
        }
    }
}

/// Complains about a child that its parent does not know.
pub fn unknown_child<'n>(cx: &Cx<'_>, parent: &Node, child: &Node, known: impl Iterator<Item = &'n str>) {
    let known: Vec<&str> = known.collect();
    let (name, parent) = (&child.name.text, &parent.name.text);
    let message = if known.is_empty() {
        format!("`{parent}` takes no children")
    } else {
        format!("`{parent}` has no child `{name}`")
    };
    let mut found = Diagnostic::error("unknown-node", child.name.span, message);
    if let Some(help) = did_you_mean(name, known.iter().copied()) {
        let all = format!("`{parent}` takes {}", list(&known));
        found = if help.starts_with("there") { found.help(all) } else { found.help(help) };
    }
    cx.report(found);
}
