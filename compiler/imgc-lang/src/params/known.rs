//! The params that a manifest or a template has, looked up by what uses them.

use std::collections::BTreeSet;

use crate::{
    compilation::ParamInfo,
    decode::{Cx, did_you_mean},
    diagnostic::{Diagnostic, Span},
    syntax::Typed,
};

/// The params of a manifest, in its order.
#[derive(Debug, Default)]
pub struct Params {
    /// Each with its value, as far as there is one.
    pub list: Vec<Param>,
    /// The names that something in the manifest uses.
    pub used: BTreeSet<String>,
    /// The names of declarations that have mistakes: uses of them are passed over.
    pub(super) broken: BTreeSet<String>,
}

/// A param.
#[derive(Debug)]
pub struct Param {
    /// What people are told of it; its value is the text that stands for it.
    pub info: ParamInfo,
    /// Its value where that is no text.
    pub typed: Option<Typed>,
}

impl Params {
    /// The param of this name.
    pub fn get(&self, name: &str) -> Option<&Param> {
        self.list.iter().find(|param| param.info.name == name)
    }

    /// Looks a param up for a use of it; complains when there is none.
    pub fn using(&mut self, cx: &Cx<'_>, name: &str, span: Span) -> Option<&Param> {
        self.used.insert(name.to_owned());
        let found = self.list.iter().position(|param| param.info.name == name);
        if found.is_none() && !self.broken.contains(name) {
            let mut diagnostic =
                Diagnostic::error("unknown-param", span, format!("there is no param `{name}`"));
            let names = self.list.iter().map(|param| param.info.name.as_str());
            diagnostic.help.extend(did_you_mean(name, names).or_else(|| {
                Some(format!(
                    "declare it: `param {name} default=\"…\"`; a literal `{{{{` is written `\\{{{{`"
                ))
            }));
            cx.report(diagnostic);
        }
        self.list.get(found?)
    }

    /// Warns of params that nothing uses.
    pub fn warn_unused(&self, cx: &Cx<'_>) {
        for Param { info, .. } in self.list.iter().filter(|param| !self.used.contains(&param.info.name)) {
            let message = format!("nothing uses param `{}`", info.name);
            let help = format!("write `{{{{{}}}}}` where its value belongs, or remove it", info.name);
            cx.report(Diagnostic::warning("unused-param", info.span, message).help(help));
        }
    }
}
