//! What was found: ways to boot, each with where it leads, and what is wrong, each with its place.

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Worth knowing.
    Note,
    /// It may not start everywhere.
    Warning,
    /// It does not start.
    Error,
}

/// Something about the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub level: Level,
    /// Where: a sector, a partition, a file.
    pub place: String,
    /// What, in one sentence without a full stop.
    pub message: String,
    /// What would mend it.
    pub help: Option<String>,
}

/// What starts the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Firmware {
    /// A PC's BIOS.
    Bios,
    /// UEFI of an architecture, in UEFI's words: `x64`, `aa64`, `ia32`.
    Uefi(&'static str),
}

/// As what the image is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Medium {
    /// A disk or a USB stick.
    Disk,
    /// A CD.
    Cd,
}

/// Whether a way to boot leads to something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Everything that could be followed is there.
    Works,
    /// Firmware starts something that is not known here, or that cannot be followed to its end.
    Unknown,
    /// It does not start.
    Broken,
}

/// A way to boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootPath {
    /// Whose.
    pub firmware: Firmware,
    /// From what.
    pub medium: Medium,
    /// Where it leads.
    pub state: State,
    /// What starts what.
    pub steps: Vec<String>,
}

impl BootPath {
    /// Its name: `bios-disk`, `uefi-disk`, `bios-cd` or `uefi-cd`.
    pub fn name(&self) -> &'static str {
        match (self.firmware, self.medium) {
            (Firmware::Bios, Medium::Disk) => "bios-disk",
            (Firmware::Bios, Medium::Cd) => "bios-cd",
            (Firmware::Uefi(_), Medium::Disk) => "uefi-disk",
            (Firmware::Uefi(_), Medium::Cd) => "uefi-cd",
        }
    }
}

/// All that was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The ways to boot.
    pub paths: Vec<BootPath>,
    /// What is to be said, each once.
    pub findings: Vec<Finding>,
}

/// The most findings that are kept: a hostile menu has millions of wrong paths.
const MOST_FINDINGS: usize = 200;

impl Report {
    /// Whether something that claims to be bootable is not.
    pub fn is_broken(&self) -> bool {
        self.findings.iter().any(|finding| finding.level == Level::Error)
    }

    /// Whether a way to boot of this name works.
    pub fn works(&self, name: &str) -> bool {
        self.paths.iter().any(|path| path.name() == name && path.state == State::Works)
    }

    pub(super) fn say(&mut self, finding: Finding) {
        if self.findings.len() < MOST_FINDINGS && !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }

    pub(super) fn add(&mut self, trail: Option<Trail>) {
        let Some(trail) = trail else { return };
        trail.findings.into_iter().for_each(|finding| self.say(finding));
        self.paths.push(trail.path);
    }
}

/// A way to boot while it is followed.
#[derive(Debug)]
pub(super) struct Trail {
    pub(super) path: BootPath,
    findings: Vec<Finding>,
}

impl Trail {
    pub(super) fn new(firmware: Firmware, medium: Medium) -> Self {
        let path = BootPath { firmware, medium, state: State::Works, steps: Vec::new() };
        Self { path, findings: Vec::new() }
    }

    /// The next thing that is started.
    pub(super) fn step(&mut self, what: impl Into<String>) {
        self.path.steps.push(what.into());
    }

    /// It ends here.
    pub(super) fn error(&mut self, place: impl Into<String>, message: impl Into<String>, help: &str) {
        self.path.state = State::Broken;
        self.say(Level::Error, place.into(), message.into(), help);
    }

    /// It may end here.
    pub(super) fn warning(&mut self, place: impl Into<String>, message: impl Into<String>, help: &str) {
        self.say(Level::Warning, place.into(), message.into(), help);
    }

    pub(super) fn note(&mut self, place: impl Into<String>, message: impl Into<String>) {
        self.say(Level::Note, place.into(), message.into(), "");
    }

    /// It cannot be followed any further.
    pub(super) fn unsure(&mut self, place: impl Into<String>, message: impl Into<String>) {
        if self.path.state == State::Works {
            self.path.state = State::Unknown;
        }
        self.note(place, message);
    }

    fn say(&mut self, level: Level, place: String, message: String, help: &str) {
        let help = (!help.is_empty()).then(|| help.to_owned());
        if self.findings.len() < MOST_FINDINGS {
            self.findings.push(Finding { level, place, message, help });
        }
    }
}
