//! A closed manifest becomes a plan: what the wanted outputs need, each step once.

mod build;
mod compose;
mod disk;
mod filesystem;
mod loader;
mod needs;
mod source;
mod test;
mod verity;

use imgc_plan::{
    Input, Op,
    lock::Lock,
    step::{Export, ExportTree},
};

use crate::{
    compilation::{Compilation, DiskInfo, Origin, SealedInfo},
    decode::{Cx, did_you_mean},
    diagnostic::Diagnostic,
    model::source::Source,
    resolve::{Closed, Item, Of, Output},
};
use build::Build;
use needs::Needs;

/// Lowers what the wanted outputs need into `compilation`. Without a plan when something that it needs is not pinned.
pub fn lower(
    cx: &Cx<'_>,
    closed: &Closed,
    sources: &[Source],
    lock: Option<&Lock>,
    only: &[String],
    compilation: &mut Compilation,
) {
    let wanted = wanted(cx, closed, only);
    let needs = Needs::of(closed, &wanted);
    let pins = source::pins(cx, sources, &needs, lock);
    if cx.has_errors() {
        return;
    }
    let mut build = Build::new(cx, closed, sources, pins);
    // In the order of their needs, so that a long chain of trees is no deep recursion.
    for item in &closed.order {
        let lowered = match *item {
            Item::Tree(at) if needs.trees.contains(&at) => compose::tree(&mut build, at),
            Item::Archive(at) if needs.archives.contains(&at) => {
                let lowered = compose::archive(&mut build, at);
                let facts = compose::archive_facts(&mut build, at);
                compilation.sealed.extend(facts.map(|facts| SealedInfo {
                    what: "archive",
                    name: closed.archives[at].name.clone(),
                    facts,
                }));
                lowered
            }
            Item::Tree(_) | Item::Archive(_) => continue,
        };
        if lowered.is_none() {
            return;
        }
    }
    for output in wanted {
        let Some(step) = lower_output(&mut build, output, &mut compilation.disks) else { return };
        if let Of::Tree { tree, made } = &output.of {
            let facts = compose::made_facts(&mut build, &output.file, made, *tree);
            let sealed = |facts| SealedInfo { what: "output", name: output.file.clone(), facts };
            compilation.sealed.extend(facts.map(sealed));
        }
        compilation.outputs.push((output.file.clone(), step));
        if output.tested {
            compilation.tested.push(step);
        }
    }
    let order = |info: &DiskInfo| closed.disks.iter().position(|disk| disk.name == info.name);
    compilation.disks.sort_by_key(order);
    compilation.origins = build.origins;
    compilation.plan = Some(build.plan);
    test::lower(closed, compilation);
}

/// The outputs that are wanted; reports names that no output has.
fn wanted<'a>(cx: &Cx<'_>, closed: &'a Closed, only: &[String]) -> Vec<&'a Output> {
    for name in only {
        if !closed.outputs.iter().any(|output| output.file == *name) {
            let mut found =
                Diagnostic::request("unknown-output", format!("the manifest has no output `{name}`"));
            let files = closed.outputs.iter().map(|output| output.file.as_str());
            found.help.extend(did_you_mean(name, files));
            cx.report(found);
        }
    }
    let wanted = |output: &&Output| only.is_empty() || only.contains(&output.file);
    closed.outputs.iter().filter(wanted).collect()
}

fn lower_output(build: &mut Build<'_>, output: &Output, disks: &mut Vec<DiskInfo>) -> Option<usize> {
    let of = match &output.of {
        Of::Disk(at) => {
            let (step, info) = disk::lower(build, *at)?;
            if !disks.contains(&info) {
                disks.push(info);
            }
            step
        }
        Of::Archive(at) => compose::archive(build, *at)?,
        Of::Tree { tree, made } => compose::made(build, &output.file, made, *tree, output.span)?,
        Of::Directory(tree) => compose::tree(build, *tree)?,
    };
    let origin = Origin { span: output.span, ..Origin::default() };
    let label = format!("export {}", output.file);
    if matches!(output.of, Of::Directory(_)) {
        let export = Op::ExportTree(ExportTree { name: output.file.clone() });
        return Some(build.push(label, export, vec![Input::of(of)], origin));
    }
    let export = Export {
        kind: output.format.kind.name.to_owned(),
        options: output.format.options.clone(),
        file: output.file.clone(),
    };
    Some(build.push(label, Op::Export(export), vec![Input::of(of)], origin))
}
