//! Tests: data beside the steps, of the outputs that are wanted.

use imgc_plan::test::{Case, Test};

use crate::{
    compilation::{Compilation, TestInfo},
    resolve::{self, Closed, Of},
};

/// Puts the tests of the plan's outputs into it.
pub fn lower(closed: &Closed, compilation: &mut Compilation) {
    let mut tests = Vec::new();
    for test in &closed.tests {
        let cases = cases(closed, test, &compilation.outputs);
        if cases.is_empty() {
            continue;
        }
        let boots = test.boots.iter().map(|(boot, _)| boot.clone()).collect();
        let acts = test.boots.iter().map(|(_, acts)| acts.clone()).collect();
        tests.push(Test { name: test.name.clone(), cases, boots });
        compilation.tests.push(TestInfo { span: test.span, acts });
    }
    if let Some(plan) = &mut compilation.plan {
        plan.tests = tests;
    }
}

fn cases(closed: &Closed, test: &resolve::Test, made: &[(String, usize)]) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for output in test.outputs.iter().map(|output| &closed.outputs[*output]) {
        let Some((file, export)) = made.iter().find(|(file, _)| *file == output.file) else { continue };
        for machine in &test.machines {
            let mut machine = machine.clone();
            if let Of::Disk(disk) = output.of {
                machine.sector_size = closed.disks[disk].spec.sector_size;
            }
            let case = Case { output: file.clone(), export: *export, machine };
            // Two `qemu` nodes may say the same.
            if !cases.contains(&case) {
                cases.push(case);
            }
        }
    }
    cases
}
