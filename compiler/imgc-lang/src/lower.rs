//! A closed manifest becomes a plan: what the wanted outputs need, each step once.

mod build;
mod compose;
mod disk;
mod filesystem;
mod needs;
mod source;
mod verity;

use imgc_plan::{
    Input, Op, Plan,
    lock::Lock,
    step::{Archive, Export},
};

use crate::{
    compilation::{Compilation, Origin},
    decode::{Cx, did_you_mean},
    diagnostic::{Diagnostic, Span},
    model::source::Source,
    resolve::{Chosen, Closed, Item, Of, Output},
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
    let plan = Plan { image: closed.name.clone(), epoch: closed.epoch, ..Plan::default() };
    let mut build = Build::new(plan, closed.epoch);
    for (at, source) in sources.iter().enumerate().filter(|(at, _)| needs.sources.contains(at)) {
        let step = source::lower(&mut build, source, pins.get(&at).copied());
        build.sources.insert(at, step);
    }
    for item in &closed.order {
        match *item {
            Item::Tree(at) if needs.trees.contains(&at) => {
                let step = compose::lower(&mut build, &closed.trees[at]);
                build.trees.insert(at, step);
            }
            Item::Archive(at) if needs.archives.contains(&at) => lower_archive(&mut build, closed, at),
            Item::Tree(_) | Item::Archive(_) => {}
        }
    }
    for (at, disk) in closed.disks.iter().enumerate().filter(|(at, _)| needs.disks.contains(at)) {
        let (step, info) = disk::lower(&mut build, closed, disk);
        build.disks.insert(at, step);
        compilation.disks.push(info);
    }
    for output in wanted {
        let step = lower_output(&mut build, output);
        compilation.outputs.push((output.file.clone(), step));
    }
    compilation.origins = build.origins;
    compilation.plan = Some(build.plan);
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

fn lower_archive(build: &mut Build, closed: &Closed, at: usize) {
    let archive = &closed.archives[at];
    let step = pack(build, &archive.name, &archive.kind, archive.tree, archive.span);
    build.archives.insert(at, step);
}

fn pack(build: &mut Build, name: &str, kind: &Chosen, tree: usize, span: Span) -> usize {
    let op = Op::Archive(Archive { kind: kind.kind.name.to_owned(), options: kind.options.clone() });
    let label = format!("archive {name} ({})", kind.kind.name);
    let tree = Input::of(build.trees[&tree]);
    build.push(label, op, vec![tree], Origin { span, ..Origin::default() })
}

fn lower_output(build: &mut Build, output: &Output) -> usize {
    let of = match &output.of {
        Of::Disk(disk) => build.disks[disk],
        Of::Archive(archive) => build.archives[archive],
        Of::Filesystem { tree, content, size } => {
            let tree = Some(build.trees[tree]);
            filesystem::Job { name: &output.file, content, tree }.write_whole(build, size)
        }
        Of::Packed { tree, kind } => pack(build, &output.file, kind, *tree, output.span),
    };
    let export = Export {
        kind: output.format.kind.name.to_owned(),
        options: output.format.options.clone(),
        file: output.file.clone(),
    };
    let origin = Origin { span: output.span, ..Origin::default() };
    build.push(format!("export {}", output.file), Op::Export(export), vec![Input::of(of)], origin)
}
