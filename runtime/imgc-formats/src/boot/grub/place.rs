//! Where GRUB starts and where it finds its directory: what goes into its first image follows from that.

use imgc_image::{Failure, Problem};
use imgc_plan::step::{LoaderHome, PartHome};

use super::{
    memdisk,
    moddep::{self, Dependencies},
    options::Options,
    package::Package,
};

/// How firmware comes to GRUB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A BIOS starts sector 0; the core image lies in the gap behind it or in a partition of its own.
    Disk,
    /// A BIOS, or the code of sector 0, starts the partition's first sector; the core image is a file.
    Partition,
    /// A BIOS starts a file of a CD, or sector 0 of a stick with the same bytes.
    Cd,
    /// A BIOS fetches a file over a network.
    Pxe,
    /// UEFI starts a file of a FAT filesystem.
    Efi,
    /// UEFI fetches a file over a network.
    NetEfi,
}

/// A loader's options and its home.
pub struct Place<'a> {
    /// The options.
    pub options: &'a Options,
    /// How firmware comes to it.
    pub form: Form,
    /// The partition with its directory.
    pub own: Option<&'a PartHome>,
    table: &'a str,
}

impl<'a> Place<'a> {
    /// The place of a loader.
    pub fn of(options: &'a Options, home: &'a LoaderHome) -> Self {
        let own = home.own();
        let form = match (options.platform.is_efi(), own) {
            (true, None) => Form::NetEfi,
            (true, Some(_)) => Form::Efi,
            (false, None) => Form::Pxe,
            (false, Some(own)) if is_cd(own) => Form::Cd,
            (false, Some(_)) if options.in_partition => Form::Partition,
            (false, Some(_)) => Form::Disk,
        };
        Self { options, form, own, table: home.table().unwrap_or_default() }
    }

    /// Whether GRUB looks for its directory: where the disk that it was started from need not be the one that has it, or cannot
    /// be named. A file that no other image has is in the directory then.
    pub fn searches(&self) -> bool {
        matches!(self.form, Form::Cd | Form::Efi)
    }

    /// The file by which it knows its directory.
    pub fn id_file(&self) -> String {
        format!("{}.id", self.options.id)
    }

    /// The filesystem's kind, if there is a disk.
    pub fn filesystem(&self) -> &'a str {
        self.own.map(|own| own.filesystem.as_str()).unwrap_or_default()
    }

    /// The modules of the first image in their order: those that read the directory, and what the manifest adds.
    ///
    /// # Errors
    /// When GRUB cannot read that partition, or the package lacks a module.
    pub fn modules(&self, package: &Package<'_>) -> Result<Vec<String>, Failure> {
        let modules = Dependencies::read(package)?.closure(self.wanted()?);
        moddep::all_there(package, &modules)?;
        Ok(modules)
    }

    /// The modules of the first image without those that they need.
    ///
    /// # Errors
    /// When GRUB cannot read that partition.
    pub fn wanted(&self) -> Result<Vec<&str>, Failure> {
        let mut wanted: Vec<&str> = Vec::new();
        match self.form {
            Form::Pxe => wanted.extend(["pxe", "tftp"]),
            Form::NetEfi => wanted.extend(["efinet", "tftp"]),
            Form::Disk | Form::Partition | Form::Cd | Form::Efi => {
                let table = table_module(self.table).ok_or_else(|| self.unreadable(false))?;
                let filesystem = filesystem_module(self.filesystem()).ok_or_else(|| self.unreadable(true))?;
                wanted.extend(self.options.platform.disk_module());
                wanted.extend(table.map(|(module, _)| module));
                wanted.push(filesystem);
            }
        }
        if self.searches() {
            wanted.push("search_fs_file");
        }
        if !self.options.memdisk.is_empty() {
            wanted.extend(memdisk::MODULES);
        }
        wanted.extend(self.options.modules.iter().map(String::as_str));
        Ok(wanted)
    }

    /// Where GRUB finds its directory: on the disk that the firmware started (the empty name), so that the same disk starts from any
    /// bus, or from the server that gave out the image.
    ///
    /// # Errors
    /// When GRUB does not know the table.
    pub fn prefix(&self) -> Result<String, Failure> {
        let directory = &self.options.directory;
        let (_, table) = match (self.form, table_module(self.table)) {
            (Form::Pxe, _) => return Ok(format!("(pxe){directory}")),
            (Form::NetEfi, _) => return Ok(format!("(tftp){directory}")),
            (_, None) => return Err(self.unreadable(false)),
            (_, Some(None)) => return Ok(directory.clone()),
            (_, Some(Some(table))) => table,
        };
        Ok(match self.own.map(|own| own.number) {
            None | Some(0) => directory.clone(),
            Some(number) => format!("(,{table}{number}){directory}"),
        })
    }

    /// Commands that run before anything is read. The simple parser of the core image has no conditions: a search that finds
    /// nothing leaves what the prefix says.
    pub fn config(&self) -> String {
        let directory = &self.options.directory;
        let mut text = String::new();
        if self.searches() {
            let file = self.id_file();
            // The last word says where to look first: on the disk that was started.
            text += &format!("search.file {directory}/{file} root $root\nset prefix=($root){directory}\n");
        }
        if self.options.platform.is_efi() {
            // Without a mode of the screen Linux would start blind.
            text += &format!("insmod {VIDEO}\n");
        }
        for line in &self.options.config {
            text += line;
            text.push('\n');
        }
        text
    }

    fn unreadable(&self, table_known: bool) -> Failure {
        let (what, name) =
            if table_known { ("filesystem", self.filesystem()) } else { ("partition table", self.table) };
        let message = format!("GRUB cannot read its files from a partition with the {what} `{name}`");
        let problem = Problem::new("grub-home-unreadable", message);
        if table_known { problem.help(SMALL).into() } else { problem.into() }
    }
}

/// The module that brings all kinds of screens.
pub const VIDEO: &str = "all_video";

/// What helps where GRUB cannot read or write a filesystem.
pub const SMALL: &str = "a small partition of its own with ext2 or FAT will do";

/// Whether firmware starts such a partition as it starts CDs.
pub fn is_cd(own: &PartHome) -> bool {
    own.filesystem == "iso9660"
}

/// The module that reads a table, and the table's name in device names; `Some(None)` for a disk without one.
#[expect(clippy::option_option, reason = "no module is needed, or none exists")]
pub fn table_module(table: &str) -> Option<Option<(&'static str, &'static str)>> {
    match table {
        "mbr" => Some(Some(("part_msdos", "msdos"))),
        "gpt" => Some(Some(("part_gpt", "gpt"))),
        "bare" => Some(None),
        _ => None,
    }
}

/// The module that reads a filesystem.
pub fn filesystem_module(filesystem: &str) -> Option<&'static str> {
    Some(match filesystem {
        "ext2" | "ext3" | "ext4" => "ext2",
        "vfat" | "fat" => "fat",
        "exfat" => "exfat",
        "iso9660" => "iso9660",
        "udf" => "udf",
        "squashfs" => "squash4",
        "xfs" => "xfs",
        "btrfs" => "btrfs",
        "f2fs" => "f2fs",
        "ntfs" => "ntfs",
        "hfsplus" => "hfsplus",
        _ => return None,
    })
}

/// Whether GRUB can change a file there while it runs, which it does in the file's own blocks: nothing may be compressed, summed up
/// or kept elsewhere (GRUB manual, "Environment block").
pub fn can_write(own: Option<&PartHome>) -> bool {
    own.is_some_and(|own| matches!(own.filesystem.as_str(), "ext2" | "ext3" | "ext4" | "vfat" | "exfat"))
}
