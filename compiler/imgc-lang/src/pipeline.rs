//! The way from text to plan, stage by stage.

use imgc_plan::{kind::Kinds, lock::Request, step::Keep};

use crate::{
    compilation::{Compilation, HostDependent},
    decode::Cx,
    diagnostic::{SourceFile, Span},
    lower,
    model::{
        self,
        source::{Origin, Source},
    },
    params::{self, Given, Scope},
    resolve, syntax, templates,
    world::{Settings, World},
};

/// Compiles a manifest. `name` is how its file is called in messages.
///
/// Every mistake of the stages up to the lock file is reported at once; a text that is not KDL stops at the first stage.
/// Of the world nothing is read but templates.
pub fn compile(
    name: &str,
    text: &str,
    world: &dyn World,
    kinds: &dyn Kinds,
    settings: &Settings,
) -> Compilation {
    let file = SourceFile { name: name.to_owned(), text: text.to_owned() };
    let mut compilation = Compilation { files: vec![file], ..Compilation::default() };
    let mut found = Vec::new();
    let Some(mut nodes) = syntax::parse(text, &mut found) else {
        compilation.diagnostics = found;
        return compilation;
    };
    let cx = Cx::new(kinds, found);
    let given =
        |(name, text): &(String, String)| Given { name: name.clone(), text: text.clone(), span: None };
    let given: Vec<Given> = settings.params.iter().map(given).collect();
    let mut params = params::declare(&cx, &nodes, &given, Scope::Manifest);
    params::fill(&cx, &mut nodes, &mut params);
    params.warn_unused(&cx);
    let (nodes, used) = templates::expand(&cx, world, nodes, compilation.files.len());
    compilation.files.extend(used.files);
    compilation.templates = used.infos;
    let manifest = model::decode(&cx, &nodes);
    let closed = resolve::resolve(&cx, &manifest, &nodes, settings.epoch);
    compilation.params = params.list.into_iter().map(|param| param.info).collect();
    compilation.requests = requests(&manifest.sources);
    compilation.host_dependent = host_dependent(&manifest.sources);
    if let Some(closed) = closed {
        let (lock, only) = (settings.lock.as_ref(), &settings.only);
        lower::lower(&cx, &closed, &manifest.sources, lock, only, &mut compilation);
    }
    compilation.diagnostics = cx.finish();
    compilation
}

/// The packages that are asked for, each once.
fn requests(sources: &[Source]) -> Vec<(Request, Span)> {
    let mut requests: Vec<(Request, Span)> = Vec::new();
    for source in sources {
        if let Origin::Package { request, span } = &source.origin
            && !requests.iter().any(|(other, _)| other == request)
        {
            requests.push((request.clone(), *span));
        }
    }
    requests
}

fn host_dependent(sources: &[Source]) -> Vec<HostDependent> {
    let mut found = Vec::new();
    for source in sources {
        let Origin::Local { keep: Some(keep), .. } = &source.origin else { continue };
        let Keep { owner, mode, mtime, xattrs, links } = keep.value;
        let all = [(owner, "owner"), (mode, "mode"), (mtime, "mtime"), (xattrs, "xattrs"), (links, "links")];
        let keeps = all.into_iter().filter(|(keeps, _)| *keeps).map(|(_, name)| name).collect();
        found.push(HostDependent { what: format!("source {}", source.name.value), keeps, span: keep.span });
    }
    found
}
