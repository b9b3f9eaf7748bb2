//! `use "AREA/NAME" param=value…`: a template's nodes take the place of the node.
//!
//! A template is a manifest without `image`, with params of its own. They are filled into its nodes, which join those of the
//! manifest then, as if they had been written there: one namespace, one seed.

use crate::{
    compilation::TemplateInfo,
    decode::{Cursor, Cx, did_you_mean},
    diagnostic::{Diagnostic, SourceFile, Span},
    params::{self, Given, Params, Scope},
    syntax::{self, Node, Scalar, Value},
    world::World,
};

/// How deep templates can use templates.
const DEEPEST: usize = 8;

/// The most templates that a manifest can use, with those that they use.
const MOST: usize = 64;

/// What the templates of a manifest came to.
#[derive(Default)]
pub struct Used {
    /// Their texts, for rendering.
    pub files: Vec<SourceFile>,
    /// What they say of themselves.
    pub infos: Vec<TemplateInfo>,
}

/// Puts what templates hold in the place of the nodes that use them. `files` is how many files were read already.
pub fn expand(cx: &Cx<'_>, world: &dyn World, nodes: Vec<Node>, files: usize) -> (Vec<Node>, Used) {
    let mut expansion = Expansion { cx, world, first: files, used: Used::default() };
    let nodes = expansion.nodes(nodes, &mut Vec::new());
    (nodes, expansion.used)
}

struct Expansion<'a> {
    cx: &'a Cx<'a>,
    world: &'a dyn World,
    first: usize,
    used: Used,
}

impl Expansion<'_> {
    /// `way` names the templates that these nodes are in.
    fn nodes(&mut self, nodes: Vec<Node>, way: &mut Vec<String>) -> Vec<Node> {
        let mut expanded = Vec::with_capacity(nodes.len());
        for node in nodes {
            match node.name.text.as_str() {
                "use" if node.active => expanded.extend(self.template(&node, way).unwrap_or_default()),
                "use" => {}
                _ => expanded.push(node),
            }
        }
        expanded
    }

    fn template(&mut self, node: &Node, way: &mut Vec<String>) -> Option<Vec<Node>> {
        let mut cursor = Cursor::new(self.cx, node);
        let value = cursor.arg("the name of a template, such as \"iso/bootable\"");
        cursor.no_children();
        let name = self.cx.string(value?, "the name of a template")?;
        let given: Vec<Given> =
            node.props.iter().filter_map(|prop| given(self.cx, &prop.name.text, &prop.value)).collect();
        let refuse = |message: String| self.cx.report(Diagnostic::error("bad-template", name.span, message));
        if way.contains(&name.value) {
            refuse(format!("the template `{}` uses itself", name.value));
            return None;
        }
        if way.len() >= DEEPEST || self.used.files.len() >= MOST {
            refuse(format!(
                "templates use at most {DEEPEST} others in one another, and a manifest {MOST} in all"
            ));
            return None;
        }
        let (shown, text) = self.text(&name.value, name.span)?;
        let file = u32::try_from(self.first + self.used.files.len()).ok()?;
        let mut nodes = self.parse(&text, file);
        self.used.files.push(SourceFile { name: shown, text });
        let scope = Scope::Template(&name.value, node.name.span);
        let mut params = params::declare(self.cx, nodes.as_deref()?, &given, scope);
        let doc = header(self.cx, nodes.as_mut()?);
        let mut nodes = nodes?;
        params::fill(self.cx, &mut nodes, &mut params);
        params.warn_unused(self.cx);
        let Params { list, .. } = params;
        let params = list.into_iter().map(|param| param.info).collect();
        self.used.infos.push(TemplateInfo { name: name.value.clone(), doc, params });
        nodes.retain(|node| node.name.text != "param");
        way.push(name.value);
        let nodes = self.nodes(nodes, way);
        way.pop();
        Some(nodes)
    }

    /// Its own spans start at 0 of its file.
    fn parse(&self, text: &str, file: u32) -> Option<Vec<Node>> {
        let mut found = Vec::new();
        let mut nodes = syntax::parse(text, &mut found);
        for mut diagnostic in found {
            diagnostic.labels.iter_mut().for_each(|label| label.span.file = file);
            self.cx.report(diagnostic);
        }
        nodes.iter_mut().flatten().for_each(|node| node.set_file(file));
        nodes
    }

    /// How a template's file is called, and what is in it.
    fn text(&self, name: &str, span: Span) -> Option<(String, String)> {
        let local = name.ends_with(".kdl");
        if let Some(text) = self.world.template(name).filter(|_| !local) {
            return Some((format!("<imgc>/{name}.kdl"), text.to_owned()));
        }
        let message = if local {
            match self.world.read(name).map(String::from_utf8) {
                Ok(Ok(text)) => return Some((name.to_owned(), text)),
                Ok(Err(_)) => format!("the template {name} is not UTF-8 text"),
                Err(error) => format!("the template {name} cannot be read: {error}"),
            }
        } else {
            format!("there is no template `{name}`")
        };
        let mut found = Diagnostic::error("unknown-template", span, message);
        if !local {
            let names = self.world.templates();
            found.help.extend(did_you_mean(name, names.iter().copied()));
            found.help.push("a template of your own is a file: `use \"./NAME.kdl\"`".to_owned());
        }
        self.cx.report(found);
        None
    }
}

/// A property of `use` as a value for a param.
fn given(cx: &Cx<'_>, name: &str, value: &Value) -> Option<Given> {
    let text = match &value.scalar {
        Scalar::Int(number) => number.to_string(),
        Scalar::Bool(flag) => flag.to_string(),
        _ => cx.string(value, "a value for a param")?.value,
    };
    Some(Given { name: name.to_owned(), text, span: Some(value.span) })
}

/// Takes the node `template` off, which says what it is; reports what cannot be in a template.
fn header(cx: &Cx<'_>, nodes: &mut Vec<Node>) -> String {
    let mut doc = String::new();
    nodes.retain(|node| match node.name.text.as_str() {
        "template" => {
            let mut cursor = Cursor::new(cx, node);
            let value = cursor.arg("one sentence that says what it makes");
            doc = value
                .and_then(|value| cx.string(value, "a text in quotes"))
                .map_or(String::new(), |doc| doc.value);
            cursor.no_children();
            cursor.finish();
            false
        }
        "image" => {
            let message = "a template has no `image`: it becomes a part of the manifest that uses it";
            cx.report(Diagnostic::error("unexpected-node", node.name.span, message));
            false
        }
        _ => true,
    });
    doc
}
