//! What is asked of a disk: its size, its table's rules, and partitions with constraints.

use serde::Serialize;

use crate::{
    digest::{Canon, Canonical},
    kind::TableTraits,
};

/// A disk to lay out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DiskSpec {
    /// The disk's length in bytes; `None`: as long as its partitions need.
    pub len: Option<u64>,
    /// Bytes in a sector: 512 or 4096.
    pub sector_size: u32,
    /// What the table allows, for this sector size.
    pub rules: TableRules,
    /// The partitions, in the order of the manifest, which is their order on disk unless they have fixed starts.
    pub parts: Vec<PartSpec>,
}

/// What a partition table allows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TableRules {
    /// Sectors at the start that no partition may use.
    pub head: u64,
    /// Sectors at the end that no partition may use.
    pub tail: u64,
    /// The most (primary) partitions.
    pub slots: u32,
    /// Whether logical partitions exist: each needs a sector before it, in an extended partition that takes a slot.
    pub logical: bool,
    /// The largest sector number that a partition may start at or reach.
    pub max_sector: u64,
    /// Whether a partition that the table lists may begin in the sectors at the start.
    pub shares_head: bool,
}

/// A partition to place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PartSpec {
    /// Its name in the manifest.
    pub name: String,
    /// Its number in the table; resolved before anything runs. 0: it lies on the disk, but the table does not list it.
    pub number: u32,
    /// Primary or logical.
    pub role: PartRole,
    /// Its first byte; `None`: after the one before, aligned.
    pub start: Option<u64>,
    /// Its start is a multiple of this many bytes where it has no fixed start.
    pub align: u64,
    /// How long it is.
    pub size: PartSize,
    /// Its type: a GUID in lower case with hyphens, or two hexadecimal digits.
    pub type_code: String,
    /// The name that the table stores, if it stores names.
    pub table_name: String,
    /// The partition's own GUID, lower case with hyphens, if the table stores one.
    pub uuid: Option<String>,
    /// Whether it is marked bootable.
    pub bootable: bool,
    /// Attribute bits.
    pub attributes: u64,
    /// Bytes at its start that its content leaves to others: with enough of them it may begin in the table's sectors.
    pub system_area: u64,
}

/// Which part of the table holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PartRole {
    /// In the table itself.
    Primary,
    /// In the extended partition's chain (MBR only).
    Logical,
}

/// How long a partition is, in bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PartSize {
    /// Exactly so long.
    Exact(u64),
    /// As long as its content needs, and some slack.
    Fit {
        /// What is added.
        slack: Slack,
        /// Never shorter than this.
        min: u64,
        /// Never longer than this: an error when the content needs more.
        max: Option<u64>,
    },
    /// A share of what is left when all others have their size.
    Fill {
        /// Its share in proportion to the other fills.
        weight: u32,
        /// Never shorter than this.
        min: u64,
        /// Never longer than this.
        max: Option<u64>,
    },
}

/// Room beyond what the content needs: the larger of the two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Slack {
    /// Bytes.
    pub bytes: u64,
    /// Hundredths of what the content needs.
    pub percent: u32,
}

impl PartSpec {
    /// Whether the table lists it.
    pub fn listed(&self) -> bool {
        self.number > 0
    }
}

impl PartRole {
    /// Its name in facts and digests.
    pub fn name(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Logical => "logical",
        }
    }

    /// The role of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Primary, Self::Logical].into_iter().find(|role| role.name() == name)
    }
}

impl TableRules {
    /// Of a disk without a table: one partition is all of it.
    pub const BARE: Self =
        Self { head: 0, tail: 0, slots: 1, logical: false, max_sector: u64::MAX, shares_head: false };

    /// The rules of a table for this sector size; `None` when the table does not know it.
    pub fn of(traits: &TableTraits, sector_size: u32) -> Option<Self> {
        let find = |list: &[(u32, u64)]| list.iter().find(|(size, _)| *size == sector_size).map(|(_, n)| *n);
        Some(Self {
            head: find(traits.head)?,
            tail: find(traits.tail)?,
            slots: traits.slots,
            logical: traits.logical,
            max_sector: traits.max_sector,
            shares_head: traits.shares_head,
        })
    }
}

impl Slack {
    /// The length of content with its slack; `None` when it overflows.
    pub fn add(&self, len: u64) -> Option<u64> {
        let share = u64::try_from(u128::from(len) * u128::from(self.percent) / 100).ok()?;
        len.checked_add(share.max(self.bytes))
    }
}

impl Canonical for DiskSpec {
    fn canon(&self, c: &mut Canon) {
        let Self { len, sector_size, rules, parts } = self;
        c.add(len).add(sector_size).add(rules).add(parts);
    }
}

impl Canonical for TableRules {
    fn canon(&self, c: &mut Canon) {
        let Self { head, tail, slots, logical, max_sector, shares_head } = self;
        c.add(head).add(tail).add(slots).add(logical).add(max_sector).add(shares_head);
    }
}

impl Canonical for PartSpec {
    fn canon(&self, c: &mut Canon) {
        let Self {
            name,
            number,
            role,
            start,
            align,
            size,
            type_code,
            table_name,
            uuid,
            bootable,
            attributes,
            system_area,
        } = self;
        c.text(name)
            .add(number)
            .text(role.name())
            .add(start)
            .add(align)
            .add(size)
            .text(type_code)
            .text(table_name);
        c.add(uuid).add(bootable).add(attributes).add(system_area);
    }
}

impl Canonical for PartSize {
    fn canon(&self, c: &mut Canon) {
        match self {
            Self::Exact(len) => c.text("exact").add(len),
            Self::Fit { slack: Slack { bytes, percent }, min, max } => {
                c.text("fit").add(bytes).add(percent).add(min).add(max)
            }
            Self::Fill { weight, min, max } => c.text("fill").add(weight).add(min).add(max),
        };
    }
}
