//! `imgc graph`: the steps and what feeds them, as dot, Mermaid or SVG.

mod svg;

use imgc_plan::Plan;

use crate::{
    args::{GraphArgs, GraphForm},
    failure::Failure,
    session::Session,
    stdout::print,
};

/// Draws the graph.
pub fn run(args: &GraphArgs) -> Result<(), Failure> {
    let session = Session::open(&args.manifest)?;
    let compilation = session.compile_shown()?;
    let plan = compilation.plan.as_ref().expect("because a shown compilation has a plan");
    print(&match args.format {
        GraphForm::Dot => dot(plan),
        GraphForm::Mermaid => mermaid(plan),
        GraphForm::Svg => svg::draw(plan),
    })
}

/// Graphviz: quotes and backslashes are escaped, so no label can break out.
fn dot(plan: &Plan) -> String {
    let mut out =
        String::from("digraph imgc {\n  rankdir=LR;\n  node [shape=box, fontname=\"sans-serif\"];\n");
    for (index, step) in plan.steps.iter().enumerate() {
        let label = step.label.replace('\\', "\\\\").replace('"', "\\\"");
        out.push_str(&format!("  s{index} [label=\"{label}\"];\n"));
    }
    for (index, step) in plan.steps.iter().enumerate() {
        for input in &step.inputs {
            let fact = input.pick.as_ref().map_or(String::new(), |pick| format!(" [label=\"{pick}\"]"));
            out.push_str(&format!("  s{} -> s{index}{fact};\n", input.step));
        }
    }
    out + "}\n"
}

/// Mermaid's flowchart.
fn mermaid(plan: &Plan) -> String {
    let mut out = String::from("flowchart LR\n");
    for (index, step) in plan.steps.iter().enumerate() {
        let label = step.label.replace('&', "&amp;").replace('"', "#quot;").replace('<', "&lt;");
        out.push_str(&format!("  s{index}[\"{label}\"]\n"));
    }
    for (index, step) in plan.steps.iter().enumerate() {
        for input in &step.inputs {
            let fact = input.pick.as_ref().map_or(String::new(), |pick| format!("|{pick}|"));
            out.push_str(&format!("  s{} -->{fact} s{index}\n", input.step));
        }
    }
    out
}
