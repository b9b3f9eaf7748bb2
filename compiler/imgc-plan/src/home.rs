//! Where a loader is at home: the partitions of a disk, or a server's tree.

use serde::Serialize;

use crate::{
    data::Record,
    digest::{Canon, Canonical},
};

/// Where a loader's files will lie, as far as it is known before anything runs.
#[expect(clippy::large_enum_variant, reason = "a plan has a few of them")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "on")]
pub enum LoaderHome {
    /// In partitions of a disk.
    Disk {
        /// The table kind's name.
        table: String,
        /// The partition of its own files, in which the menu's paths lie.
        own: PartHome,
        /// The partition in which firmware looks for files, where it is not the same.
        esp: Option<PartHome>,
    },
    /// In a tree that a server gives out over a network.
    Network,
}

/// A partition that holds files of a loader.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PartHome {
    /// Its name in the manifest, by which the layout has it.
    pub name: String,
    /// Its number in the table, from 1; 0 when it is not listed.
    pub number: u32,
    /// Its type, as in the layout.
    pub type_code: String,
    /// The filesystem kind's name.
    pub filesystem: String,
    /// The filesystem's options (label, uuid…), so that a loader can search for it.
    pub options: Record,
}

impl LoaderHome {
    /// The partition of its own files.
    pub fn own(&self) -> Option<&PartHome> {
        match self {
            Self::Disk { own, .. } => Some(own),
            Self::Network => None,
        }
    }

    /// The partition in which firmware looks for files: one of its own, or that of the loader's files.
    pub fn firmware(&self) -> Option<&PartHome> {
        match self {
            Self::Disk { own, esp, .. } => Some(esp.as_ref().unwrap_or(own)),
            Self::Network => None,
        }
    }

    /// The table kind's name.
    pub fn table(&self) -> Option<&str> {
        match self {
            Self::Disk { table, .. } => Some(table),
            Self::Network => None,
        }
    }
}

impl Canonical for LoaderHome {
    fn canon(&self, c: &mut Canon) {
        match self {
            Self::Disk { table, own, esp } => c.text("disk").text(table).add(own).add(esp),
            Self::Network => c.text("network"),
        };
    }
}

impl Canonical for PartHome {
    fn canon(&self, c: &mut Canon) {
        let Self { name, number, type_code, filesystem, options } = self;
        c.text(name).add(number).text(type_code).text(filesystem).add(options);
    }
}
