//! What a step's key was made of.

use imgc_plan::{Canon, Op, ValueId};
use serde::{Deserialize, Serialize};

/// What a step's key was made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ingredients {
    op: String,
    code: String,
    /// The inputs' labels and digests.
    inputs: Vec<(String, String)>,
    value: Option<String>,
}

impl Ingredients {
    /// Of an operation, the code behind it and what it reads.
    pub fn new(op: &Op, code: [u8; 32], inputs: Vec<(String, ValueId)>) -> Self {
        let mut c = Canon::new("imgc op v1");
        c.add(op);
        Self {
            op: ValueId::from(c).hex(),
            code: ValueId(code).hex(),
            inputs: inputs.into_iter().map(|(label, id)| (label, id.hex())).collect(),
            value: None,
        }
    }

    /// With the value that the step had.
    pub fn giving(self, value: ValueId) -> Self {
        Self { value: Some(value.hex()), ..self }
    }

    /// The value that the step had.
    pub fn value(&self) -> Option<ValueId> {
        ValueId::from_hex(self.value.as_deref()?)
    }

    /// What is not as it was.
    pub fn changes(&self, before: &Self) -> Vec<String> {
        let mut changes = Vec::new();
        if self.op != before.op || self.inputs.len() != before.inputs.len() {
            changes.push("definition".to_owned());
        }
        if self.code != before.code {
            changes.push("code".to_owned());
        }
        let pairs = self.inputs.iter().zip(&before.inputs);
        changes.extend(pairs.filter(|(now, then)| now.1 != then.1).map(|(now, _)| now.0.clone()));
        changes.dedup();
        if changes.is_empty() {
            changes.push("not in the cache".to_owned());
        }
        changes
    }
}
