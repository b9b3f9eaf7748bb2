//! The options as their own types, and what cannot be in them.

use imgc_image::{Failure, Problem};
use imgc_plan::{Data, Record, kind::OptionProblem, tree::BytePath};

/// The words of the option `platform`. `x86_64-efi` joins them when its writer comes.
pub const PLATFORMS: &[&str] = &["i386-pc"];

/// The words of the option `install-modules`.
pub const INSTALL: &[&str] = &["needed", "all"];

/// What starts GRUB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    /// A BIOS.
    I386Pc,
}

impl Platform {
    /// GRUB's name for it: also that of the directory which holds the modules.
    pub fn name(self) -> &'static str {
        match self {
            Self::I386Pc => "i386-pc",
        }
    }

    /// The module that reads disks through the firmware.
    pub fn disk_module(self) -> &'static str {
        match self {
            Self::I386Pc => "biosdisk",
        }
    }
}

/// The options, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// What starts GRUB.
    pub platform: Platform,
    /// Where its files lie, with a `/` at the start and none at the end.
    pub directory: String,
    /// Modules for the core image beside those that it needs.
    pub modules: Vec<String>,
    /// Whether every module of the package is copied.
    pub all_modules: bool,
    /// The time of its files, in seconds since 1970.
    pub epoch: i64,
}

impl Options {
    /// Reads a record that has every option with its default.
    ///
    /// # Errors
    /// Everything that cannot be, at once.
    pub fn read(record: &Record) -> Result<Self, Vec<OptionProblem>> {
        let mut problems = Vec::new();
        let text = |name: &str, default: &str| {
            record.get(name).and_then(Data::as_text).unwrap_or(default).to_owned()
        };
        let platform = match text("platform", "i386-pc").as_str() {
            "i386-pc" => Platform::I386Pc,
            other => {
                problems.push(problem("platform", format!("GRUB for `{other}` cannot be made"), "i386-pc"));
                Platform::I386Pc
            }
        };
        let directory = read_directory(&text("directory", "/boot/grub"), &mut problems);
        let listed = record.get("modules").and_then(Data::as_list).unwrap_or_default();
        let modules: Vec<String> = listed.iter().filter_map(Data::as_text).map(str::to_owned).collect();
        for name in modules.iter().filter(|name| !is_module_name(name)) {
            let message = format!("`{name}` cannot be the name of a GRUB module");
            problems.push(problem(
                "modules",
                message,
                "names without path and ending, such as `search_label`",
            ));
        }
        let all_modules = text("install-modules", "needed") == "all";
        let epoch = match record.get("epoch") {
            Some(Data::Int(epoch)) => *epoch,
            _ => 0,
        };
        if problems.is_empty() {
            Ok(Self { platform, directory, modules, all_modules, epoch })
        } else {
            Err(problems)
        }
    }

    /// As [`Options::read`], for a step: there the options were checked before.
    ///
    /// # Errors
    /// As [`Options::read`].
    pub fn for_step(record: &Record) -> Result<Self, Failure> {
        Self::read(record)
            .map_err(|problems| Failure::Problems(problems.into_iter().map(as_problem).collect()))
    }
}

/// Turns a complaint about an option into one of a running step.
pub fn as_problem(found: OptionProblem) -> Problem {
    let problem = Problem::new("loader-option", found.message);
    match found.help {
        Some(help) => problem.help(help),
        None => problem,
    }
}

/// Whether this can name a module: it becomes a part of paths and of GRUB's configuration.
pub fn is_module_name(name: &str) -> bool {
    let ok = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    !name.is_empty() && name.len() <= 64 && !name.starts_with('-') && name.bytes().all(ok)
}

/// The directory without repeated and trailing slashes. It is part of the core image's prefix, where `)` and blanks
/// would end what GRUB takes for a device or a word.
fn read_directory(text: &str, problems: &mut Vec<OptionProblem>) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'_' | b'-' | b'+');
    let help = "an absolute path such as `/boot/grub`, of letters, digits and `.`, `_`, `-`, `+`";
    match BytePath::absolute(text.as_bytes()) {
        Ok(path) if !path.0.is_empty() && text.bytes().all(plain) => path.to_string(),
        Ok(_) => {
            problems.push(problem("directory", format!("GRUB's directory cannot be `{text}`"), help));
            String::new()
        }
        Err(message) => {
            problems.push(problem("directory", message, help));
            String::new()
        }
    }
}

fn problem(option: &'static str, message: String, help: &str) -> OptionProblem {
    OptionProblem { option: Some(option), message, help: Some(help.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(pairs: &[(&str, Data)]) -> Record {
        pairs.iter().map(|(name, data)| ((*name).to_owned(), data.clone())).collect()
    }

    #[test]
    fn defaults_are_those_of_the_descriptor() {
        let options = Options::read(&Record::new()).expect("fine");
        assert_eq!(options.directory, "/boot/grub");
        assert!(!options.all_modules);
        assert!(options.modules.is_empty());
    }

    #[test]
    fn hostile_options_are_refused_all_at_once() {
        let bad = record(&[
            ("directory", "/boot/../etc".into()),
            ("modules", Data::List(vec!["../../x".into(), "normal".into(), "a b".into()])),
        ]);
        let problems = Options::read(&bad).expect_err("refused");
        assert_eq!(problems.len(), 3, "{problems:?}");
        for directory in ["boot/grub", "/", "/boot/gr ub", "/a)b", "/boot/$x", ""] {
            assert!(Options::read(&record(&[("directory", directory.into())])).is_err(), "{directory}");
        }
        let clean = Options::read(&record(&[("directory", "//boot//g/".into())])).expect("fine");
        assert_eq!(clean.directory, "/boot/g");
    }
}
