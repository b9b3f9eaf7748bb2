//! Defaults of options, and what a kind says of its options together.

use imgc_plan::{
    Data, OptType, Record,
    ids::{derive, uuid_text},
    kind::{Default as OptDefault, OptionProblem, Traits},
};

use super::closed::Chosen;
use crate::{
    decode::{Cx, KindNode},
    diagnostic::{Diagnostic, Severity, Span},
};

/// What defaults come from.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The image's seed.
    pub seed: &'a str,
    /// The time of everything that says none.
    pub epoch: i64,
    /// The sector size of the disk it is in.
    pub sector_size: u32,
}

impl Place<'_> {
    /// A UUID for a purpose of a node.
    pub fn uuid(&self, node: &str, purpose: &str) -> String {
        uuid_text(derive(self.seed, "", node, purpose))
    }

    fn default(&self, node: &str, option: &imgc_plan::Opt) -> Option<Data> {
        match option.default {
            OptDefault::Required | OptDefault::Absent => None,
            OptDefault::Bool(flag) => Some(Data::Bool(flag)),
            OptDefault::Int(number) => Some(Data::Int(number)),
            OptDefault::Text(text) => Some(Data::from(text)),
            OptDefault::Derived if matches!(option.ty, OptType::Serial) => {
                let id = derive(self.seed, "", node, option.name);
                Some(Data::Int(i64::from(u32::from_le_bytes([id[0], id[1], id[2], id[3]]))))
            }
            OptDefault::Derived => Some(Data::Text(self.uuid(node, option.name))),
            OptDefault::Epoch => Some(Data::Int(self.epoch)),
            OptDefault::SectorSize => Some(Data::Int(i64::from(self.sector_size))),
        }
    }
}

/// Fills in the defaults, and lets the kind judge the whole. `node` is the place of the node in the manifest, from which
/// ids are derived.
pub fn complete(cx: &Cx<'_>, said: &KindNode, node: &str, place: &Place<'_>) -> Chosen {
    let mut options = Record::new();
    let mut whole = true;
    for option in said.kind.options {
        let given = said.options.get(option.name).map(|given| given.value.clone());
        whole &= given.is_some() || option.default != OptDefault::Required;
        if let Some(data) = given.or_else(|| place.default(node, option)) {
            options.insert(option.name.to_owned(), data);
        }
    }
    if whole {
        for problem in cx.kinds.check(said.kind.family, said.kind.name, &options) {
            let option = problem.option.and_then(|option| said.options.get(option));
            let span = option.map_or(said.span, |option| option.span);
            cx.report(option_problem("bad-option", span, problem));
        }
    }
    Chosen { kind: said.kind, options }
}

/// Reports a filesystem that cannot be so long, whatever it holds.
pub fn check_len(cx: &Cx<'_>, filesystem: &Chosen, len: u64, span: Span) {
    let (kind, options) = (filesystem.kind, &filesystem.options);
    let Traits::Filesystem(traits) = &kind.traits else { return };
    // Options that are wrong were reported, and would be blamed again.
    if traits.own_length || !cx.kinds.check(kind.family, kind.name, options).is_empty() {
        return;
    }
    if let Some(problem) = cx.kinds.check_len(kind.name, options, len) {
        cx.report(option_problem("bad-size", span, problem));
    }
}

/// A kind's complaint at a place.
pub fn option_problem(code: &'static str, span: Span, problem: OptionProblem) -> Diagnostic {
    let mut found = Diagnostic::error(code, span, problem.message);
    found.help.extend(problem.help);
    found
}

/// A kind's warning at a place.
pub fn option_lint(code: &'static str, span: Span, problem: OptionProblem) -> Diagnostic {
    Diagnostic { severity: Severity::Warning, ..option_problem(code, span, problem) }
}
