//! Tests: their outputs are looked up, and outputs that must pass some have one.

use imgc_plan::test::{MachineSpec, Medium};

use crate::{
    decode::Cx,
    diagnostic::{Diagnostic, Span},
    model::{Manifest, output::Of, test::BootNode},
};

/// A test whose outputs are indices.
#[derive(Debug)]
pub struct Test {
    /// Its name.
    pub name: String,
    /// Where it is named.
    pub span: Span,
    /// What is started.
    pub outputs: Vec<usize>,
    /// On what.
    pub machines: Vec<MachineSpec>,
    /// What is expected: each boot's content and the nodes of its acts.
    pub boots: Vec<(imgc_plan::test::Boot, Vec<Span>)>,
}

/// Closes all tests. `None` when a name is not there, which is reported elsewhere.
pub fn close(cx: &Cx<'_>, manifest: &Manifest) -> Option<Vec<Test>> {
    check_tested(cx, manifest);
    check_directories(cx, manifest);
    let output = |name: &str| manifest.outputs.iter().position(|output| output.file.value == name);
    let close = |test: &crate::model::test::Test| {
        Some(Test {
            name: test.name.value.clone(),
            span: test.name.span,
            outputs: test.outputs.iter().map(|name| output(&name.value)).collect::<Option<_>>()?,
            machines: test.machines.iter().map(|machine| machine.value.clone()).collect(),
            boots: test.boots.iter().map(|BootNode { boot, acts }| (boot.clone(), acts.clone())).collect(),
        })
    };
    manifest.tests.iter().map(close).collect()
}

/// Complains about directories that are to be started as if they were disks, once for each `qemu` node.
fn check_directories(cx: &Cx<'_>, manifest: &Manifest) {
    let is_directory = |name: &str| {
        let mut outputs = manifest.outputs.iter().filter(|output| output.file.value == name);
        outputs.any(|output| matches!(output.of, Of::Directory(_)))
    };
    for test in &manifest.tests {
        let Some(output) = test.outputs.iter().find(|output| is_directory(&output.value)) else { continue };
        let mut last = None;
        for machine in &test.machines {
            let (message, help) = match (machine.value.medium, &machine.value.bootfile) {
                (Medium::Network, Some(_)) => continue,
                (Medium::Network, None) => {
                    ("it is not said which file of the directory is asked for", "add `bootfile=\"PATH\"`")
                }
                _ => ("machines start from a directory over a network only", "write `medium=network`"),
            };
            if last.replace(machine.span) != Some(machine.span) {
                let found = Diagnostic::error("unsupported-machine", machine.span, message).help(help);
                cx.report(found.also(output.span, "the directory"));
            }
        }
    }
}

/// Complains about outputs that must pass tests of which there are none.
fn check_tested(cx: &Cx<'_>, manifest: &Manifest) {
    let mentions = cx.mentions();
    for output in &manifest.outputs {
        let Some(span) = output.tested else { continue };
        if !mentions.iter().any(|mention| mention.kind == "output" && mention.name == output.file.value) {
            let message = format!("no test starts `{}`, so it can never pass one", output.file.value);
            let found = Diagnostic::error("untested-output", span, message);
            let help =
                format!("add `test NAME output=\"{}\" {{ … }}`, or leave `tested` out", output.file.value);
            cx.report(found.help(help));
        }
    }
}
