//! A source directory, a cache and an output directory, and plans over them.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, atomic::AtomicBool},
};

use imgc_engine::{Config, Engine, Event, Goal, Outcome, Report, RunError};
use imgc_formats::Registry;
use imgc_image::{Failure, Problem};
use imgc_plan::{
    Data, Family, Input, Op, Plan, Record,
    ids::uuid_text,
    kind::{Default, Kinds, OptType},
    layout::{DiskSpec, PartRole, PartSize, PartSpec, Slack, TableRules},
    step::{Assemble, Compose, Export, Keep, Measure, Place, Scan, ScanWhat, Write},
    tree::{Attributes, BytePath, FileContent, TreeOp},
};

/// Directories for one test.
pub struct Rig {
    pub dir: tempfile::TempDir,
    pub jobs: usize,
    pub force: bool,
}

/// What a run did, besides its report.
pub struct Ran {
    pub report: Result<Report, RunError>,
    pub events: Vec<Event>,
}

impl Rig {
    pub fn new() -> Self {
        let rig = Self { dir: tempfile::tempdir().expect("a directory"), jobs: 2, force: false };
        fs::create_dir(rig.src()).expect("a directory");
        rig
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn src(&self) -> PathBuf {
        self.path("src")
    }

    /// Writes a file of the source.
    pub fn file(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let path = self.src().join(path);
        fs::create_dir_all(path.parent().expect("below the source")).expect("a directory");
        fs::write(path, bytes).expect("written");
    }

    /// Some files: small ones, a large one, one with a hole.
    pub fn fill(&self) {
        for at in 0..40u8 {
            self.file(&format!("d{}/small{at}", at % 4), [at; 100].repeat(1 + usize::from(at)));
        }
        self.file("large", numbers(300_000));
        let mut holes = vec![0; 200_000];
        holes[100_000] = 1;
        self.file("holes", holes);
        self.file("empty", "");
    }

    pub fn config(&self) -> Config {
        Config {
            store: self.path("cache"),
            base: self.dir.path().to_owned(),
            out: self.path("out"),
            jobs: self.jobs,
            offline: true,
            mirrors: Vec::new(),
            force: self.force,
            deny_warnings: false,
        }
    }

    pub fn run(&self, plan: &Plan) -> Ran {
        self.run_as(self.config(), plan, &Goal::Steps((0..plan.steps.len()).collect()), &|_| ())
    }

    pub fn run_as(&self, config: Config, plan: &Plan, goal: &Goal, hear: &(dyn Fn(&Event) + Sync)) -> Ran {
        let events = Mutex::new(Vec::new());
        let engine = Engine::open(config).expect("an engine");
        let listen = |event: Event| {
            hear(&event);
            events.lock().expect("a lock").push(event);
        };
        let report = engine.run(plan, goal, &listen, &AtomicBool::new(false));
        Ran { report, events: events.into_inner().expect("a lock") }
    }

    /// The artifact's bytes.
    pub fn image(&self) -> Vec<u8> {
        fs::read(self.path("out/disk.img")).expect("an artifact")
    }

    /// What a build with an empty cache gives.
    pub fn right(&self, plan: &Plan) -> Vec<u8> {
        let dir = tempfile::tempdir().expect("a directory");
        let config = Config { store: dir.path().join("cache"), out: dir.path().join("out"), ..self.config() };
        self.run_as(config, plan, &Goal::Steps(plan.exports().collect()), &|_| ()).ok();
        fs::read(dir.path().join("out/disk.img")).expect("an artifact")
    }
}

impl Ran {
    pub fn ok(self) -> Report {
        self.report.unwrap_or_else(|error| panic!("{error:?}"))
    }

    /// The problems of a run that failed.
    pub fn problems(self) -> Vec<Problem> {
        let failures = self.report.expect_err("it fails").failures;
        let each = failures.into_iter().flat_map(|failure| match failure.failure {
            Failure::Problems(problems) => problems,
            other => panic!("{other:?}"),
        });
        each.collect()
    }

    pub fn logs(&self) -> Vec<&str> {
        let messages = self.events.iter().filter_map(|event| match event {
            Event::Log { message, .. } => Some(message.as_str()),
            _ => None,
        });
        messages.collect()
    }
}

/// The labels of the steps with this outcome.
pub fn with(plan: &Plan, report: &Report, outcome: &Outcome) -> Vec<String> {
    let steps = report.steps.iter().filter(|step| step.outcome == *outcome);
    steps.map(|step| plan.steps[step.step].label.clone()).collect()
}

/// Bytes without zeros or repetition.
pub fn numbers(len: u32) -> Vec<u8> {
    (0..len / 4).flat_map(|at| at.wrapping_mul(2_654_435_761).to_le_bytes()).collect()
}

pub fn path(text: &str) -> BytePath {
    BytePath::absolute(text.as_bytes()).expect("a path")
}

pub fn scan(from: &str, keep: Keep) -> Scan {
    Scan {
        path: from.to_owned(),
        what: ScanWhat::Dir,
        include: Vec::new(),
        exclude: Vec::new(),
        keep,
        epoch: 1_000_000,
    }
}

/// A copy of everything in an input.
pub fn copy_all(input: usize, to: &str) -> TreeOp {
    copy(input, "", to, false)
}

pub fn copy(input: usize, from: &str, to: &str, into: bool) -> TreeOp {
    TreeOp::Copy {
        input,
        from: from.to_owned(),
        exclude: Vec::new(),
        to: path(to),
        into,
        decompress: false,
        attributes: Attributes::default(),
        replace: false,
    }
}

pub fn text(at: &str, text: &str) -> TreeOp {
    let content = FileContent::Inline(text.as_bytes().to_vec());
    TreeOp::File { path: path(at), content, attributes: Attributes::default(), replace: false }
}

/// Options of a kind, each with its default.
pub fn options(family: Family, name: &str) -> Record {
    let registry = Registry::new();
    let kind = registry.find(family, name).expect("a kind");
    let value = |option: &imgc_plan::Opt| match (option.default, option.ty) {
        (Default::Required, _) => panic!("{name} needs {}", option.name),
        (Default::Absent, _) => None,
        (Default::Bool(value), _) => Some(Data::Bool(value)),
        (Default::Int(value), _) => Some(Data::Int(value)),
        (Default::Text(value), _) => Some(Data::from(value)),
        (Default::Derived, OptType::Serial) => Some(Data::Int(7)),
        (Default::Derived, _) => Some(Data::Text(uuid_text([7; 16]))),
        (Default::Epoch, _) => Some(Data::Int(1_000_000)),
        (Default::SectorSize, _) => Some(Data::Int(512)),
    };
    kind.options.iter().filter_map(|option| Some((option.name.to_owned(), value(option)?))).collect()
}

/// scan → compose → measure → place → write → assemble → export, with these operations after a copy of the source.
pub fn disk(keep: Keep, more: Vec<TreeOp>) -> Plan {
    let mut plan = Plan { image: "test".into(), epoch: 1_000_000, ..Plan::default() };
    let source = plan.push("scan src", Op::Scan(scan("src", keep)), Vec::new());
    let mut ops = vec![copy_all(0, "/")];
    ops.extend(more);
    let tree = plan.push("compose", Op::Compose(Compose { ops, epoch: 1_000_000 }), vec![Input::of(source)]);
    image(&mut plan, tree);
    plan
}

/// measure → place → write → assemble → export of a tree.
pub fn image(plan: &mut Plan, tree: usize) {
    let ext4 = options(Family::Filesystem, "ext4");
    let measure = Measure { kind: "ext4".into(), options: ext4.clone() };
    let len = plan.push("measure", Op::Measure(measure), vec![Input::of(tree)]);
    let part = PartSpec {
        name: "root".into(),
        number: 1,
        role: PartRole::Primary,
        start: None,
        align: 1 << 20,
        size: PartSize::Fit { slack: Slack { bytes: 4 << 20, percent: 0 }, min: 0, max: None },
        type_code: "0fc63daf-8483-4772-8e79-3d69d8477de4".into(),
        table_name: "root".into(),
        uuid: Some(uuid_text([9; 16])),
        bootable: false,
        attributes: 0,
        system_area: 0,
    };
    let rules = TableRules {
        head: 34,
        tail: 33,
        slots: 128,
        logical: false,
        max_sector: u64::MAX,
        shares_head: false,
    };
    let disk = DiskSpec { len: None, sector_size: 512, rules, parts: vec![part] };
    let layout = plan.push("place", Op::Place(Place { disk }), vec![Input::fact(len, "len")]);
    let write = Write { kind: "ext4".into(), options: ext4 };
    let inputs = vec![Input::fact(layout, "parts.root.len"), Input::of(tree)];
    let root = plan.push("write root", Op::Write(write), inputs);
    let gpt = Assemble {
        kind: "gpt".into(),
        options: options(Family::Table, "gpt"),
        parts: vec!["root".into()],
        guids: Vec::new(),
    };
    let whole = plan.push("assemble", Op::Assemble(gpt), vec![Input::of(layout), Input::of(root)]);
    let raw = options(Family::DiskFormat, "raw");
    let export = Export { kind: "raw".into(), options: raw, file: "disk.img".into() };
    plan.push("export", Op::Export(export), vec![Input::of(whole)]);
}

/// A file's content as the image has it, told by debugfs.
pub fn cat(image: &Path, path: &str) -> Vec<u8> {
    debugfs(image, &format!("cat {path}"))
}

/// What debugfs says of the filesystem in the first partition, which starts at 1 MiB.
pub fn debugfs(image: &Path, command: &str) -> Vec<u8> {
    let target = format!("{}?offset=1048576", image.display());
    let output = std::process::Command::new("debugfs").args(["-R", command, &target]).output();
    output.expect("debugfs is missing: install the package e2fsprogs").stdout
}
