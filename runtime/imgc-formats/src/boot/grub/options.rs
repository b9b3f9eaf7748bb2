//! The options as their own types, and what cannot be in them.

use imgc_image::Failure;
use imgc_plan::{Data, Record, kind::OptionProblem, tree::BytePath};

use super::platform::Platform;
use crate::boot::{files::as_problem, options::epoch};

/// The words of the option `install-modules`.
pub const INSTALL: &[&str] = &["needed", "all"];

/// The words of the option `target`.
pub const TARGETS: &[&str] = &["disk", "partition"];

/// The options, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// What starts GRUB.
    pub platform: Platform,
    /// Where its files lie, with a `/` at the start and none at the end.
    pub directory: String,
    /// Whether a BIOS starts it from the partition's first sector instead of the disk's.
    pub in_partition: bool,
    /// Where firmware finds the EFI image.
    pub efi_path: Option<String>,
    /// Modules for the core image beside those that it needs.
    pub modules: Vec<String>,
    /// Whether every module of the package is copied.
    pub all_modules: bool,
    /// Lines that run before the menu is read.
    pub config: Vec<String>,
    /// Files of the source for the memory disk.
    pub memdisk: Vec<String>,
    /// A font for graphics.
    pub font: Option<String>,
    /// How the menu looks in graphics.
    pub theme: Option<String>,
    /// Whether it starts under secure boot, from images that others signed.
    pub secure_boot: bool,
    /// By which GRUB knows its directory.
    pub id: String,
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
        let text = |name: &str| record.get(name).and_then(Data::as_text);
        let list = |name: &str| -> Vec<String> {
            let listed = record.get(name).and_then(Data::as_list).unwrap_or_default();
            listed.iter().filter_map(Data::as_text).map(str::to_owned).collect()
        };
        let platform = platform(text("platform").unwrap_or("i386-pc"), &mut problems);
        let mut path = |name: &'static str| text(name).map(|path| read_path(name, path, &mut problems));
        let directory = path("directory").unwrap_or_else(|| "/boot/grub".to_owned());
        let (efi_path, font, theme) = (path("efi-path"), path("font"), path("theme"));
        let options = Self {
            platform,
            directory,
            in_partition: text("target") == Some("partition"),
            efi_path,
            modules: list("modules"),
            all_modules: text("install-modules") == Some("all"),
            config: list("config"),
            memdisk: list("memdisk"),
            font,
            theme,
            secure_boot: record.get("secure-boot").and_then(Data::as_bool).unwrap_or(false),
            id: text("id").unwrap_or("00000000-0000-0000-0000-000000000000").to_owned(),
            epoch: epoch(record),
        };
        options.check(&mut problems);
        if problems.is_empty() { Ok(options) } else { Err(problems) }
    }

    /// As [`Options::read`], for a step: there the options were checked before.
    ///
    /// # Errors
    /// As [`Options::read`].
    pub fn for_step(record: &Record) -> Result<Self, Failure> {
        Self::read(record)
            .map_err(|problems| Failure::Problems(problems.into_iter().map(as_problem).collect()))
    }

    /// Where in the tree of its home a file of GRUB's directory lies.
    pub fn place(&self, name: &str) -> String {
        format!("{}/{name}", self.directory)
    }

    /// Where in the tree of its home a file of the platform's directory lies, without a `/` at the start.
    pub fn platform_place(&self, name: &str) -> BytePath {
        let path = self.place(&format!("{}/{name}", self.platform.directory()));
        BytePath(path.trim_start_matches('/').as_bytes().to_vec())
    }

    /// Where firmware finds the EFI image.
    pub fn image_path(&self) -> Option<&str> {
        self.efi_path.as_deref().or(self.platform.removable())
    }

    fn check(&self, problems: &mut Vec<OptionProblem>) {
        for name in self.modules.iter().filter(|name| !is_module_name(name)) {
            let message = format!("`{name}` cannot be the name of a GRUB module");
            let help = "names without path and ending, such as `search_label`";
            problems.push(problem("modules", message, help));
        }
        for line in self.config.iter().filter(|line| line.chars().any(|c| c.is_control() && c != '\t')) {
            let message = format!("a line of GRUB's configuration cannot hold control characters: {line:?}");
            problems.push(problem("config", message, "give each line as a text of its own"));
        }
        for path in &self.memdisk {
            if let Err(message) = BytePath::absolute(format!("/{}", path.trim_start_matches('/')).as_bytes())
            {
                problems.push(problem("memdisk", message, "paths of files in the loader's source"));
            }
        }
        if let Some(path) = &self.efi_path {
            let efi = self.platform.is_efi();
            if !efi {
                let message = format!("GRUB for `{}` is no EFI image", self.platform.name());
                problems.push(problem("efi-path", message, "leave `efi-path` out"));
            } else if !path.to_ascii_lowercase().ends_with(".efi") {
                let message = format!("firmware starts no file whose name ends as that of `{path}`");
                problems.push(problem("efi-path", message, "a path such as `/EFI/debian/grubx64.efi`"));
            }
        }
        if self.in_partition && self.platform != Platform::I386Pc {
            let message = format!("`target=partition` is for a BIOS, not for `{}`", self.platform.name());
            problems.push(problem("target", message, "leave `target` out"));
        }
        if self.secure_boot {
            self.check_secure(problems);
        }
        if self.theme.is_some() && self.font.is_none() {
            let message = "a theme needs graphics, which need a font".to_owned();
            problems.push(problem(
                "theme",
                message,
                "name one with `font`, such as `unicode.pf2` of grub-common",
            ));
        }
    }

    /// What an image that others signed cannot be given, and what GRUB refuses to load where only signed code may run.
    fn check_secure(&self, problems: &mut Vec<OptionProblem>) {
        if !self.platform.is_efi() {
            let message =
                format!("`{}` is no UEFI firmware, and only UEFI has secure boot", self.platform.name());
            problems.push(problem("secure-boot", message, "leave `secure-boot` out"));
        }
        let mut refuse = |option, given: bool, message: &str| {
            if given {
                problems.push(problem(
                    option,
                    message.to_owned(),
                    "leave it out, or leave `secure-boot` out",
                ));
            }
        };
        refuse(
            "memdisk",
            !self.memdisk.is_empty(),
            "a signed image of GRUB takes no other files into its memory disk",
        );
        refuse("font", self.font.is_some(), "under secure boot GRUB loads no font but its own");
        refuse("install-modules", self.all_modules, "under secure boot GRUB loads no modules from files");
    }
}

fn platform(name: &str, problems: &mut Vec<OptionProblem>) -> Platform {
    Platform::from_name(name).unwrap_or_else(|| {
        let message = format!("GRUB for `{name}` cannot be made");
        problems.push(problem("platform", message, "i386-pc"));
        Platform::I386Pc
    })
}

/// Whether this can name a module: it becomes a part of paths and of GRUB's configuration.
pub fn is_module_name(name: &str) -> bool {
    let ok = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    !name.is_empty() && name.len() <= 64 && !name.starts_with('-') && name.bytes().all(ok)
}

/// A path without repeated and trailing slashes. The directory is part of the core image's prefix, and all of them of its
/// configuration, where `)` and blanks would end what GRUB takes for a device or a word.
fn read_path(option: &'static str, text: &str, problems: &mut Vec<OptionProblem>) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'_' | b'-' | b'+');
    let help = "an absolute path such as `/boot/grub`, of letters, digits and `.`, `_`, `-`, `+`";
    match BytePath::absolute(text.as_bytes()) {
        Ok(path) if !path.0.is_empty() && text.bytes().all(plain) => return path.to_string(),
        Ok(_) => problems.push(problem(option, format!("GRUB's `{option}` cannot be `{text}`"), help)),
        Err(message) => problems.push(problem(option, message, help)),
    }
    String::new()
}

/// A directory that an image names, if it can be one: as the option `directory` takes it.
pub fn read_directory(text: &str) -> Option<String> {
    let mut problems = Vec::new();
    let path = read_path("directory", text, &mut problems);
    problems.is_empty().then_some(path)
}

/// A complaint about an option, and what would be right.
pub fn problem(option: &'static str, message: String, help: &str) -> OptionProblem {
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
        assert!(!options.all_modules && !options.in_partition);
        assert!(options.modules.is_empty());
        assert_eq!(options.image_path(), None);
        let efi = Options::read(&record(&[("platform", "arm64-efi".into())])).expect("fine");
        assert_eq!(efi.image_path(), Some("/EFI/BOOT/BOOTAA64.EFI"));
    }

    #[test]
    fn hostile_options_are_refused_all_at_once() {
        let bad = record(&[
            ("directory", "/boot/../etc".into()),
            ("modules", Data::List(vec!["../../x".into(), "normal".into(), "a b".into()])),
            ("config", Data::List(vec!["set a=b".into(), "a\nb".into()])),
            ("memdisk", Data::List(vec!["../x".into()])),
            ("efi-path", "/a.efi".into()),
            ("theme", "/t)".into()),
        ]);
        let problems = Options::read(&bad).expect_err("refused");
        let blamed: Vec<_> = problems.iter().filter_map(|problem| problem.option).collect();
        let expected = ["directory", "theme", "modules", "modules", "config", "memdisk", "efi-path", "theme"];
        assert_eq!(blamed, expected, "{problems:?}");
        for directory in ["boot/grub", "/", "/boot/gr ub", "/a)b", "/boot/$x", ""] {
            assert!(Options::read(&record(&[("directory", directory.into())])).is_err(), "{directory}");
        }
        let clean = Options::read(&record(&[("directory", "//boot//g/".into())])).expect("fine");
        assert_eq!(clean.directory, "/boot/g");
    }

    #[test]
    fn options_of_other_platforms_are_refused() {
        let efi = ("platform", Data::from("x86_64-efi"));
        let blamed = |pairs: &[(&str, Data)]| {
            Options::read(&record(pairs)).expect_err("refused").iter().find_map(|problem| problem.option)
        };
        assert_eq!(blamed(&[efi.clone(), ("target", "partition".into())]), Some("target"));
        assert_eq!(blamed(&[efi.clone(), ("efi-path", "/EFI/x".into())]), Some("efi-path"));
        assert!(Options::read(&record(&[efi, ("efi-path", "/EFI/imgc/grubx64.efi".into())])).is_ok());
    }
}
