//! Steps of dm-verity.

use serde::Serialize;

use super::Stage;
use crate::{
    digest::{Canon, Canonical},
    layout::DiskSpec,
};

/// dm-verity: hashes of read-only bytes in a tree whose root hash proves all of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "product")]
pub enum Verity {
    /// `[Int fact?]` → Facts `{ len }`: how long the hashes will be of a content that is as long as the input says, or as the
    /// partition that it is in.
    Length {
        /// Whether a superblock comes before the tree.
        superblock: bool,
        /// That partition on a disk of its own, if the content is as long; the input is there if the partition fits it. What is
        /// wrong with it, the real layout says.
        alone: Option<DiskSpec>,
    },
    /// `[Int fact]` → Facts `{ len }`: how long a content of such a length is, in whole blocks, with its hashes behind it.
    Grown {
        /// Whether a superblock comes before the tree.
        superblock: bool,
    },
    /// `[Int fact]` → Facts `{ len }`: how long a content can be, in whole blocks, that has its hashes behind it and such a length
    /// with them.
    Left {
        /// Whether a superblock comes before the tree.
        superblock: bool,
    },
    /// `[Bytes]` → Bytes: the hash device.
    Hashes {
        /// What is hashed before every block, at most 256 bytes.
        salt: Vec<u8>,
        /// The hash device's UUID, lower case with hyphens; `None`: it has no superblock, which would hold it.
        uuid: Option<String>,
    },
    /// `[Bytes of the data, Bytes of its hashes, Int fact length?]` → Bytes: the one right behind the other, then zeros up to the
    /// length.
    Append,
    /// `[Bytes of the data, Bytes of its hashes]` → Facts
    /// `{ root_hash, salt, hash_offset, data_blocks, hash_len, data_guid, hash_guid }`.
    Facts {
        /// What was hashed before every block.
        salt: Vec<u8>,
        /// Whether a superblock comes before the tree.
        superblock: bool,
        /// Whether the hashes lie behind the data.
        appended: bool,
    },
}

impl Verity {
    /// When it runs.
    pub fn stage(&self) -> Stage {
        match self {
            Self::Length { .. } | Self::Grown { .. } | Self::Left { .. } => Stage::Gather,
            Self::Hashes { .. } | Self::Append | Self::Facts { .. } => Stage::Make,
        }
    }

    /// Whether it gives facts.
    pub fn gives_facts(&self) -> bool {
        !matches!(self, Self::Hashes { .. } | Self::Append)
    }
}

impl Canonical for Verity {
    fn canon(&self, c: &mut Canon) {
        match self {
            Self::Length { superblock, alone } => c.text("length").add(superblock).add(alone),
            Self::Grown { superblock } => c.text("grown").add(superblock),
            Self::Left { superblock } => c.text("left").add(superblock),
            Self::Hashes { salt, uuid } => c.text("hashes").bytes(salt).add(uuid),
            Self::Append => c.text("append"),
            Self::Facts { salt, superblock, appended } => {
                c.text("facts").bytes(salt).add(superblock).add(appended)
            }
        };
    }
}
