//! All kinds by name, and as the compiler sees them.

use imgc_plan::{
    Family, Kind, Record,
    kind::{Kinds, OptionProblem, Products},
    menu::Menu,
    step::{LoaderHome, PartHome},
};

use crate::{archive::Archive, boot::Loader, disk::DiskFormat, fs::Filesystem, table::Table};

/// Every kind of every family, for the compiler.
pub struct Registry {
    all: Vec<&'static Kind>,
}

impl Registry {
    /// Collects the descriptors, in the order of the lists.
    pub fn new() -> Self {
        let mut all = Vec::new();
        all.extend(crate::fs::ALL.iter().map(|kind| kind.kind()));
        all.extend(crate::table::ALL.iter().map(|kind| kind.kind()));
        all.extend(crate::boot::ALL.iter().map(|kind| kind.kind()));
        all.extend(crate::disk::ALL.iter().map(|kind| kind.kind()));
        all.extend(crate::archive::ALL.iter().map(|kind| kind.kind()));
        Self { all }
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

impl Kinds for Registry {
    fn all(&self) -> &[&'static Kind] {
        &self.all
    }

    fn check(&self, family: Family, name: &str, options: &Record) -> Vec<OptionProblem> {
        match family {
            Family::Filesystem => filesystem(name).map(|kind| kind.check(options)),
            Family::Table => table(name).map(|kind| kind.check(options)),
            Family::Loader => loader(name).map(|kind| kind.check(options)),
            Family::DiskFormat => disk_format(name).map(|kind| kind.check(options)),
            Family::Archive => archive(name).map(|kind| kind.check(options)),
        }
        .unwrap_or_default()
    }

    fn check_len(&self, name: &str, options: &Record, len: u64) -> Option<OptionProblem> {
        let problem = filesystem(name)?.check_len(options, len)?;
        Some(OptionProblem { option: None, message: problem.message, help: problem.help })
    }

    fn products(&self, name: &str, options: &Record, home: &LoaderHome) -> Products {
        loader(name).map(|kind| kind.products(options, home)).unwrap_or_default()
    }

    fn seals(&self, name: &str) -> bool {
        loader(name).is_some_and(Loader::seals)
    }

    fn check_home(&self, name: &str, options: &Record, home: &LoaderHome) -> Vec<OptionProblem> {
        loader(name).map(|kind| kind.check_home(options, home)).unwrap_or_default()
    }

    fn check_menu(
        &self,
        name: &str,
        options: &Record,
        menu: &Menu,
        home: &LoaderHome,
    ) -> Vec<(usize, OptionProblem)> {
        loader(name).map(|kind| kind.check_menu(options, menu, home)).unwrap_or_default()
    }

    fn paths(&self, name: &str, options: &Record) -> Vec<(&'static str, String)> {
        loader(name).map(|kind| kind.paths(options)).unwrap_or_default()
    }

    fn lint_menu(&self, name: &str, options: &Record, menu: &Menu) -> Vec<(usize, OptionProblem)> {
        loader(name).map(|kind| kind.lint_menu(options, menu)).unwrap_or_default()
    }

    fn lint_partition(&self, table: &str, part: &PartHome) -> Vec<(&'static str, OptionProblem)> {
        crate::lints::partition(table, part)
    }
}

/// The filesystem of this name.
pub fn filesystem(name: &str) -> Option<&'static dyn Filesystem> {
    crate::fs::ALL.iter().copied().find(|kind| kind.kind().name == name)
}

/// The table of this name.
pub fn table(name: &str) -> Option<&'static dyn Table> {
    crate::table::ALL.iter().copied().find(|kind| kind.kind().name == name)
}

/// The loader of this name.
pub fn loader(name: &str) -> Option<&'static dyn Loader> {
    crate::boot::ALL.iter().copied().find(|kind| kind.kind().name == name)
}

/// The disk format of this name.
pub fn disk_format(name: &str) -> Option<&'static dyn DiskFormat> {
    crate::disk::ALL.iter().copied().find(|kind| kind.kind().name == name)
}

/// The archive of this name.
pub fn archive(name: &str) -> Option<&'static dyn Archive> {
    crate::archive::ALL.iter().copied().find(|kind| kind.kind().name == name)
}

#[cfg(test)]
mod tests {
    use imgc_plan::kind::{PLAIN_FORMAT, STRUCTURAL};

    use super::*;

    #[test]
    fn what_a_tree_can_become_is_clear_from_its_name() {
        let registry = Registry::new();
        for (index, kind) in registry.all().iter().enumerate() {
            let same = |other: &&Kind| other.name == kind.name && other.family == kind.family;
            assert!(!registry.all()[..index].iter().any(same), "two kinds are `{}`", kind.name);
            if kind.family == Family::Filesystem {
                assert!(archive(kind.name).is_none(), "`{}` is a filesystem and an archive", kind.name);
                let clash = kind.options.iter().find(|option| STRUCTURAL.contains(&option.name));
                assert!(clash.is_none(), "an option of `{}` has the name of a property of all", kind.name);
            }
        }
        assert!(disk_format(PLAIN_FORMAT).is_some());
    }
}
