//! The KDL parser's document as our nodes, its complaints as our diagnostics.

use kdl::{KdlDocument, KdlEntry, KdlError, KdlIdentifier, KdlNode, KdlValue};

use super::{
    node::{Node, Prop, Scalar, Text, Value, Word},
    scan::{MAX_LEN, scan},
};
use crate::diagnostic::{Diagnostic, Span};

/// The most syntax errors that are reported: what follows the first few is their echo.
const MAX_ERRORS: usize = 20;

/// What is said of text after which the document should have ended.
const TOO_MUCH: &str = "this does not belong here";

/// Stack for the parser beside what grows with the text, in bytes.
const STACK: usize = 16 << 20;

/// Stack for each byte of text: the parser calls itself anew after every error at the top level, of which one needs at
/// least three bytes of text and takes up to 6 KiB (measured with kdl 6.5, not optimised).
const STACK_PER_BYTE: usize = 2 << 10;

/// Parses a manifest. `None` when there is nothing to go on with.
pub fn parse(text: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<Vec<Node>> {
    if text.len() > MAX_LEN {
        let message = format!("the manifest has {} bytes; {MAX_LEN} are the most", text.len());
        let help = "put contents into files of their own and copy them";
        diagnostics.push(Diagnostic::error("manifest-too-large", Span::default(), message).help(help));
        return None;
    }
    let scanned = scan(text);
    diagnostics.extend(scanned.found);
    if scanned.fatal {
        return None;
    }
    match parse_kdl(mask(text, &scanned.broken)) {
        Ok(document) => {
            let mut convert = Convert { broken: &scanned.broken, diagnostics };
            Some(convert.nodes(&document))
        }
        Err(found) => {
            diagnostics.extend(found);
            None
        }
    }
}

/// The text with these words replaced by words of the same length that parse.
fn mask(text: &str, broken: &[(usize, usize)]) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut at = 0;
    for &(start, len) in broken {
        masked.push_str(&text[at..start]);
        masked.push_str(&"_".repeat(len));
        at = start + len;
    }
    masked.push_str(&text[at..]);
    masked
}

/// Parses on a thread whose stack suffices for whatever the parser makes of such a text.
fn parse_kdl(text: String) -> Result<KdlDocument, Vec<Diagnostic>> {
    let size = STACK + STACK_PER_BYTE * text.len();
    let parsed = std::thread::Builder::new()
        .stack_size(size)
        .spawn(move || KdlDocument::parse_v2(&text))
        .map(std::thread::JoinHandle::join);
    match parsed {
        Ok(Ok(parsed)) => parsed.map_err(syntax_errors),
        // A panic of the parser, or no memory for its stack.
        Ok(Err(_)) | Err(_) => {
            Err(vec![Diagnostic::error("syntax", Span::default(), "the manifest cannot be parsed")])
        }
    }
}

fn syntax_errors(error: KdlError) -> Vec<Diagnostic> {
    let found = error.diagnostics.into_iter().take(MAX_ERRORS);
    let mut errors: Vec<Diagnostic> = found.map(|found| syntax_error(&error.input, found)).collect();
    // After a mistake the parser loses its place among the braces: what it finds too much then is an echo.
    let echo = |found: &Diagnostic| found.message == TOO_MUCH;
    if errors.first().is_some_and(|first| !echo(first)) {
        errors.retain(|found| !echo(found));
    }
    errors
}

fn syntax_error(text: &str, found: kdl::KdlDiagnostic) -> Diagnostic {
    let mut span = span_of(found.span.offset(), found.span.len());
    // A span may run over lines that are not to blame: its first line is enough.
    let covered = text.get(span.start..span.start + span.len).unwrap_or_default();
    if found.message.as_deref() == Some("Expected property value") {
        // The span is all from the node's name to the equals sign.
        let sign = covered.trim_end().len();
        span = Span { start: span.start + sign.saturating_sub(1), len: sign.min(1), ..span };
    } else if let Some(line) = covered.find('\n').filter(|len| *len > 0) {
        span.len = line;
    }
    let message = match found.message.as_deref() {
        Some("Expected end of document") => TOO_MUCH.to_owned(),
        Some(message) => lower_first(message.trim_end_matches('.')),
        None => "this is not KDL".to_owned(),
    };
    let mut diagnostic = Diagnostic::error("syntax", span, message);
    if let Some(help) = found.help {
        diagnostic = diagnostic.help(help);
    }
    diagnostic
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

fn span_of(start: usize, len: usize) -> Span {
    Span { file: 0, start, len }
}

struct Convert<'a> {
    broken: &'a [(usize, usize)],
    diagnostics: &'a mut Vec<Diagnostic>,
}

impl Convert<'_> {
    fn nodes(&mut self, document: &KdlDocument) -> Vec<Node> {
        document.nodes().iter().map(|node| self.node(node)).collect()
    }

    fn node(&mut self, node: &KdlNode) -> Node {
        if let Some(ty) = node.ty() {
            let span = word(ty).span;
            self.diagnostics.push(
                Diagnostic::error("unexpected-annotation", span, "a node takes no type annotation")
                    .help(format!("remove `({})`", ty.value())),
            );
        }
        let (mut args, mut props) = (Vec::new(), Vec::<Prop>::new());
        for entry in node.entries() {
            let value = self.value(entry);
            match entry.name().map(word) {
                None => args.push(value),
                Some(name) => {
                    if let Some(first) = props.iter().find(|prop| prop.name.text == name.text) {
                        self.diagnostics.push(
                            Diagnostic::error(
                                "duplicate-property",
                                name.span,
                                format!("`{}` is given twice", name.text),
                            )
                            .also(first.name.span, "first here"),
                        );
                    } else {
                        props.push(Prop { name, value });
                    }
                }
            }
        }
        let children = node.children().map(|children| self.nodes(children)).unwrap_or_default();
        Node { name: word(node.name()), args, props, children, active: true }
    }

    fn value(&self, entry: &KdlEntry) -> Value {
        let whole = span_of(entry.span().offset(), entry.span().len());
        let annotation = entry.ty().map(word);
        // The entry's span ends with the value; an annotation's own span lies between its parentheses.
        let repr = entry.format().map_or(whole.len, |format| format.value_repr.len()).min(whole.len);
        let end = whole.start + whole.len;
        let bare = Span { file: 0, start: end - repr, len: repr };
        let start = annotation.as_ref().map_or(bare.start, |word| word.span.start.saturating_sub(1));
        let span = Span { file: 0, start, len: end.saturating_sub(start) };
        let scalar = match entry.value() {
            _ if self.broken.contains(&(bare.start, bare.len)) => Scalar::Broken,
            KdlValue::String(text) => Scalar::Text(Text::plain(text.clone())),
            KdlValue::Integer(number) => Scalar::Int(*number),
            KdlValue::Float(_) => Scalar::Float,
            KdlValue::Bool(value) => Scalar::Bool(*value),
            KdlValue::Null => Scalar::Null,
        };
        Value { scalar, annotation, span }
    }
}

fn word(identifier: &KdlIdentifier) -> Word {
    let span = span_of(identifier.span().offset(), identifier.span().len());
    Word { text: identifier.value().to_owned(), span }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(text: &str) -> Vec<(&'static str, String)> {
        let mut found = Vec::new();
        parse(text, &mut found);
        let place = |s: Span| text.get(s.start..s.start + s.len).unwrap_or_default().to_owned();
        found.iter().map(|found| (found.code, found.span().map(place).unwrap_or_default())).collect()
    }

    #[test]
    fn spans_name_values_with_their_annotations() {
        let text = "é x = (bytes)\"a\" \\\n 12 { b #\"r\"# }\n";
        let nodes = parse(text, &mut Vec::new()).expect("parses");
        let show = |span: Span| &text[span.start..span.start + span.len];
        assert_eq!(show(nodes[0].name.span), "é");
        assert_eq!(show(nodes[0].props[0].value.span), "(bytes)\"a\"");
        assert_eq!(show(nodes[0].args[0].span), "12");
        assert_eq!(show(nodes[0].children[0].args[0].span), "#\"r\"#");
    }

    #[test]
    fn a_quantity_without_quotes_does_not_hide_other_errors() {
        assert_eq!(
            errors("disk main size=4GiB\na b=1 b=2\n(t)c"),
            [
                ("unquoted-quantity", "4GiB".into()),
                ("duplicate-property", "b".into()),
                ("unexpected-annotation", "t".into())
            ]
        );
    }

    #[test]
    fn a_flood_of_errors_neither_overflows_nor_floods() {
        for line in
            ["a )\n", "a b{}c\n", "a 99999999999999999999999999999999999999999999999\n", "a;)", "a [\n"]
        {
            let found = errors(&line.repeat(20_000));
            assert!((1..=MAX_ERRORS).contains(&found.len()), "{line}: {}", found.len());
        }
        assert_eq!(errors(&"a\n".repeat(MAX_LEN))[0].0, "manifest-too-large");
    }
}
