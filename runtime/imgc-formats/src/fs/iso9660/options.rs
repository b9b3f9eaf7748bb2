//! The options of `iso9660`: their descriptors, their checks, and what they mean.

use imgc_plan::{
    Data, Opt, OptType, Record,
    kind::{Default, OptionProblem},
    tree::{BytePath, check_name},
};

/// Characters of a-characters beside letters, digits and `_` (ECMA-119, 7.4.1).
const A_MARKS: &[u8] = b" !\"%&'()*+,-./:;<=>?";

/// UCS-2 units in a Joliet name: by the specification, and as many as a record has room for and readers take.
const JOLIET_UNITS: (i64, i64) = (64, 103);

/// The descriptors, in the order of the reference.
pub static OPTIONS: [Opt; 23] = [
    opt(
        "volume-id",
        OptType::Text { max: 32 },
        Default::Text("ISOIMAGE"),
        "The volume's name: up to 32 upper-case letters, digits and `_`; any ASCII with `names=relaxed`. Joliet holds the first 16.",
    ),
    opt(
        "volume-set",
        OptType::Text { max: 128 },
        Default::Text(""),
        "The name of the set of volumes, with the characters of `volume-id`.",
    ),
    opt(
        "system-id",
        OptType::Text { max: 32 },
        Default::Text(""),
        "The system that can use the first 16 sectors: upper-case letters, digits, space and `!\"%&'()*+,-./:;<=>?_`.",
    ),
    opt(
        "publisher",
        OptType::Text { max: 128 },
        Default::Text(""),
        "The publisher, with the characters of `system-id`.",
    ),
    opt(
        "preparer",
        OptType::Text { max: 128 },
        Default::Text("IMGC"),
        "Who or what prepared the data, with the characters of `system-id`.",
    ),
    opt(
        "application",
        OptType::Text { max: 128 },
        Default::Text(""),
        "The application that the data are for, with the characters of `system-id`.",
    ),
    opt(
        "copyright-file",
        OptType::Text { max: 255 },
        Default::Absent,
        "The file in the root directory with the copyright statement, such as \"/COPYING\".",
    ),
    opt(
        "abstract-file",
        OptType::Text { max: 255 },
        Default::Absent,
        "The file in the root directory with an abstract of the volume.",
    ),
    opt(
        "bibliographic-file",
        OptType::Text { max: 255 },
        Default::Absent,
        "The file in the root directory with bibliographic records.",
    ),
    opt(
        "level",
        OptType::Int { min: 1, max: 4 },
        Default::Int(3),
        "The interchange level of plain names. 1: 8.3 names; 2: 31 characters; 3: also files of 4 GiB and more; 4: ISO 9660:1999, \
         up to 207 bytes (193 with Rock Ridge), not changed, and directories of any depth.",
    ),
    opt(
        "names",
        OptType::Choice(&["strict", "relaxed"]),
        Default::Text("strict"),
        "Characters of plain names and of the volume's texts. `strict`: as the standard wants; `relaxed`: all printable ASCII.",
    ),
    opt(
        "joliet",
        OptType::Bool,
        Default::Bool(true),
        "Whether there is a second hierarchy with Unicode names, for Windows. It has files and directories only. Names that are not \
         UTF-8 are read as Latin-1; what UCS-2 or Joliet cannot hold becomes `_`. Names that differ only in the case of letters get numbers, as \
         readers take them for one.",
    ),
    opt(
        "joliet-length",
        OptType::Int { min: JOLIET_UNITS.0, max: JOLIET_UNITS.1 },
        Default::Int(JOLIET_UNITS.0),
        "The most UCS-2 units in a Joliet name: 64 by its specification; up to 103 are read by every system in use.",
    ),
    opt(
        "udf",
        OptType::Bool,
        Default::Bool(false),
        "Whether the volume is UDF 1.02, too, over the same contents, for readers that want long names and files of 4 GiB and more without \
         Rock Ridge: Windows above all. Linux takes it before ISO 9660 unless told which. Names are UTF-8.",
    ),
    opt(
        "rock-ridge",
        OptType::Bool,
        Default::Bool(true),
        "Whether there are POSIX names, owners, modes, times, links and devices (Rock Ridge 1.12), for Linux and other Unix systems.",
    ),
    opt(
        "deep",
        OptType::Choice(&["relocate", "keep"]),
        Default::Text("relocate"),
        "What becomes of directories below the eighth level, which the standard forbids before level 4. `relocate`: Rock Ridge moves them \
         and shows them in their place; `keep`: they stay, as all systems in use can read them.",
    ),
    opt(
        "padding",
        OptType::Int { min: 0, max: 1 << 20 },
        Default::Int(150),
        "Empty sectors of 2048 bytes at the end, for drives that fail when they read ahead of it.",
    ),
    opt(
        "boot-catalog",
        OptType::Text { max: 255 },
        Default::Text("/boot/boot.cat"),
        "The path of the boot catalogue (El Torito), which loaders put there and fill. A dense file of 2048 bytes at this path is one \
         that the tree brings.",
    ),
    opt(
        "epoch",
        OptType::Int { min: i64::MIN, max: i64::MAX },
        Default::Epoch,
        "The time of the volume, in seconds since 1970; GRUB and blkid make its UUID of it.",
    ),
    time("creation-time", "When the volume was made, in seconds since 1970; `epoch` unless given."),
    time(
        "modification-time",
        "When the volume was last changed, in seconds since 1970; `epoch` unless given. GRUB and blkid make its UUID of it.",
    ),
    time("expiration-time", "When the volume is obsolete, in seconds since 1970; never unless given."),
    time(
        "effective-time",
        "From when on the volume may be used, in seconds since 1970; always unless given.",
    ),
];

const fn opt(name: &'static str, ty: OptType, default: Default, doc: &'static str) -> Opt {
    Opt { name, ty, default, doc, since: "0.1.0" }
}

const fn time(name: &'static str, doc: &'static str) -> Opt {
    opt(name, OptType::Int { min: i64::MIN, max: i64::MAX }, Default::Absent, doc)
}

/// The options as the writer uses them.
#[derive(Clone, Debug)]
pub struct Options {
    /// Texts of the descriptors.
    pub texts: Texts,
    /// The interchange level, 1 to 4.
    pub level: u8,
    /// Whether plain names have more characters than the standard allows.
    pub relaxed: bool,
    /// The most units in a Joliet name; `None` for no Joliet.
    pub joliet: Option<usize>,
    /// Whether there is UDF.
    pub udf: bool,
    /// Whether there is Rock Ridge.
    pub rock_ridge: bool,
    /// Whether directories of any depth stay where they are.
    pub keep_deep: bool,
    /// Sectors at the end.
    pub padding: u64,
    /// The path of the boot catalogue.
    pub catalog: Option<BytePath>,
    /// The time of the volume.
    pub epoch: i64,
    /// Creation, modification, expiration and effective time (ECMA-119, 8.4.26 to 8.4.29).
    pub times: [Option<i64>; 4],
    /// The copyright, abstract and bibliographic file (8.4.23 to 8.4.25), by name in the root directory.
    pub files: [Option<String>; 3],
}

/// The options that name files of the root directory, in the order of the descriptor.
pub const FILES: [&str; 3] = ["copyright-file", "abstract-file", "bibliographic-file"];

/// Texts of the descriptors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Texts {
    /// `volume-id`.
    pub volume: String,
    /// `volume-set`.
    pub set: String,
    /// `system-id`.
    pub system: String,
    /// `publisher`.
    pub publisher: String,
    /// `preparer`.
    pub preparer: String,
    /// `application`.
    pub application: String,
}

impl Options {
    /// Takes decoded options; those that [`check`] would refuse become something harmless.
    pub fn of(record: &Record) -> Self {
        let number = |name: &str| record.get(name).and_then(Data::as_u64);
        let flag = |name: &str| record.get(name).and_then(Data::as_bool).unwrap_or(true);
        let word = |name: &str, wanted: &str| record.get(name).and_then(Data::as_text) == Some(wanted);
        let text = |name: &str| record.get(name).and_then(Data::as_text).unwrap_or_default().to_owned();
        let level = number("level").and_then(|level| u8::try_from(level).ok()).unwrap_or(3).clamp(1, 4);
        let time = |name: &str| match record.get(name) {
            Some(Data::Int(seconds)) => Some(*seconds),
            _ => None,
        };
        let epoch = time("epoch").unwrap_or(0);
        let units = number("joliet-length").and_then(|units| usize::try_from(units).ok()).unwrap_or(64);
        Self {
            texts: Texts {
                volume: text("volume-id"),
                set: text("volume-set"),
                system: text("system-id"),
                publisher: text("publisher"),
                preparer: text("preparer"),
                application: text("application"),
            },
            level,
            relaxed: word("names", "relaxed"),
            joliet: flag("joliet").then_some(units.clamp(64, 103)),
            udf: record.get("udf").and_then(Data::as_bool).unwrap_or(false),
            rock_ridge: flag("rock-ridge"),
            keep_deep: level == 4 || word("deep", "keep"),
            padding: number("padding").unwrap_or(150).min(1 << 20),
            catalog: record.get("boot-catalog").and_then(Data::as_text).and_then(|text| catalog(text).ok()),
            epoch,
            times: [
                time("creation-time").or(Some(epoch)),
                time("modification-time").or(Some(epoch)),
                time("expiration-time"),
                time("effective-time"),
            ],
            files: FILES
                .map(|name| record.get(name).and_then(Data::as_text).and_then(|text| root_file(text).ok())),
        }
    }
}

/// The path of the boot catalogue, or what is wrong with it.
fn catalog(text: &str) -> Result<BytePath, String> {
    let path = BytePath::absolute(text.as_bytes())?;
    if path.0.is_empty() { Err("the boot catalogue is a file".into()) } else { Ok(path) }
}

/// The name of a file in the root directory, or what is wrong with its path.
fn root_file(text: &str) -> Result<String, String> {
    match text.strip_prefix('/') {
        Some("") | None => Err(format!("`{text}` is no path of a file in the root directory")),
        Some(name) if name.contains('/') => Err(format!("`{text}` is not in the root directory")),
        Some(name) => check_name(name.as_bytes()).map(|()| name.to_owned()),
    }
}

/// Whether a byte is of the d-characters (ECMA-119, 7.4.1).
pub fn is_d(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_'
}

fn is_a(byte: u8) -> bool {
    is_d(byte) || A_MARKS.contains(&byte)
}

/// Finds what cannot be, before anything runs.
pub fn check(record: &Record) -> Vec<OptionProblem> {
    let relaxed = Options::of(record).relaxed;
    let mut problems = Vec::new();
    for (name, d) in [
        ("volume-id", true),
        ("volume-set", true),
        ("system-id", false),
        ("publisher", false),
        ("preparer", false),
        ("application", false),
    ] {
        let text = record.get(name).and_then(Data::as_text).unwrap_or_default();
        problems.extend(text_problem(name, text, d, relaxed));
    }
    for name in FILES {
        let wrong = record.get(name).and_then(Data::as_text).and_then(|text| root_file(text).err());
        let help = Some("write a path such as \"/COPYING\"".into());
        problems.extend(wrong.map(|message| OptionProblem { option: Some(name), message, help }));
    }
    let path = record.get("boot-catalog").and_then(Data::as_text).unwrap_or("/boot/boot.cat");
    problems.extend(catalog(path).err().map(|message| OptionProblem {
        option: Some("boot-catalog"),
        message,
        help: Some("write a path such as \"/boot/boot.cat\"".into()),
    }));
    problems
}

fn text_problem(option: &'static str, text: &str, d: bool, relaxed: bool) -> Option<OptionProblem> {
    let good = |byte: u8| match (relaxed, d) {
        (true, _) => (b' '..=b'~').contains(&byte),
        (false, true) => is_d(byte),
        (false, false) => is_a(byte),
    };
    let bad = text.chars().find(|c| !u8::try_from(*c).is_ok_and(good))?;
    let upper = text.to_ascii_uppercase();
    let help = match (relaxed, bad.is_ascii()) {
        (_, false) | (true, _) => "use printable ASCII only".to_owned(),
        _ if upper.bytes().all(|byte| if d { is_d(byte) } else { is_a(byte) }) => {
            format!("write \"{upper}\", or set `names=relaxed`")
        }
        _ => "use upper-case letters, digits and `_`, or set `names=relaxed`".to_owned(),
    };
    let message = format!("`{option}` cannot have `{}`", bad.escape_debug());
    Some(OptionProblem { option: Some(option), message, help: Some(help) })
}
