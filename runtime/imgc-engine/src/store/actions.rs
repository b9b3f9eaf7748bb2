//! Actions: what a step gave under a key; one small file each.

use std::{collections::BTreeSet, io, sync::Mutex};

use imgc_image::Problem;
use imgc_plan::{BlobId, StepKey, ValueId};
use serde::{Deserialize, Serialize};

use crate::store::{
    home::{Home, Room, seal, unseal},
    step::Written,
};

const FIRST: &str = "imgc action v1\n";

/// What a step gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// Its value.
    pub value: ValueId,
    /// Values that it points at.
    pub nested: Vec<ValueId>,
    /// What it wrote into the store.
    pub written: Written,
    /// Its warnings, which come again whenever the action is used.
    pub warnings: Vec<Problem>,
}

/// The form in the file.
#[derive(Serialize, Deserialize)]
struct Record {
    value: String,
    nested: Vec<String>,
    packs: Vec<String>,
    blobs: Vec<String>,
    warnings: Vec<Warning>,
}

/// A warning as records have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    code: String,
    message: String,
    help: Option<String>,
    op: Option<usize>,
    part: Option<String>,
}

impl Action {
    /// The bytes of its file.
    pub fn seal(&self) -> Vec<u8> {
        let Self { value, nested, written: Written { packs, blobs }, warnings } = self;
        let record = Record {
            value: value.hex(),
            nested: nested.iter().map(ValueId::hex).collect(),
            packs: packs.iter().map(BlobId::hex).collect(),
            blobs: blobs.iter().map(BlobId::hex).collect(),
            warnings: warnings.iter().map(Warning::of).collect(),
        };
        seal(FIRST, &serde_json::to_vec(&record).expect("because a record of texts is JSON"))
    }

    /// Reads its file; `None` when it is damaged.
    pub fn unseal(bytes: &[u8]) -> Option<Self> {
        let record: Record = serde_json::from_slice(unseal(FIRST, bytes)?).ok()?;
        let blobs =
            |names: &[String]| names.iter().map(|hex| BlobId::from_hex(hex)).collect::<Option<Vec<_>>>();
        Some(Self {
            value: ValueId::from_hex(&record.value)?,
            nested: record.nested.iter().map(|hex| ValueId::from_hex(hex)).collect::<Option<_>>()?,
            written: Written { packs: blobs(&record.packs)?, blobs: blobs(&record.blobs)? },
            warnings: record.warnings.into_iter().map(Warning::problem).collect(),
        })
    }

    /// Stores it under a key.
    ///
    /// # Errors
    /// When the store cannot take it.
    pub fn save(&self, home: &Home, key: &StepKey) -> io::Result<()> {
        home.put(Room::Actions, &key.hex(), &self.seal())
    }

    /// Finds what is stored under a key and marks it as used. A damaged one is moved away, said, and not found.
    ///
    /// # Errors
    /// What the machine says.
    pub fn find(home: &Home, key: &StepKey, say: &dyn Fn(String)) -> io::Result<Option<Self>> {
        let name = key.hex();
        let Some(bytes) = home.lease().using(key, || home.get(Room::Actions, &name))? else {
            return Ok(None);
        };
        let Some(action) = Self::unseal(&bytes) else {
            say(home.set_aside(Room::Actions, &name));
            return Ok(None);
        };
        home.mark_used(Room::Actions, &name);
        Ok(Some(action))
    }
}

impl Warning {
    /// Of a problem.
    pub fn of(problem: &Problem) -> Self {
        let Problem { code, message, help, op, part, warning: _ } = problem.clone();
        Self { code: code.to_owned(), message, help, op, part }
    }

    /// As the problem that it was.
    pub fn problem(self) -> Problem {
        let Self { code, message, help, op, part } = self;
        Problem { code: intern(&code), message, help, op, part, warning: true }
    }
}

/// Gives a code the life that codes of the program's text have. There are as many as the program has, so little is kept.
fn intern(code: &str) -> &'static str {
    static CODES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut codes = CODES.lock().expect("because no holder of the lock panics");
    if let Some(known) = codes.get(code) {
        return known;
    }
    let kept: &'static str = Box::leak(code.to_owned().into_boxed_str());
    codes.insert(kept);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_comes_back_with_its_warnings() {
        let dir = tempfile::tempdir().expect("a directory");
        let home = Home::open(dir.path()).expect("a store");
        let mut warning = Problem::new("left-out", "a socket was left out").help("none").at(3);
        warning.warning = true;
        let action = Action {
            value: ValueId([1; 32]),
            nested: vec![ValueId([2; 32])],
            written: Written { packs: vec![BlobId([3; 32])], blobs: vec![BlobId([4; 32])] },
            warnings: vec![warning],
        };
        let key = StepKey([9; 32]);
        action.save(&home, &key).expect("saved");
        let quiet = |said: String| panic!("{said}");
        assert_eq!(Action::find(&home, &key, &quiet).expect("read"), Some(action));
        assert_eq!(Action::find(&home, &StepKey([8; 32]), &quiet).expect("read"), None);
    }
}
