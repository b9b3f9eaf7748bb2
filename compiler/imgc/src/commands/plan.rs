//! `imgc plan`: the partitions and the steps that a build would take.

use std::path::Path;

use imgc_engine::{Goal, Report};
use imgc_lang::{Compilation, DiskInfo};
use imgc_plan::{
    Op,
    kind::Traits,
    layout::{Layout, PartSize, solve},
    test::Case,
    units::{approximate_size, format_size},
};

use crate::{
    args::{Cli, PlanArgs},
    failure::Failure,
    render,
    session::{self, Session},
    stdout::{print, print_json},
    text::{Align, columns},
};

/// Shows a plan.
pub fn run(cli: &Cli, args: &PlanArgs) -> Result<(), Failure> {
    let session = Session::open(&args.manifest)?;
    let compilation = session.compile_shown()?;
    let report = if args.gather { Some(gather(cli, args, &session, &compilation)?) } else { None };
    if args.json {
        return print_json(&json(&compilation, report.as_ref()));
    }
    let mut out = String::new();
    if args.steps {
        out.push_str(&steps(&compilation));
    } else {
        for disk in &compilation.disks {
            out.push_str(&layout_table(&compilation, disk, known_layout(disk, report.as_ref()).as_ref()));
            out.push('\n');
        }
        out.push_str(&summary(&compilation));
    }
    print(&out)
}

fn gather(
    cli: &Cli,
    args: &PlanArgs,
    session: &Session,
    compilation: &Compilation,
) -> Result<Report, Failure> {
    let engine = session.engine(&args.run, Path::new("out"), false)?;
    let report = session::run(cli, &engine, compilation, &Goal::Gather, None)
        .map_err(|error| render::run_error(compilation, error))?;
    render::diagnostics(compilation, &render::warnings(compilation, &report.warnings));
    Ok(report)
}

/// The layout as the run found it, or as far as it is known without.
fn known_layout(disk: &DiskInfo, report: Option<&Report>) -> Option<Layout> {
    if let Some(report) = report {
        let step = report.steps.iter().find(|step| step.step == disk.place)?;
        return step.facts.as_ref().and_then(Layout::from_data);
    }
    let known = disk.spec.parts.iter().all(|part| !matches!(part.size, PartSize::Fit { .. }));
    known.then(|| solve(&disk.spec, &vec![None; fits(disk)]).ok()).flatten()
}

/// How many partitions fit their content.
fn fits(disk: &DiskInfo) -> usize {
    disk.spec.parts.iter().filter(|part| matches!(part.size, PartSize::Fit { .. })).count()
}

fn layout_table(compilation: &Compilation, disk: &DiskInfo, layout: Option<&Layout>) -> String {
    let len = layout.map(|layout| layout.len).or(disk.spec.len);
    let size = len.map_or("as long as its partitions need".into(), approximate_size);
    let preview = solve(&disk.spec, &vec![None; fits(disk)]).ok();
    let types = type_names(compilation, disk);
    let mut rows = vec![["#", "partition", "start", "size", "type", "content"].map(String::from).to_vec()];
    for (at, (spec, info)) in disk.spec.parts.iter().zip(&disk.parts).enumerate() {
        let placed = layout.and_then(|layout| layout.part(&spec.name));
        // A start is known once everything before it has its size.
        let firm = disk.spec.parts[..at].iter().all(|part| matches!(part.size, PartSize::Exact(_)));
        let early = preview.as_ref().filter(|_| firm).and_then(|layout| layout.part(&spec.name));
        let start = placed.or(early).map(|part| part.start).or(spec.start);
        let size = match (placed, &spec.size) {
            (Some(part), _) => format_size(part.len),
            (None, PartSize::Exact(len)) => format_size(*len),
            (None, PartSize::Fill { .. }) => "fill: what is left".into(),
            (None, PartSize::Fit { .. }) => {
                format!("fit: after {}", info.waits_for.as_deref().unwrap_or("its content"))
            }
        };
        let known = || types.iter().find(|(_, code)| *code == spec.type_code).map(|(name, _)| *name);
        rows.push(vec![
            spec.number.to_string(),
            if spec.bootable { format!("{}*", spec.name) } else { spec.name.clone() },
            start.map_or("after the one before".into(), format_size),
            size,
            info.type_name.or_else(known).unwrap_or(&spec.type_code).to_owned(),
            info.content.clone(),
        ]);
    }
    let align = [Align::Right, Align::Left, Align::Right, Align::Right, Align::Left, Align::Left];
    let sector = disk.spec.sector_size;
    let mut out = format!("disk {}: {size}, sectors of {sector} bytes\n", disk.name);
    out.push_str(&columns(&align, &rows));
    if disk.spec.parts.iter().any(|part| part.bootable) {
        out.push_str("* bootable\n");
    }
    out
}

/// The names of partition types that the disk's table knows.
fn type_names(compilation: &Compilation, disk: &DiskInfo) -> &'static [(&'static str, &'static str)] {
    let plan = compilation.plan.as_ref().expect("because only compilations with a plan are shown");
    let table = plan.steps.iter().find_map(|step| match &step.op {
        Op::Assemble(assemble) if step.inputs.first().is_some_and(|input| input.step == disk.place) => {
            imgc_formats::table(&assemble.kind)
        }
        _ => None,
    });
    match table.map(|table| &table.kind().traits) {
        Some(Traits::Table(traits)) => traits.types,
        _ => &[],
    }
}

fn summary(compilation: &Compilation) -> String {
    let plan = compilation.plan.as_ref().expect("because only compilations with a plan are shown");
    let mut out = String::new();
    for source in &compilation.host_dependent {
        out.push_str(&format!("{} keeps {} of this machine\n", source.what, source.keeps.join(", ")));
    }
    let outputs: Vec<&str> = compilation.outputs.iter().map(|(file, _)| file.as_str()).collect();
    out.push_str(&format!("{} steps make {}\n", plan.steps.len(), outputs.join(", ")));
    for test in &plan.tests {
        let cases: Vec<String> = test.cases.iter().map(Case::title).collect();
        out.push_str(&format!("test {}: {}\n", test.name, cases.join("; ")));
    }
    out
}

/// Every step with what feeds it: the canonical form for people.
fn steps(compilation: &Compilation) -> String {
    let plan = compilation.plan.as_ref().expect("because only compilations with a plan are shown");
    plan.print()
}

fn json(compilation: &Compilation, report: Option<&Report>) -> serde_json::Value {
    let disks: Vec<serde_json::Value> = compilation
        .disks
        .iter()
        .map(|disk| {
            serde_json::json!({
                "name": disk.name,
                "place": disk.place,
                "spec": disk.spec,
                "layout": known_layout(disk, report),
            })
        })
        .collect();
    let outputs: Vec<serde_json::Value> = compilation
        .outputs
        .iter()
        .map(|(file, step)| serde_json::json!({ "file": file, "step": step }))
        .collect();
    serde_json::json!({
        "plan": compilation.plan,
        "digest": compilation.plan.as_ref().map(imgc_plan::Plan::digest),
        "disks": disks,
        "outputs": outputs,
    })
}
