//! What all decoding shares: the kinds, the list of diagnostics, and who mentions whom.

use std::cell::{Cell, RefCell};

use imgc_plan::kind::Kinds;

use crate::diagnostic::{Diagnostic, Span};

/// A value and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// Another value at the same place.
    pub fn map<U>(self, make: impl FnOnce(T) -> U) -> Spanned<U> {
        Spanned { value: make(self.value), span: self.span }
    }
}

/// What [`Mention::kind`] says of a fact.
pub const FACT: &str = "fact";

/// A reference by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mention {
    /// The node that declares such things, such as `tree`.
    pub kind: &'static str,
    /// The name.
    pub name: String,
    /// Where.
    pub span: Span,
}

/// What can be said of a node whose condition does not hold: its values may be empty because of that, so only its shape is
/// judged.
const OF_SHAPE: &[&str] = &[
    "duplicate-property",
    "missing-argument",
    "missing-property",
    "unexpected-annotation",
    "unexpected-argument",
    "unknown-kind",
    "unknown-node",
    "unknown-property",
];

/// What all decoding shares.
pub struct Cx<'a> {
    /// The kinds of the open families.
    pub kinds: &'a dyn Kinds,
    found: RefCell<Vec<Diagnostic>>,
    mentions: RefCell<Vec<Mention>>,
    only_shape: Cell<bool>,
}

impl<'a> Cx<'a> {
    /// Starts with what was found already.
    pub fn new(kinds: &'a dyn Kinds, found: Vec<Diagnostic>) -> Self {
        Self { kinds, found: RefCell::new(found), mentions: RefCell::default(), only_shape: Cell::new(false) }
    }

    /// Takes a diagnostic.
    pub fn report(&self, diagnostic: Diagnostic) {
        if !self.only_shape.get() || OF_SHAPE.contains(&diagnostic.code) {
            self.found.borrow_mut().push(diagnostic);
        }
    }

    /// Takes a reference.
    pub fn mention(&self, kind: &'static str, name: &str, span: Span) {
        self.mentions.borrow_mut().push(Mention { kind, name: name.to_owned(), span });
    }

    /// Decodes something; when it is not active, for its shape only, and gives nothing.
    pub fn when<T>(&self, active: bool, decode: impl FnOnce() -> Option<T>) -> Option<T> {
        let before = self.only_shape.replace(self.only_shape.get() || !active);
        let decoded = decode();
        self.only_shape.set(before);
        decoded.filter(|_| active)
    }

    /// Who mentions whom, so far.
    pub fn mentions(&self) -> Vec<Mention> {
        self.mentions.borrow().clone()
    }

    /// Whether there is an error so far.
    pub fn has_errors(&self) -> bool {
        self.found.borrow().iter().any(|found| found.severity == crate::diagnostic::Severity::Error)
    }

    /// Everything that was found, sorted by place.
    pub fn finish(self) -> Vec<Diagnostic> {
        let mut found = self.found.into_inner();
        found.sort_by_key(Diagnostic::span);
        found
    }
}
