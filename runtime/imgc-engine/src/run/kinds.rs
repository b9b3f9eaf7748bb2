//! Calls the code that makes a step's value: one function a kind of step.

use std::sync::{Arc, atomic::AtomicBool};

use imgc_formats::{
    boot::{LoaderJob, StampJob},
    lints,
};
use imgc_image::{
    Bytes, BytesBuilder, Failure, Problem, Reader, Store, Tree, Value,
    build::{Patch, overlay},
};
use imgc_plan::{
    Data, Family, Op, Record, late,
    layout::{self, Layout, PartSize},
    menu::Menu,
    step::{Archive, Assemble, Fetch, Loader, Measure, Place, Product, Stamp, Unpack, Verity, Write},
    units::{approximate_size, format_size},
};

use super::{locate::OnDisk, meter::Meter, seals};
use crate::{compose, config::Config, fetch, store::step::StepStore};

/// What a step runs with.
pub struct Job<'a> {
    /// What it does.
    pub op: &'a Op,
    /// What it reads, in the order that the operation expects.
    pub inputs: &'a [Value],
    /// How the engine runs on this machine.
    pub config: &'a Config,
    /// Reads contents and takes new ones.
    pub store: &'a StepStore<'a>,
    /// Who is told how far it is.
    pub meter: &'a Meter<'a>,
    /// Set when the build is interrupted.
    pub stop: &'a AtomicBool,
}

/// A value, and warnings.
pub type Made = Result<(Value, Vec<Problem>), Failure>;

/// How many bytes a step will go through, where that is known.
pub fn total(op: &Op, inputs: &[Value]) -> Option<u64> {
    match (op, inputs) {
        (Op::Fetch(fetch), _) => Some(fetch.size),
        (Op::Unpack(_) | Op::Verity(Verity::Hashes { .. }), [Value::Bytes(bytes), ..]) => Some(bytes.len()),
        _ => None,
    }
}

/// Runs a step.
///
/// # Errors
/// What is wrong, all of it.
pub fn run(job: &Job<'_>) -> Made {
    match job.op {
        Op::Fetch(op) => fetch(job, op),
        Op::Unpack(op) => unpack(job, op),
        Op::Compose(op) => {
            compose::compose(op, job.inputs, job.store, job.stop).map(|tree| plain(Value::Tree(tree)))
        }
        Op::Archive(op) => archive(job, op),
        Op::Measure(op) => measure(job, op),
        Op::Place(op) => place(job, op),
        Op::Write(op) => write(job, op),
        Op::Loader(op) => loader(job, op),
        Op::Stamp(op) => stamp(job, op),
        Op::Verity(op) => super::verity::run(job, op),
        Op::Assemble(op) => assemble(job, op),
        Op::Scan(_) | Op::Export(_) | Op::ExportTree(_) => {
            Err(Failure::Bug("scans and exports are local".into()))
        }
    }
}

/// A value without warnings.
pub fn plain(value: impl Into<Value>) -> (Value, Vec<Problem>) {
    (value.into(), Vec::new())
}

impl<'a> Job<'a> {
    fn wrong(&self, at: usize, what: &str) -> Failure {
        Failure::Bug(format!("input {at} of a {} step is no {what}", self.op.name()))
    }

    /// An input that is Bytes.
    pub fn bytes(&self, at: usize) -> Result<&'a Arc<Bytes>, Failure> {
        match self.inputs.get(at) {
            Some(Value::Bytes(bytes)) => Ok(bytes),
            _ => Err(self.wrong(at, "Bytes")),
        }
    }

    fn tree(&self, at: usize) -> Result<&'a Tree, Failure> {
        match self.inputs.get(at) {
            Some(Value::Tree(tree)) => Ok(tree),
            _ => Err(self.wrong(at, "Tree")),
        }
    }

    /// A tree that a step need not have.
    fn maybe_tree(&self, at: usize) -> Result<Option<&'a Tree>, Failure> {
        if at < self.inputs.len() { self.tree(at).map(Some) } else { Ok(None) }
    }

    /// An input that is a fact, a number that is not negative.
    pub fn number(&self, at: usize) -> Result<u64, Failure> {
        match self.inputs.get(at) {
            Some(Value::Facts(data)) => data.as_u64().ok_or_else(|| self.wrong(at, "number")),
            _ => Err(self.wrong(at, "number")),
        }
    }

    fn text(&self, at: usize) -> Result<&'a str, Failure> {
        match self.inputs.get(at) {
            Some(Value::Facts(data)) => data.as_text().ok_or_else(|| self.wrong(at, "text")),
            _ => Err(self.wrong(at, "text")),
        }
    }

    fn layout(&self, at: usize) -> Result<Layout, Failure> {
        match self.inputs.get(at) {
            Some(Value::Facts(data)) => Layout::from_data(data).ok_or_else(|| self.wrong(at, "layout")),
            _ => Err(self.wrong(at, "layout")),
        }
    }
}

fn no_kind(family: &str, kind: &str) -> Failure {
    Failure::Bug(format!("there is no {family} `{kind}`"))
}

fn fetch(job: &Job<'_>, op: &Fetch) -> Made {
    if job.config.offline {
        let message = format!("{} is not in the cache, and nothing may be fetched", op.name);
        return Err(Problem::new("offline", message).help("run once without `--offline`").into());
    }
    let mut writer = job.store.create()?;
    fetch::fetch(op, &job.config.mirrors, &mut writer, job.stop, &|done| job.meter.set(done))?;
    let (id, len) = writer.finish()?;
    if len != op.size {
        return Err(Failure::Bug(format!("{} came with {len} bytes instead of {}", op.name, op.size)));
    }
    Ok(plain(Bytes::blob(id, len)))
}

fn unpack(job: &Job<'_>, op: &Unpack) -> Made {
    let kind = imgc_formats::archive(&op.kind).ok_or_else(|| no_kind("archive", &op.kind))?;
    kind.unpack(job.bytes(0)?, op.keep, op.epoch, job.store).map(plain)
}

fn archive(job: &Job<'_>, op: &Archive) -> Made {
    let kind = imgc_formats::archive(&op.kind).ok_or_else(|| no_kind("archive", &op.kind))?;
    let mut options = op.options.clone();
    for option in options.values_mut() {
        *option = late::fill_data(option, &mut |name| fact(job.inputs, name))?;
    }
    let (bytes, warnings) = kind.pack(&options, job.tree(0)?, job.store)?;
    Ok((bytes.into(), warnings))
}

fn measure(job: &Job<'_>, op: &Measure) -> Made {
    let kind = imgc_formats::filesystem(&op.kind).ok_or_else(|| no_kind("filesystem", &op.kind))?;
    let len = kind.measure(&op.options, job.maybe_tree(0)?)?;
    if i64::try_from(len).is_err() {
        let message = format!("this filesystem would need {len} bytes; no disk has that many");
        return Err(Problem::new("tree-too-large", message).into());
    }
    Ok(plain(Data::Map(Record::from([("len".to_owned(), Data::from(len))]))))
}

fn place(job: &Job<'_>, op: &Place) -> Made {
    let fits = op.disk.parts.iter().filter(|part| matches!(part.size, PartSize::Fit { .. })).count();
    if fits != job.inputs.len() {
        return Err(Failure::Bug(format!(
            "a place step has {} lengths for {fits} partitions",
            job.inputs.len()
        )));
    }
    let lens = (0..fits).map(|at| job.number(at).map(Some)).collect::<Result<Vec<_>, _>>()?;
    let layout = layout::solve(&op.disk, &lens).map_err(|problems| {
        let problem = |found: layout::LayoutProblem| {
            let layout::LayoutProblem { part, code, message, help, other: _ } = found;
            Problem { help, part, ..Problem::new(code, message) }
        };
        Failure::Problems(problems.into_iter().map(problem).collect())
    })?;
    Ok(plain(layout.to_data()))
}

fn write(job: &Job<'_>, op: &Write) -> Made {
    let kind = imgc_formats::filesystem(&op.kind).ok_or_else(|| no_kind("filesystem", &op.kind))?;
    // A kind that decides its length by itself is given none.
    let given = matches!(job.inputs.first(), Some(Value::Facts(_)));
    let len = if given { job.number(0)? } else { 0 };
    let mut out = BytesBuilder::new(job.store);
    let warnings = kind.write(&op.options, job.maybe_tree(usize::from(given))?, len, &mut out)?;
    let len = match (given, out.chosen_len()) {
        (true, _) => len,
        (false, Some(len)) => len,
        (false, None) => {
            return Err(Failure::Bug(format!("`{}` was given no length and did not say its own", op.kind)));
        }
    };
    Ok((ended(out, len)?.into(), warnings))
}

/// Ends a builder; what it says of pieces that overlap is a mistake of a writer.
fn ended(out: BytesBuilder<'_>, len: u64) -> Result<Bytes, Failure> {
    out.finish(len).map_err(own_mistake)
}

fn own_mistake(error: std::io::Error) -> Failure {
    match error.kind() {
        std::io::ErrorKind::InvalidInput => Failure::Bug(error.to_string()),
        _ => error.into(),
    }
}

fn loader(job: &Job<'_>, op: &Loader) -> Made {
    let kind = imgc_formats::loader(&op.kind).ok_or_else(|| no_kind("loader", &op.kind))?;
    let mut menu = op.menu.clone();
    for args in menu.iter_mut().flat_map(Menu::args_mut) {
        *args = late::fill(args, |name| fact(job.inputs, name))?;
    }
    let loader = LoaderJob {
        options: &op.options,
        source: match job.inputs.first() {
            Some(Value::Tree(tree)) => Some(tree),
            _ => None,
        },
        menu: menu.as_ref(),
        home: &op.home,
        store: job.store,
    };
    match op.product {
        Product::Files => kind.files(&loader).map(plain),
        Product::EspFiles => kind.esp_files(&loader).map(plain),
        Product::Image => kind.image(&loader).map(plain),
    }
}

/// A fact among the inputs, as it stands in a text.
pub fn fact(inputs: &[Value], name: &str) -> Result<String, Failure> {
    let input = name.parse().ok().and_then(|index: usize| inputs.get(index));
    match input {
        Some(Value::Facts(data)) => late::text_of(data),
        _ => None,
    }
    .ok_or_else(|| Failure::Bug(format!("a text names input {name}, which is no fact")))
}

fn stamp(job: &Job<'_>, op: &Stamp) -> Made {
    let base = job.bytes(0)?;
    let pieces: Vec<(u64, Patch)> = match op.family {
        Family::Filesystem => {
            let kind = imgc_formats::filesystem(&op.kind).ok_or_else(|| no_kind("filesystem", &op.kind))?;
            let pieces = kind.stamp(&op.options, base.len(), job.number(1)?);
            pieces.into_iter().map(|(at, bytes)| (at, Patch::Data(bytes))).collect()
        }
        Family::Loader => {
            let kind = imgc_formats::loader(&op.kind).ok_or_else(|| no_kind("loader", &op.kind))?;
            let Some(home) = &op.home else {
                return Err(Failure::Bug("a loader's stamp does not say where its files lie".into()));
            };
            let layout = job.layout(1)?;
            let files = OnDisk::new(base, &layout, home, job.store);
            let pieces = kind.stamp(&StampJob {
                options: &op.options,
                home,
                layout: &layout,
                disk: base,
                image: if job.inputs.len() > 2 { Some(job.bytes(2)?) } else { None },
                files: &files,
                store: job.store,
            })?;
            let mut problems = seals::hashed(&op.kind, &pieces, &op.seals, &layout);
            problems.extend(seals::signed(&op.kind, &pieces, &files)?);
            if !problems.is_empty() {
                return Err(problems.into());
            }
            pieces
        }
        Family::Table | Family::DiskFormat | Family::Archive => {
            return Err(Failure::Bug("only filesystems and loaders have stamps".into()));
        }
    };
    overlay(job.store, base, &pieces).map(plain).map_err(own_mistake)
}

fn assemble(job: &Job<'_>, op: &Assemble) -> Made {
    let kind = imgc_formats::table(&op.kind).ok_or_else(|| no_kind("table", &op.kind))?;
    let mut layout = job.layout(0)?;
    for (index, name) in op.guids.iter().enumerate() {
        let part = layout.parts.iter_mut().find(|part| part.name == *name);
        let part = part.ok_or_else(|| Failure::Bug(format!("the layout has no partition `{name}`")))?;
        part.uuid = Some(job.text(1 + op.parts.len() + index)?.to_owned());
    }
    let mut parts: Vec<Option<Arc<Bytes>>> = vec![None; layout.parts.len()];
    let mut problems = Vec::new();
    for (index, name) in op.parts.iter().enumerate() {
        let at = layout.parts.iter().position(|part| part.name == *name);
        let at = at.ok_or_else(|| Failure::Bug(format!("the layout has no partition `{name}`")))?;
        let bytes = job.bytes(index + 1)?;
        problems.extend(too_long(name, bytes.len(), layout.parts[at].len));
        parts[at] = Some(Arc::clone(bytes));
    }
    if !problems.is_empty() {
        return Err(problems.into());
    }
    let mut warnings = Vec::new();
    for (place, bytes) in layout.parts.iter().zip(&parts) {
        if let Some(bytes) = bytes {
            warnings.extend(lints::content(&op.kind, &layout, place, &Reader::new(bytes, job.store))?);
        }
    }
    let mut out = BytesBuilder::new(job.store);
    kind.write(&op.options, &layout, &parts, &mut out)?;
    Ok((ended(out, layout.len)?.into(), warnings))
}

/// What is wrong when what decides its own length is longer than its partition.
fn too_long(part: &str, needed: u64, len: u64) -> Option<Problem> {
    let missing = needed.checked_sub(len).filter(|missing| *missing > 0)?;
    let message = format!(
        "the content of partition `{part}` has {} ({needed} bytes), {} ({missing} bytes) more than the partition",
        approximate_size(needed),
        approximate_size(missing)
    );
    let enough = format_size(needed.checked_next_multiple_of(1 << 20).unwrap_or(needed));
    let help = format!("make the partition \"{enough}\" or larger, or use `size=fit`");
    Some(Problem { part: Some(part.to_owned()), ..Problem::new("tree-too-large", message).help(help) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filesystem_may_be_shorter_than_its_partition_but_not_longer() {
        assert_eq!(too_long("p", 0, 0), None);
        assert_eq!(too_long("p", 511, 512), None);
        assert_eq!(too_long("p", 512, 512), None);
        let problem = too_long("p", (3 << 20) + 1, 2 << 20).expect("a problem");
        assert_eq!((problem.code, problem.part.as_deref()), ("tree-too-large", Some("p")));
        assert!(problem.message.contains("(1048577 bytes) more"), "{}", problem.message);
        assert!(problem.help.expect("help").contains("\"4MiB\""));
    }
}
