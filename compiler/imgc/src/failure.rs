//! How a command ends badly: three faults, three exit codes, three tones.

use imgc_formats::disk::Damaged;
use imgc_image::Failure as StepFailure;

/// Why a command did not do what was asked.
#[derive(Debug)]
pub enum Failure {
    /// The manifest or the request is wrong; what is wrong was shown already. Exit code 1.
    Shown,
    /// The request is wrong: this is said. Exit code 1.
    Request(String),
    /// This machine failed. Exit code 2.
    Machine(String),
    /// A bug of ours. Exit code 3.
    Bug(String),
    /// Interrupted by the person. Exit code 130, as shells expect.
    Interrupted,
}

impl Failure {
    /// The process's exit code.
    pub fn code(&self) -> u8 {
        match self {
            Self::Shown | Self::Request(_) => 1,
            Self::Machine(_) => 2,
            Self::Bug(_) => 3,
            Self::Interrupted => 130,
        }
    }

    /// Says it on stderr.
    pub fn show(&self) {
        match self {
            Self::Shown => {}
            Self::Request(message) => eprintln!("error: {message}"),
            Self::Machine(message) => eprintln!("this machine failed: {message}"),
            Self::Bug(message) => eprintln!(
                "this is a bug of imgc, not a mistake of yours: {message}\nPlease report it with the manifest and this message."
            ),
            Self::Interrupted => eprintln!("interrupted: nothing half-written was left behind"),
        }
    }

    /// The worse of two: a bug before the machine before the request.
    pub fn worse(self, other: Self) -> Self {
        let rank = |failure: &Self| match failure {
            Self::Shown => 0,
            Self::Request(_) => 1,
            Self::Machine(_) => 2,
            Self::Bug(_) => 3,
            Self::Interrupted => 4,
        };
        if rank(&other) > rank(&self) { other } else { self }
    }
}

impl From<StepFailure> for Failure {
    fn from(failure: StepFailure) -> Self {
        match failure {
            StepFailure::Problems(problems) => {
                let lines: Vec<String> = problems
                    .into_iter()
                    .map(|problem| match problem.help {
                        Some(help) => format!("{}\n  help: {help}", problem.message),
                        None => problem.message,
                    })
                    .collect();
                Self::Request(lines.join("\nerror: "))
            }
            StepFailure::Machine { error, .. } if is_damage(&error) => Self::Request(error.to_string()),
            StepFailure::Machine { what, error } => Self::Machine(format!("{what}: {error}")),
            StepFailure::Interrupted => Self::Interrupted,
            StepFailure::Bug(message) => Self::Bug(message),
        }
    }
}

/// Whether an image that was given is damaged: that is not this machine's fault.
fn is_damage(error: &std::io::Error) -> bool {
    match error.get_ref() {
        Some(inner) => inner.is::<Damaged>(),
        None => false,
    }
}
