//! The options as their own types: stages, files and stamps are texts of words, each checked by itself and against the others.

use imgc_image::Failure;
use imgc_plan::{Data, Record, kind::OptionProblem, tree::BytePath, units::parse_size};

use crate::boot::{files::as_problem, options::epoch};

/// The words of the option `boot-at`.
pub const BOOT_AT: &[&str] = &["disk", "partition"];

/// The most stages: their lengths fit into one sector.
pub const MOST_STAGES: usize = 62;

/// Where the boot sector goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BootAt {
    /// To the first sector of the disk.
    Disk,
    /// To the start of the loader's partition.
    Partition,
}

/// The options, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// The boot sector's path in the source.
    pub boot: Option<String>,
    /// Where it goes.
    pub boot_at: BootAt,
    /// What lies outside of filesystems.
    pub stages: Vec<Stage>,
    /// What lies in the loader's partition.
    pub files: Vec<File>,
    /// Numbers.
    pub stamps: Vec<Stamp>,
    /// The time of files, in seconds since 1970.
    pub epoch: i64,
}

/// A file that lies outside of filesystems.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// Its path in the source.
    pub path: String,
    /// Where it lies.
    pub at: At,
}

/// Where a stage lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum At {
    /// Between the table and the first partition, behind the stages before it.
    Gap,
    /// At this byte of the disk.
    Byte(u64),
    /// At the start of this partition.
    Partition(String),
}

/// A file that lies in the loader's partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its path in the source.
    pub path: String,
    /// Its path there.
    pub to: String,
}

/// A number that is written into something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Into what.
    pub target: Thing,
    /// At which byte of it.
    pub offset: u64,
    /// How many bytes.
    pub width: usize,
    /// Of what.
    pub of: Thing,
    /// Which of its numbers.
    pub field: Field,
    /// What is added to it.
    pub plus: u64,
}

/// Something that has a place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Thing {
    /// The boot sector.
    Boot,
    /// A stage, by its number.
    Stage(usize),
    /// A file in the loader's partition.
    File(String),
    /// The disk.
    Disk,
    /// A partition; the loader's own when it has no name.
    Partition(Option<String>),
}

/// A number of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Its first sector.
    Lba,
    /// Its length in sectors, rounded up.
    Sectors,
    /// Its first byte.
    Offset,
    /// Its length in bytes.
    Bytes,
}

impl Spec {
    /// Reads a record that has every option with its default.
    ///
    /// # Errors
    /// Everything that cannot be, at once.
    pub fn read(record: &Record) -> Result<Self, Vec<OptionProblem>> {
        let mut problems = Problems(Vec::new());
        let text = |name: &str| record.get(name).and_then(Data::as_text);
        let boot = text("boot").map(str::to_owned);
        if let Some(message) = boot.as_ref().and_then(|path| source_path(path).err()) {
            problems.add("boot", message, "a path in the loader's source, such as `boot.bin`");
        }
        let boot_at = if text("boot-at") == Some("partition") { BootAt::Partition } else { BootAt::Disk };
        let epoch = epoch(record);
        let mut spec = Self { boot, boot_at, stages: vec![], files: vec![], stamps: vec![], epoch };
        let texts = |name: &str| {
            let list = record.get(name).and_then(Data::as_list).unwrap_or_default();
            list.iter().filter_map(Data::as_text)
        };
        texts("stages").for_each(|text| spec.add_stage(text, &mut problems));
        if spec.stages.len() > MOST_STAGES {
            let message = format!("there are more than {MOST_STAGES}");
            problems.add("stages", message, "join some of them in one file");
        }
        for text in texts("files") {
            match file(text) {
                Ok(file) => spec.files.push(file),
                Err(message) => problems.add("files", message, "such as \"kernel.bin to=/boot/kernel\""),
            }
        }
        // They name stages, so they come last.
        texts("stamps").for_each(|text| spec.add_stamp(text, &mut problems));
        if record.keys().all(|name| !matches!(name.as_str(), "boot" | "stages" | "files" | "stamps")) {
            problems.0.push(OptionProblem {
                option: None,
                message: "a loader without `boot`, `stages`, `files` and `stamps` does nothing".to_owned(),
                help: Some("name its boot sector: `boot=\"boot.bin\"`".to_owned()),
            });
        }
        if problems.0.is_empty() { Ok(spec) } else { Err(problems.0) }
    }

    fn add_stage(&mut self, text: &str, problems: &mut Problems) {
        match stage(text) {
            Ok(stage) if self.names(&stage.path) => {
                let message = format!("`{}` is there twice", stage.path);
                problems.add("stages", message, "give each file a path of its own");
            }
            Ok(stage) => self.stages.push(stage),
            Err(message) => problems.add("stages", message, "such as \"stage2.bin at=gap\""),
        }
    }

    fn add_stamp(&mut self, text: &str, problems: &mut Problems) {
        match self.stamp(text) {
            Ok(stamp) if self.stamps.iter().any(|other| stamp.touches(other)) => {
                let message = format!("`{text}` touches bytes of a stamp before it");
                problems.add("stamps", message, "give each its own bytes");
            }
            Ok(stamp) => self.stamps.push(stamp),
            Err(message) => {
                let help = "such as \"in=boot.bin offset=0x5c width=u64 value=stage2.bin.lba\"";
                problems.add("stamps", message, help);
            }
        }
    }

    /// As [`Spec::read`], for a step: there the options were checked before.
    ///
    /// # Errors
    /// As [`Spec::read`].
    pub fn for_step(record: &Record) -> Result<Self, Failure> {
        Self::read(record).map_err(|found| Failure::Problems(found.into_iter().map(as_problem).collect()))
    }

    /// Whether numbers are written into a file of the partition.
    pub fn is_stamped(&self, path: &str) -> bool {
        self.stamps.iter().any(|stamp| matches!(&stamp.target, Thing::File(file) if file == path))
    }

    /// Whether the boot sector or a stage has this path.
    fn names(&self, path: &str) -> bool {
        self.boot.as_deref() == Some(path) || self.stages.iter().any(|stage| stage.path == path)
    }

    /// What a name means.
    fn thing(&self, name: &str) -> Result<Thing, String> {
        if name == "disk" {
            return Ok(Thing::Disk);
        }
        if let Some(rest) = name.strip_prefix("partition") {
            match rest.strip_prefix(':') {
                Some(part) if !part.is_empty() => return Ok(Thing::Partition(Some(part.to_owned()))),
                None if rest.is_empty() => return Ok(Thing::Partition(None)),
                _ => {}
            }
        }
        if name.starts_with('/') {
            return image_path(name).map(Thing::File);
        }
        if self.boot.as_deref() == Some(name) {
            return Ok(Thing::Boot);
        }
        let stage = self.stages.iter().position(|stage| stage.path == name);
        stage.map(Thing::Stage).ok_or_else(|| format!("`{name}` is neither the boot sector nor a stage"))
    }

    fn stamp(&self, text: &str) -> Result<Stamp, String> {
        let mut words = Words::of(text)?;
        let target = self.thing(words.take("in")?)?;
        if matches!(target, Thing::Disk | Thing::Partition(_)) {
            return Err("numbers are written into the boot sector, stages and files".to_owned());
        }
        let offset = number(words.take("offset")?)?;
        let width = match words.take("width")? {
            "u8" => 1,
            "u16" => 2,
            "u32" => 4,
            "u64" => 8,
            other => return Err(format!("`{other}` is no width: there are `u8`, `u16`, `u32` and `u64`")),
        };
        let value = words.take("value")?;
        let (of, field) =
            value.rsplit_once('.').ok_or_else(|| format!("`{value}` names no number of a thing"))?;
        let field = match field {
            "lba" => Field::Lba,
            "sectors" => Field::Sectors,
            "offset" => Field::Offset,
            "bytes" => Field::Bytes,
            other => {
                return Err(format!(
                    "there is no number `{other}`: there are `lba`, `sectors`, `offset`, `bytes`"
                ));
            }
        };
        let of = self.thing(of)?;
        let plus = words.maybe("plus").map_or(Ok(0), number)?;
        words.end()?;
        if offset > 1 << 32 {
            return Err(format!("the offset {offset} is beyond 4 GiB"));
        }
        Ok(Stamp { target, offset, width, of, field, plus })
    }
}

/// What is wrong, as it is found.
struct Problems(Vec<OptionProblem>);

impl Problems {
    fn add(&mut self, option: &'static str, message: String, help: &str) {
        self.0.push(OptionProblem { option: Some(option), message, help: Some(help.to_owned()) });
    }
}

impl Stamp {
    fn touches(&self, other: &Self) -> bool {
        let end = |stamp: &Self| stamp.offset + stamp.width as u64;
        self.target == other.target && self.offset < end(other) && other.offset < end(self)
    }
}

fn stage(text: &str) -> Result<Stage, String> {
    let mut words = Words::of(text)?;
    let path = source_path(words.path()?)?;
    let at = match (words.maybe("at"), words.maybe("in")) {
        (Some("gap"), None) => At::Gap,
        (Some(at), None) => At::Byte(parse_size(at).or_else(|message| number(at).map_err(|_| message))?),
        (None, Some(name)) => At::Partition(name.to_owned()),
        _ => return Err(format!("`{path}` has no place: say `at=gap`, `at=32KiB` or `in=PARTITION`")),
    };
    words.end()?;
    Ok(Stage { path, at })
}

fn file(text: &str) -> Result<File, String> {
    let mut words = Words::of(text)?;
    let path = source_path(words.path()?)?;
    let to = image_path(words.take("to")?)?;
    words.end()?;
    Ok(File { path, to })
}

/// A text's words: at most one without, others with a name.
struct Words<'t> {
    text: &'t str,
    path: Option<&'t str>,
    named: Vec<(&'t str, &'t str)>,
}

impl<'t> Words<'t> {
    fn of(text: &'t str) -> Result<Self, String> {
        let mut words = Self { text, path: None, named: Vec::new() };
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            match word.split_once('=') {
                Some((name, _)) if words.named.iter().any(|(known, _)| *known == name) => {
                    return Err(format!("`{text}` says `{name}` twice"));
                }
                Some(named) => words.named.push(named),
                None if words.path.is_none() => words.path = Some(word),
                None => return Err(format!("in `{text}` the word `{word}` means nothing")),
            }
        }
        Ok(words)
    }

    fn path(&mut self) -> Result<&'t str, String> {
        self.path.take().ok_or_else(|| format!("`{}` names no file", self.text))
    }

    fn maybe(&mut self, name: &str) -> Option<&'t str> {
        let at = self.named.iter().position(|(known, _)| *known == name)?;
        Some(self.named.remove(at).1)
    }

    fn take(&mut self, name: &str) -> Result<&'t str, String> {
        let text = self.text;
        self.maybe(name).ok_or_else(|| format!("`{text}` does not say `{name}=`"))
    }

    fn end(self) -> Result<(), String> {
        match self.path.or(self.named.first().map(|(name, _)| *name)) {
            None => Ok(()),
            Some(word) => Err(format!("in `{}` the word `{word}` means nothing", self.text)),
        }
    }
}

/// A path in the source: relative, clean.
fn source_path(text: &str) -> Result<String, String> {
    let clean = BytePath::absolute(format!("/{text}").as_bytes())?.to_string();
    if clean.len() < 2 || clean[1..] != *text || text.contains([' ', '=']) {
        return Err(format!("`{text}` is no path in the loader's source"));
    }
    Ok(text.to_owned())
}

/// A path in the partition: absolute, clean.
fn image_path(text: &str) -> Result<String, String> {
    let clean = BytePath::absolute(text.as_bytes())?.to_string();
    if clean == "/" || clean != text {
        return Err(format!("`{text}` is no clean path of a file"));
    }
    Ok(clean)
}

fn number(text: &str) -> Result<u64, String> {
    let read = text.strip_prefix("0x").map_or_else(|| text.parse(), |hex| u64::from_str_radix(hex, 16));
    read.map_err(|_| format!("`{text}` is no number"))
}
