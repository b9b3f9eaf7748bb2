//! What is wrong with a manifest, as values: code, sentence, places, help.

/// A place in a manifest, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// Index into [`crate::Compilation::files`].
    pub file: u32,
    /// The first byte.
    pub start: usize,
    /// How many bytes.
    pub len: usize,
}

/// A file that was read, for rendering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Its name as the driver gave it.
    pub name: String,
    /// What is in it.
    pub text: String,
}

/// Whether a manifest can be built all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// There is no plan.
    Error,
    /// There is a plan, but the author should know.
    Warning,
}

/// A mistake in a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// A stable kebab-case noun phrase, such as `unknown-property`.
    pub code: &'static str,
    /// Whether it prevents a plan.
    pub severity: Severity,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// Where, the primary place first. Empty when it is not in the manifest but in the request (`--set`, `--only`).
    pub labels: Vec<Label>,
    /// What would mend it.
    pub help: Vec<String>,
}

/// A place that a diagnostic points at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What is there; may be empty.
    pub text: String,
    /// Whether it is the place to mend.
    pub primary: bool,
}

impl Diagnostic {
    /// An error at a place.
    pub fn error(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        let labels = vec![Label { span, text: String::new(), primary: true }];
        Self { code, severity: Severity::Error, message: message.into(), labels, help: Vec::new() }
    }

    /// A warning at a place.
    pub fn warning(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, span, message) }
    }

    /// An error in the request, at no place of the manifest.
    pub fn request(code: &'static str, message: impl Into<String>) -> Self {
        Self { labels: Vec::new(), ..Self::error(code, Span::default(), message) }
    }

    /// The same with a text at its primary place.
    #[must_use]
    pub fn label(mut self, text: impl Into<String>) -> Self {
        if let Some(first) = self.labels.first_mut() {
            first.text = text.into();
        }
        self
    }

    /// The same with another place.
    #[must_use]
    pub fn also(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into(), primary: false });
        self
    }

    /// The same with help.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }

    /// The place to mend, if it is in the manifest.
    pub fn span(&self) -> Option<Span> {
        self.labels.iter().find(|label| label.primary).map(|label| label.span)
    }
}
