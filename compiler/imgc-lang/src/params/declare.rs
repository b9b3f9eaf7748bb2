//! `param` nodes, and their values.

use imgc_plan::{
    late,
    units::{format_size, parse_size},
};

use super::{
    fill::fill_value,
    known::{Param, Params},
};
use crate::{
    compilation::ParamInfo,
    decode::{Cursor, Cx, Spanned, did_you_mean, list},
    diagnostic::{Diagnostic, Span},
    syntax::{Node, Scalar, Typed, Value},
};

/// The types of params.
const TYPES: &[&str] = &["string", "int", "size", "bool", "path", "choice"];

/// A value that is given to a param from outside of its declaration.
#[derive(Clone, Debug)]
pub struct Given {
    /// The param's name.
    pub name: String,
    /// The value as text, as the command line has it.
    pub text: String,
    /// Where it is given; `None`: on the command line.
    pub span: Option<Span>,
}

/// Whose params are declared.
#[derive(Clone, Copy, Debug)]
pub enum Scope<'a> {
    /// The manifest's; values come from the command line.
    Manifest,
    /// A template's; values come from the node that uses it.
    Template(&'a str, Span),
}

/// Decodes the `param` nodes and settles their values: given from outside, else by default.
pub fn declare(cx: &Cx<'_>, nodes: &[Node], given: &[Given], scope: Scope<'_>) -> Params {
    let mut params = Params::default();
    for node in nodes.iter().filter(|node| node.name.text == "param") {
        let Some(param) = param(cx, node, &mut params, given, scope) else {
            let name = node.args.first().and_then(|value| match &value.scalar {
                Scalar::Text(text) => Some(text.text.clone()),
                _ => None,
            });
            params.broken.extend(name);
            continue;
        };
        if let Some(first) = params.get(&param.info.name) {
            let message = format!("param `{}` is declared twice", param.info.name);
            let found = Diagnostic::error("duplicate-name", param.info.span, message);
            cx.report(found.also(first.info.span, "first here"));
        } else {
            params.list.push(param);
        }
    }
    report_twice(cx, given);
    let unknown = |name: &str| params.get(name).is_none() && !params.broken.contains(name);
    for given in given.iter().filter(|given| unknown(&given.name)) {
        report_unknown(cx, given, &params, scope);
    }
    params
}

/// Complains about values from outside of which one would be lost. What a `use` says twice was reported where it was read.
fn report_twice(cx: &Cx<'_>, given: &[Given]) {
    for (at, second) in given.iter().enumerate().filter(|(_, given)| given.span.is_none()) {
        if given[..at].iter().any(|first| first.name == second.name) {
            let message = format!("`--set {}=` is given twice", second.name);
            cx.report(Diagnostic::request("duplicate-param", message).help("leave one of them out"));
        }
    }
}

fn report_unknown(cx: &Cx<'_>, given: &Given, params: &Params, scope: Scope<'_>) {
    let name = &given.name;
    let who = match scope {
        Scope::Manifest => "the manifest".to_owned(),
        Scope::Template(template, _) => format!("the template `{template}`"),
    };
    let message = format!("{who} declares no param `{name}`");
    let mut found = match given.span {
        None => Diagnostic::request("unknown-param", message),
        Some(span) => Diagnostic::error("unknown-param", span, message),
    };
    let names: Vec<&str> = params.list.iter().map(|param| param.info.name.as_str()).collect();
    found.help.extend(did_you_mean(name, names.iter().copied()).filter(|help| help.starts_with("did")));
    found.help.push(if names.is_empty() {
        "it declares none".to_owned()
    } else {
        format!("it declares {}", list(&names))
    });
    cx.report(found);
}

fn param(cx: &Cx<'_>, node: &Node, params: &mut Params, given: &[Given], scope: Scope<'_>) -> Option<Param> {
    let mut cursor = Cursor::new(cx, node);
    let name = cursor.name();
    let ty = cursor.prop("type").map_or(Some("string"), |value| Some(cx.choice(value, TYPES)?.value));
    let doc = cursor.prop("doc").and_then(|value| cx.string(value, "a text in quotes"));
    let default = cursor.prop("default").cloned();
    let choices = choices(&cursor, ty);
    cursor.finish();
    let (name, ty) = (name?, ty?);
    let default = default.map(|mut value| {
        fill_value(cx, &mut value, params);
        value
    });
    let kind = Kind { ty, choices: &choices };
    let default_value = default.as_ref().map(|value| kind.decode(cx, value));
    let set = given.iter().find(|given| given.name == name.value);
    let value = match (set, &default_value) {
        (Some(given), _) => kind.parse(cx, &name, given),
        (None, Some(value)) => value.clone(),
        (None, None) => {
            cx.report(missing(&name, scope));
            None
        }
    };
    let typed = value.as_ref().and_then(|(_, typed)| *typed);
    let info = ParamInfo {
        name: name.value,
        ty,
        choices,
        default: default_value.flatten().map(|(text, _)| text),
        value: value.map(|(text, _)| text),
        doc: doc.map(|doc| doc.value),
        span: name.span,
    };
    Some(Param { info, typed })
}

fn missing(name: &Spanned<String>, scope: Scope<'_>) -> Diagnostic {
    let name_text = &name.value;
    match scope {
        Scope::Manifest => {
            let message = format!("param `{name_text}` has no default and is not given");
            let help = format!("give it with `--set {name_text}=…`, or write `default=` here");
            Diagnostic::error("missing-param", name.span, message).help(help)
        }
        Scope::Template(template, span) => {
            let message = format!("the template `{template}` needs a `{name_text}`");
            let found = Diagnostic::error("missing-param", span, message);
            found.help(format!("add `{name_text}=\"…\"`")).also(name.span, "declared here")
        }
    }
}

fn choices(cursor: &Cursor<'_>, ty: Option<&str>) -> Vec<String> {
    let cx = cursor.cx;
    let node = &cursor.node.name;
    cursor.only_children(&["choices"]);
    let Some(child) = cursor.child("choices") else {
        if ty == Some("choice") {
            let help = "add the words as a child: `{ choices \"one\" \"two\" }`";
            let found =
                Diagnostic::error("missing-node", node.span, "a param of type choice needs `choices`");
            cx.report(found.help(help));
        }
        return Vec::new();
    };
    if ty.is_some_and(|ty| ty != "choice") {
        let message = "only a param of type choice has `choices`";
        cx.report(Diagnostic::error("pointless-node", child.name.span, message).help("write `type=choice`"));
    }
    let mut words = Cursor::new(cx, child);
    let values = words.args("at least one word");
    words.no_children();
    words.finish();
    values.iter().filter_map(|value| Some(cx.string(value, "a word")?.value)).collect()
}

/// A param's type, with what it takes to read a value of it.
struct Kind<'a> {
    ty: &'static str,
    choices: &'a [String],
}

/// The text that stands for a value, and the value where that is no text.
type Settled = Option<(String, Option<Typed>)>;

impl Kind<'_> {
    /// A default.
    fn decode(&self, cx: &Cx<'_>, value: &Value) -> Settled {
        match self.ty {
            "int" => {
                let number = cx.int(value, i64::MIN, i64::MAX)?.value;
                Some((number.to_string(), Some(Typed::Int(number))))
            }
            "bool" => {
                let flag = cx.bool(value)?.value;
                Some((flag.to_string(), Some(Typed::Bool(flag))))
            }
            "size" => Some((format_size(cx.size(value)?.value), None)),
            "choice" => {
                let text = cx.string(value, "a word")?;
                self.check_choice(cx, &text.value, text.span)?;
                Some((text.value, None))
            }
            _ => {
                let text = cx.string(value, "a text in quotes (or say `type=int` or `type=bool`)")?;
                Some((text.value, None))
            }
        }
    }

    /// A value from outside.
    fn parse(&self, cx: &Cx<'_>, name: &Spanned<String>, given: &Given) -> Settled {
        let text = given.text.as_str();
        let wrong = |expected: String| {
            let found = match given.span {
                None => format!("`--set {}={text}`: {expected}", name.value),
                Some(_) => format!("param `{}`: {expected}", name.value),
            };
            cx.report(Diagnostic::error("bad-param", given.span.unwrap_or(name.span), found));
            None
        };
        match self.ty {
            "int" => match text.parse::<i64>() {
                Ok(number) => Some((number.to_string(), Some(Typed::Int(number)))),
                Err(_) => wrong("expected a whole number".into()),
            },
            "bool" => match text {
                "true" | "false" => Some((text.to_owned(), Some(Typed::Bool(text == "true")))),
                _ => wrong("expected `true` or `false`".into()),
            },
            "size" => match parse_size(text) {
                Ok(size) => Some((format_size(size), None)),
                Err(message) => wrong(message),
            },
            "choice" if !self.choices.iter().any(|choice| choice == text) => {
                wrong(format!("expected one of {}", list(self.choices)))
            }
            _ if text.contains('\0') => wrong("a text has no NUL character".into()),
            _ if late::is_marked(text) => {
                wrong("the characters U+F0000 and U+F0001 are for imgc's own use".into())
            }
            _ => Some((text.to_owned(), None)),
        }
    }

    fn check_choice(&self, cx: &Cx<'_>, text: &str, span: Span) -> Option<()> {
        if self.choices.iter().any(|choice| choice == text) || self.choices.is_empty() {
            return Some(());
        }
        let message = format!("`{text}` is not one of the choices");
        let mut found = Diagnostic::error("unknown-word", span, message);
        found.help.extend(did_you_mean(text, self.choices.iter().map(String::as_str)));
        cx.report(found);
        None
    }
}
