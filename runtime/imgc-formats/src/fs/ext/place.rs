//! Placing: geometry and files together, in one order, for measuring and for writing.

use super::{
    geometry::{Cursor, FIRST_INODE, Geometry, Unfit},
    inode::{JOURNAL, RESIZE, ROOT},
    map::{Run, Shape},
    nodes::{Nodes, lost_found_blocks, shape},
    settings::{Journal, Settings},
};

/// What an inode is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Job {
    /// This entry of the tree.
    Entry(usize),
    /// The room for group descriptors.
    Resize,
    /// A journal of so many blocks.
    Journal(u64),
    /// A `lost+found` that the tree does not have.
    LostFound,
}

/// A filesystem that is planned, down to the inode, for one length.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Groups and what lies in them.
    pub geometry: Geometry,
    /// Blocks of the journal; 0 for none.
    pub journal: u64,
}

/// mke2fs's table: up to so many blocks of filesystem, so many of journal (e2fsprogs, `ext2fs_get_journal_params`).
const JOURNAL_TABLE: &[(u64, u64)] = &[
    (2048, 0),
    (32_768, 1024),
    (256 << 10, 4096),
    (512 << 10, 8192),
    (4096 << 10, 16_384),
    (8192 << 10, 32_768),
    (16_384 << 10, 65_536),
    (32_768 << 10, 131_072),
    (u64::MAX, 262_144),
];

/// Blocks of the journal for a filesystem of so many blocks.
pub fn journal_blocks(settings: &Settings, blocks: u64) -> u64 {
    match settings.journal {
        Journal::None => 0,
        Journal::Size(size) => size / u64::from(settings.block_size),
        Journal::Auto => {
            JOURNAL_TABLE.iter().find(|(most, _)| blocks < *most).map_or(262_144, |(_, journal)| *journal)
        }
    }
}

/// Smaller journals than this one that mke2fs would make for smaller filesystems, the largest first.
fn smaller_journals(settings: &Settings, than: u64) -> impl Iterator<Item = u64> {
    let auto = settings.journal == Journal::Auto;
    JOURNAL_TABLE.iter().rev().map(|row| row.1).filter(move |blocks| auto && *blocks < than)
}

/// The order of inodes: the reserved ones, then the tree's.
pub fn jobs<'a>(nodes: &'a Nodes<'_>, plan: &Plan) -> impl Iterator<Item = (u32, Job)> + use<'a> {
    let resize = plan.geometry.resize_inode.then_some((RESIZE, Job::Resize));
    let journal = (plan.journal > 0).then_some((JOURNAL, Job::Journal(plan.journal)));
    let lost = (FIRST_INODE, nodes.lost_found.map_or(Job::LostFound, Job::Entry));
    [(ROOT, Job::Entry(0))]
        .into_iter()
        .chain(resize)
        .chain(journal)
        .chain([lost])
        .chain(nodes.ordinary().map(|(inode, at)| (inode, Job::Entry(at))))
}

/// Takes blocks for one inode after the other.
pub struct Placer<'a> {
    nodes: &'a Nodes<'a>,
    shape: Shape,
    /// Where free blocks are.
    pub cursor: Cursor<'a>,
    /// The inode's runs of blocks.
    pub runs: Vec<Run>,
    ranges: Vec<(u64, u64)>,
    /// Where each attribute block lies; 0 until it is placed.
    xattr_blocks: Vec<u64>,
}

/// An attribute block of an inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct XattrBlock {
    /// Where it lies.
    pub at: u64,
    /// How many inodes have it.
    pub sharers: u32,
    /// Whether this inode is the first of them.
    pub new: bool,
}

impl<'a> Placer<'a> {
    /// Starts with all blocks free that are not the geometry's.
    pub fn new(settings: &Settings, nodes: &'a Nodes<'a>, geometry: &'a Geometry) -> Self {
        Self {
            nodes,
            shape: shape(settings),
            cursor: Cursor::new(geometry),
            runs: Vec::new(),
            ranges: Vec::new(),
            xattr_blocks: vec![0; nodes.xattrs.len()],
        }
    }

    /// Takes the blocks of an inode's attributes and contents; those of its map must be taken next, before another inode.
    pub fn place(&mut self, inode: u32, job: Job) -> Option<XattrBlock> {
        let xattr = self.place_xattrs(inode);
        let block_size = self.shape.block_size;
        self.ranges.clear();
        match job {
            Job::Entry(at) => self.nodes.ranges(at, block_size, &mut self.ranges),
            Job::Resize => {}
            Job::Journal(blocks) => self.ranges.push((0, blocks)),
            Job::LostFound => self.ranges.push((0, lost_found_blocks(block_size))),
        }
        self.shape.allocate(&self.ranges, &mut self.cursor, &mut self.runs);
        xattr
    }

    /// How many blocks the map of the inode that was just placed needs.
    pub fn map_blocks(&self, job: Job) -> u64 {
        if job == Job::Resize { 1 } else { self.shape.map_blocks(&self.runs) }
    }

    fn place_xattrs(&mut self, inode: u32) -> Option<XattrBlock> {
        let (number, sharers) = self.nodes.xattrs.get(inode)?;
        let at = &mut self.xattr_blocks[number as usize];
        let new = *at == 0;
        if new {
            *at = self.cursor.one();
        }
        Some(XattrBlock { at: *at, sharers, new })
    }
}

/// How many blocks are missing in a geometry for these nodes; 0 when they fit.
fn missing(settings: &Settings, nodes: &Nodes<'_>, plan: &Plan) -> u64 {
    let mut placer = Placer::new(settings, nodes, &plan.geometry);
    for (inode, job) in jobs(nodes, plan) {
        placer.place(inode, job);
        placer.cursor.skip(placer.map_blocks(job));
    }
    placer.cursor.missing()
}

/// What came of an attempt.
enum Attempt {
    Fits(Plan),
    /// At least so many blocks are worth trying next.
    Short(u64),
    TooLarge,
}

fn attempt(settings: &Settings, nodes: &Nodes<'_>, blocks: u64, journal: u64) -> Attempt {
    let geometry = match Geometry::new(settings, blocks, u64::from(nodes.last_inode())) {
        Ok(geometry) => geometry,
        Err(Unfit::Blocks(least)) => return Attempt::Short(least.max(blocks + 1)),
        Err(Unfit::TooLarge) => return Attempt::TooLarge,
    };
    let plan = Plan { geometry, journal };
    match missing(settings, nodes, &plan) {
        0 => Attempt::Fits(plan),
        missing => {
            let next = plan.geometry.blocks + missing;
            let dropped = plan.geometry.blocks < blocks;
            // What lies behind a last group that was not worth it does not help.
            let grown = if dropped { next.max(plan.geometry.next_group()) } else { next };
            Attempt::Short(grown.max(blocks + 1))
        }
    }
}

/// The plan with the fewest blocks; `None` when no number of blocks will do.
pub fn least(settings: &Settings, nodes: &Nodes<'_>) -> Option<Plan> {
    let mut blocks = 8;
    let mut best = loop {
        match attempt(settings, nodes, blocks, journal_blocks(settings, blocks)) {
            Attempt::Fits(plan) => break plan,
            Attempt::Short(next) => blocks = next,
            Attempt::TooLarge => return None,
        }
    };
    // Steps are as long as what was missing; a tail that needs less of its own may have been stepped over.
    while best.geometry.blocks > 8 {
        let fewer = best.geometry.blocks - 1;
        match attempt(settings, nodes, fewer, journal_blocks(settings, fewer)) {
            Attempt::Fits(plan) => best = plan,
            _ => break,
        }
    }
    Some(best)
}

/// What [`within`] found.
pub enum Within {
    /// The plan.
    Plan(Plan),
    /// At least so many blocks are needed.
    Needs(u64),
    /// No number of blocks will do, or so many cannot be addressed.
    Never,
}

/// The plan for at most so many blocks. Where the journal of mke2fs's table would take the room that the tree needs, it is one of the
/// smaller ones; where the last group would, it is left out.
pub fn within(settings: &Settings, nodes: &Nodes<'_>, blocks: u64) -> Within {
    let journal = journal_blocks(settings, blocks);
    match attempt(settings, nodes, blocks, journal) {
        Attempt::Fits(plan) => return Within::Plan(plan),
        Attempt::TooLarge => return Within::Never,
        Attempt::Short(_) => {}
    }
    let Some(least) = least(settings, nodes) else { return Within::Never };
    if least.geometry.blocks > blocks {
        return Within::Needs(least.geometry.blocks);
    }
    for journal in smaller_journals(settings, journal).take_while(|journal| *journal >= least.journal) {
        if let Attempt::Fits(plan) = attempt(settings, nodes, blocks, journal) {
            return Within::Plan(plan);
        }
    }
    Within::Plan(least)
}
