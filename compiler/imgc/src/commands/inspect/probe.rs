//! Finds the table and the filesystems of an image.

use imgc_formats::{
    fs::{self, Volume},
    table,
};
use imgc_image::ReadAt;
use imgc_plan::{Data, kind::Traits};
use serde::Serialize;

use super::{fact, source::Window};
use crate::failure::Failure;

/// An image.
#[derive(Debug, Serialize)]
pub struct Disk {
    /// The kind of the artifact that it is in: raw when it is as it is.
    pub format: &'static str,
    /// Its length in bytes.
    pub len: u64,
    /// The kind of its table.
    pub table: Option<String>,
    /// Its partitions in their order on the disk, after the filesystem that is the whole image, if it is one.
    pub parts: Vec<Part>,
}

/// A partition, or the whole image.
#[derive(Debug, Serialize)]
pub struct Part {
    /// Its number in the table; none for the whole image.
    pub number: Option<u32>,
    /// Its name in the table.
    pub name: String,
    /// The first byte.
    pub start: u64,
    /// The length in bytes.
    pub len: u64,
    /// Its type in the table.
    #[serde(rename = "type")]
    pub ty: String,
    /// Its GUID in the table.
    pub partuuid: Option<String>,
    /// The kind of the filesystem, when it is one that is read.
    pub filesystem: Option<String>,
    /// The filesystem's label.
    pub label: Option<String>,
    /// The filesystem's UUID or serial.
    pub uuid: Option<String>,
    /// Bytes in use, of the filesystem.
    pub used: Option<u64>,
    /// What is wrong with the filesystem.
    pub problem: Option<String>,
}

impl Part {
    /// How an argument names it.
    pub fn handle(&self) -> String {
        match self.number {
            None => "whole".into(),
            Some(number) if self.name.is_empty() => number.to_string(),
            Some(_) => self.name.clone(),
        }
    }

    /// How a sentence names it.
    pub fn title(&self) -> String {
        self.number.map_or("the whole image".into(), |number| format!("partition {number}"))
    }

    /// Whether there are files in it: swap space is known, but has none.
    pub fn has_files(&self) -> bool {
        let kind = self.filesystem.as_deref().and_then(imgc_formats::filesystem);
        kind.is_some_and(
            |kind| matches!(&kind.kind().traits, Traits::Filesystem(traits) if traits.takes_tree),
        )
    }

    fn bare(start: u64, len: u64) -> Self {
        Self {
            number: None,
            name: String::new(),
            start,
            len,
            ty: String::new(),
            partuuid: None,
            filesystem: None,
            label: None,
            uuid: None,
            used: None,
            problem: None,
        }
    }

    /// Looks what filesystem there is.
    fn look(&mut self, image: &dyn ReadAt) {
        for kind in fs::ALL {
            match kind.open(image) {
                Ok(None) => {}
                Ok(Some(volume)) => {
                    let facts = volume.facts();
                    self.filesystem = Some(kind.kind().name.into());
                    self.label = fact(&facts, "label");
                    self.uuid = fact(&facts, "uuid").or_else(|| fact(&facts, "serial"));
                    self.used = facts.get("used").and_then(Data::as_u64);
                    self.problem = None;
                    return;
                }
                Err(failure) => self.problem = Some(failure.to_string()),
            }
        }
    }
}

/// Finds what is in an image.
///
/// # Errors
/// When it cannot be read, or its table is damaged.
pub fn probe(image: &dyn ReadAt, format: &'static str) -> Result<Disk, Failure> {
    let mut disk = Disk { format, len: image.len(), table: None, parts: Vec::new() };
    let mut whole = Part::bare(0, image.len());
    whole.look(&Window::new(image, 0, image.len()));
    for kind in table::ALL {
        // A disk with a GPT has an MBR, too, which only protects it.
        let Some(mut listed) = kind.read(image)? else { continue };
        listed.sort_by_key(|part| part.start);
        disk.table = Some(kind.kind().name.into());
        for found in listed {
            let mut part = Part {
                number: Some(found.number),
                name: found.name,
                ty: found.ty,
                partuuid: found.uuid,
                ..Part::bare(found.start, found.len)
            };
            part.look(&Window::new(image, found.start, found.len));
            disk.parts.push(part);
        }
        break;
    }
    if whole.filesystem.is_some() || (whole.problem.is_some() && disk.table.is_none()) {
        disk.parts.insert(0, whole);
    }
    Ok(disk)
}

/// Opens the filesystem that was found.
///
/// # Errors
/// When it is damaged.
pub fn open<'a>(window: &'a Window<'_>, part: &Part) -> Result<Box<dyn Volume + 'a>, Failure> {
    let kind = part.filesystem.as_deref().and_then(imgc_formats::filesystem);
    let volume = kind.map(|kind| kind.open(window)).transpose()?.flatten();
    volume.ok_or_else(|| Failure::Request("the image changed while it was read".into()))
}
