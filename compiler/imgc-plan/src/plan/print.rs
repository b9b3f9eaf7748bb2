//! A plan as text: the form of `imgc plan --steps` and of goldens. Versioned by its first line (`specs/plan.md`).

use std::fmt::Write;

use serde_json::Value;

use super::Plan;
use crate::step::Step;

impl Plan {
    /// The canonical text: each step with its operation's fields, and what it reads.
    pub fn print(&self) -> String {
        let mut out = format!("imgc plan 1\nimage {}\nepoch {}\n", self.image, self.epoch);
        for (index, step) in self.steps.iter().enumerate() {
            write_step(&mut out, index, step);
        }
        out
    }
}

fn write_step(out: &mut String, index: usize, step: &Step) {
    // Writing to a String cannot fail.
    let _ = writeln!(
        out,
        "\nstep {index}: {}\n  id {}\n  step {}",
        step.label,
        &step.id.hex()[..16],
        step.op.name()
    );
    for (place, input) in step.inputs.iter().enumerate() {
        let pick = input.pick.as_ref().map_or(String::new(), |pick| format!(" {pick}"));
        let _ = writeln!(out, "  input {place} = step {}{pick}", input.step);
    }
    if let Ok(Value::Object(fields)) = serde_json::to_value(&step.op) {
        for (name, value) in fields.iter().filter(|(name, _)| *name != "step") {
            write_field(out, 2, name, value);
        }
    }
}

/// One field: scalars and flat lists on one line, records and lists of records below their name.
fn write_field(out: &mut String, depth: usize, name: &str, value: &Value) {
    let indent = " ".repeat(depth);
    let _ = match value {
        Value::Object(map) if !map.is_empty() => {
            let _ = writeln!(out, "{indent}{name}:");
            for (name, value) in map {
                write_field(out, depth + 2, name, value);
            }
            Ok(())
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            for (index, item) in items.iter().enumerate() {
                write_field(out, depth, &format!("{name} {index}"), item);
            }
            Ok(())
        }
        value => writeln!(out, "{indent}{name} = {value}"),
    };
}
