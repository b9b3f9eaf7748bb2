//! Boots: runs the tests of a manifest on what a build made, remembers what passed, says what came of each.

mod memory;
mod pool;
mod remember;
pub mod report;
mod suite;

use std::time::Duration;

use imgc_qemu::{Accel, Error, Host};

use crate::{args::AccelForm, failure::Failure};

pub use suite::{Options, Suite};

/// What came of one case of a test.
#[derive(Debug)]
pub struct Verdict {
    /// The test's index in the plan.
    pub test: usize,
    /// The case's index in the test.
    pub case: usize,
    /// How it ended.
    pub end: End,
    /// How long it took; when it is remembered, how long it took then.
    pub time: Duration,
}

/// How a case ended.
#[derive(Debug)]
pub enum End {
    /// All that was expected came.
    Passed,
    /// It passed before, with the same image and machine.
    Remembered,
    /// Something did not go as it should.
    Failed(imgc_qemu::test::Stumble),
}

impl Verdict {
    /// Whether the output did what is expected of it.
    pub fn is_good(&self) -> bool {
        !matches!(self.end, End::Failed(_))
    }

    /// What a failure means for the command.
    pub fn failure(&self) -> Option<Failure> {
        let End::Failed(stumble) = &self.end else { return None };
        Some(match &stumble.error {
            Error::Unmet { .. } | Error::Impossible { .. } => Failure::Shown,
            Error::Missing { .. } | Error::Failed(_) => {
                Failure::Machine("a machine could not be run: see above".into())
            }
            Error::Interrupted => Failure::Interrupted,
        })
    }
}

/// What makes machines run, as it was asked for.
pub fn accel(form: AccelForm, host: &Host) -> Accel {
    match form {
        AccelForm::Auto => Accel::best(host),
        AccelForm::Tcg => Accel::Tcg,
        AccelForm::Kvm => Accel::Kvm,
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Impossible { .. } | Error::Unmet { .. } => Self::Request(error.to_string()),
            Error::Missing { .. } | Error::Failed(_) => Self::Machine(error.to_string()),
            Error::Interrupted => Self::Interrupted,
        }
    }
}
