//! Nodes as the author wrote them, and their values.

use std::ops::Range;

use crate::diagnostic::Span;

/// A node with everything that is in it.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its name.
    pub name: Word,
    /// Its arguments, in order.
    pub args: Vec<Value>,
    /// Its properties, in order; a name is there once.
    pub props: Vec<Prop>,
    /// Its children, in order.
    pub children: Vec<Node>,
    /// Whether its conditions hold; set when params are known. Nodes within one that is not active are not, either.
    pub active: bool,
}

/// A name and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// The name.
    pub text: String,
    /// Where.
    pub span: Span,
}

/// A property.
#[derive(Clone, Debug)]
pub struct Prop {
    /// Its name.
    pub name: Word,
    /// Its value.
    pub value: Value,
}

/// An argument's or property's value.
#[derive(Clone, Debug)]
pub struct Value {
    /// What it is.
    pub scalar: Scalar,
    /// Its type annotation.
    pub annotation: Option<Word>,
    /// Where it stands, with its annotation.
    pub span: Span,
}

/// A value as KDL knows it.
#[derive(Clone, Debug)]
pub enum Scalar {
    /// A string, quoted or bare.
    Text(Text),
    /// A whole number.
    Int(i128),
    /// A number with a fraction: nothing in a manifest takes one.
    Float,
    /// `#true` or `#false`.
    Bool(bool),
    /// `#null`: nothing in a manifest takes it.
    Null,
    /// Something that was reported already; every getter passes over it in silence.
    Broken,
}

/// A string, with what came from params marked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    /// The string, params filled in.
    pub text: String,
    /// The ranges of it that came from params: no glob and no escape there.
    pub literal: Vec<Range<usize>>,
    /// When the whole string is one param that is a number or truth value: that.
    pub whole: Option<Typed>,
    /// Whether there are marks of facts in it ([`imgc_plan::late`]).
    pub late: bool,
}

/// A param's value that is not a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typed {
    /// A number.
    Int(i64),
    /// A truth value.
    Bool(bool),
}

impl Node {
    /// Says of which file it and all that is in it are.
    pub fn set_file(&mut self, file: u32) {
        self.name.span.file = file;
        for value in self.args.iter_mut().chain(self.props.iter_mut().map(|prop| &mut prop.value)) {
            value.span.file = file;
            value.annotation.iter_mut().for_each(|annotation| annotation.span.file = file);
        }
        self.props.iter_mut().for_each(|prop| prop.name.span.file = file);
        // No deeper than the parser lets nodes lie in one another.
        self.children.iter_mut().for_each(|child| child.set_file(file));
    }
}

impl Text {
    /// A string without params.
    pub fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// Whether the byte at this index came from a param.
    pub fn is_literal(&self, at: usize) -> bool {
        self.literal.iter().any(|range| range.contains(&at))
    }
}
