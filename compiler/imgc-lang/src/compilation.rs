//! What a compilation gives.

use std::collections::BTreeMap;

use imgc_plan::{Plan, layout::DiskSpec, lock::Request};

use crate::diagnostic::{Diagnostic, SourceFile, Span};

/// What became of a manifest.
#[derive(Debug, Default)]
pub struct Compilation {
    /// The plan; `None` when there are errors.
    pub plan: Option<Plan>,
    /// Errors and warnings, sorted by place.
    pub diagnostics: Vec<Diagnostic>,
    /// For each step of the plan, by index, where to show its failures.
    pub origins: Vec<Origin>,
    /// The packages that the manifest asks for, each once, also when the lock lacks them.
    pub requests: Vec<(Request, Span)>,
    /// The disks that the plan makes, in the order of the manifest.
    pub disks: Vec<DiskInfo>,
    /// The archives, and outputs of trees, that keep hashes of what they are.
    pub sealed: Vec<SealedInfo>,
    /// The artifacts that the plan makes: file, and index of the export step.
    pub outputs: Vec<(String, usize)>,
    /// Of these, the export steps whose artifacts are published only once they passed their tests.
    pub tested: Vec<usize>,
    /// For each test of the plan, by index, where it stands.
    pub tests: Vec<TestInfo>,
    /// The params that the manifest declares.
    pub params: Vec<ParamInfo>,
    /// The templates that it uses, in the order of their use.
    pub templates: Vec<TemplateInfo>,
    /// Sources that take attributes over from this machine, so that another may make other bytes.
    pub host_dependent: Vec<HostDependent>,
    /// The files that were read, for rendering; spans name them by index.
    pub files: Vec<SourceFile>,
}

/// Where a step comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The node that asked for it.
    pub span: Span,
    /// For a compose step: the node of each operation.
    pub ops: Vec<Span>,
    /// For a place or assemble step: the partitions by name.
    pub parts: BTreeMap<String, Span>,
}

/// Where a test stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestInfo {
    /// Its name in the manifest.
    pub span: Span,
    /// For each boot the nodes of its acts.
    pub acts: Vec<Vec<Span>>,
}

/// A disk, for tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskInfo {
    /// Its name.
    pub name: String,
    /// The index of its place step.
    pub place: usize,
    /// What is asked of it.
    pub spec: DiskSpec,
    /// What is in its partitions, in the order of the specification.
    pub parts: Vec<PartInfo>,
    /// Its partitions that keep hashes.
    pub hashes: Vec<HashesInfo>,
    /// Its name in the manifest.
    pub span: Span,
}

/// An archive, or an output of a tree, that keeps the hashes of its filesystem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedInfo {
    /// `archive` or `output`.
    pub what: &'static str,
    /// Its name.
    pub name: String,
    /// The index of the step that gives its facts ([`imgc_plan::step::Verity::Facts`]).
    pub facts: usize,
}

/// A partition that keeps hashes of another, or of its own filesystem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HashesInfo {
    /// Its name.
    pub part: String,
    /// The name of the one whose hashes they are.
    pub of: String,
    /// The index of the step that gives its facts ([`imgc_plan::step::Verity::Facts`]).
    pub facts: usize,
}

/// What is in a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartInfo {
    /// Its name.
    pub name: String,
    /// What the manifest calls its type, of several names that a code may have; `None`: it gives the code.
    pub type_name: Option<&'static str>,
    /// Its content for people, its filesystem and its tree; `empty` when it has none.
    pub content: String,
    /// For a partition that fits its content: what its size waits for, such as `tree root`.
    pub waits_for: Option<String>,
    /// Its name in the manifest.
    pub span: Span,
}

/// A param, for help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParamInfo {
    /// Its name.
    pub name: String,
    /// Its type's name: `string`, `int`, `size`, `bool`, `path` or `choice`.
    pub ty: &'static str,
    /// What it may be, for `choice`.
    pub choices: Vec<String>,
    /// What it is unless given; `None`: it must be given.
    pub default: Option<String>,
    /// What it is in this compilation, in the form in which `{{name}}` gives it.
    pub value: Option<String>,
    /// What it is for.
    pub doc: Option<String>,
    /// Its name in the manifest.
    pub span: Span,
}

/// A template, for help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateInfo {
    /// Its name.
    pub name: String,
    /// What it makes, in one sentence.
    pub doc: String,
    /// Its params.
    pub params: Vec<ParamInfo>,
}

/// A source or copy that takes attributes over from this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostDependent {
    /// What it is for people, such as `source tree`.
    pub what: String,
    /// The attributes, such as `owner` and `mode`.
    pub keeps: Vec<&'static str>,
    /// The `keep` node.
    pub span: Span,
}
