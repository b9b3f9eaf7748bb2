//! Groups: what is counted while inodes are written, and becomes bitmaps, descriptors and superblocks at the end.

use std::io;

use super::{
    checksum::crc32c,
    geometry::{FIRST_INODE, Geometry},
    settings::Settings,
    sink::Sink,
    superblock::{BLOCK_UNINIT, Group, INODE_UNINIT, INODE_ZEROED, OFFSET, Totals, descriptor, superblock},
};

/// All groups of a filesystem.
pub struct Groups<'a> {
    settings: &'a Settings,
    geometry: &'a Geometry,
    /// The seed of checksums, if there are any.
    csum: Option<u32>,
    /// Directories of each group, and the last inode that is used in it, from 1 on.
    used: Vec<(u32, u32)>,
}

impl<'a> Groups<'a> {
    /// Starts with no inode used.
    pub fn new(settings: &'a Settings, geometry: &'a Geometry, csum: Option<u32>) -> Self {
        Self { settings, geometry, csum, used: vec![(0, 0); geometry.groups as usize] }
    }

    /// Counts an inode; they come in ascending order.
    pub fn count(&mut self, group: u32, index: u32, dir: bool) {
        let used = &mut self.used[group as usize];
        used.0 += u32::from(dir);
        used.1 = index + 1;
    }

    /// Writes what is known only when all files are placed; blocks before `frontier` are all taken.
    ///
    /// # Errors
    /// When the store cannot take it.
    pub fn finish(
        mut self,
        frontier: u64,
        journal: Option<([u8; 60], u64)>,
        sink: &mut Sink<'_, '_>,
    ) -> io::Result<()> {
        let geometry = self.geometry;
        let size = geometry.desc_size as usize;
        let mut descriptors = vec![0; (geometry.desc_blocks * geometry.block_size) as usize];
        // The reserved inodes count as used, whether there is anything in them or not.
        self.used[0].1 = self.used[0].1.max(FIRST_INODE);
        let mut totals = Totals { free_blocks: 0, free_inodes: 0, journal };
        for group in 0..geometry.groups {
            let fields = self.group(group, frontier, sink)?;
            totals.free_blocks += u64::from(fields.free_blocks);
            totals.free_inodes += u64::from(fields.free_inodes);
            let at = group as usize * size;
            descriptor(self.settings, geometry, group, &fields, &mut descriptors[at..at + size]);
        }
        for group in (0..geometry.groups).filter(|group| geometry.has_super(*group)) {
            let start = geometry.group_start(group) * geometry.block_size;
            // The first one leaves room for a boot sector.
            let at = if group == 0 { OFFSET } else { start };
            sink.out.put(at, &superblock(self.settings, geometry, &totals, group))?;
            sink.put(geometry.group_start(group) + 1, &descriptors)?;
        }
        sink.flush()
    }

    /// Writes a group's bitmaps, unless they can be left out, and gives what its descriptor says.
    fn group(&self, group: u32, frontier: u64, sink: &mut Sink<'_, '_>) -> io::Result<Group> {
        let geometry = self.geometry;
        let (dirs, last_inode) = self.used[group as usize];
        let csum = self.settings.features.group_csum();
        let bits = self.block_bitmap(group, frontier);
        let taken: u32 = bits.iter().map(|byte| byte.count_ones()).sum();
        let place = geometry.places[group as usize];
        let mut fields = Group {
            free_blocks: geometry.per_group as u32 - taken,
            free_inodes: geometry.inodes_per_group - last_inode,
            dirs,
            unused_inodes: if csum { geometry.inodes_per_group - last_inode } else { 0 },
            flags: if csum { INODE_ZEROED } else { 0 },
            ..Group::default()
        };
        let untouched = geometry.group_start(group) >= frontier && !geometry.hosts_others(group);
        if csum && untouched && group > 0 && group + 1 < geometry.groups {
            fields.flags |= BLOCK_UNINIT;
        } else {
            fields.block_csum = self.csum.map_or(0, |seed| crc32c(seed, &bits));
            sink.put(place.block_bitmap, &bits)?;
        }
        if csum && last_inode == 0 {
            fields.flags |= INODE_UNINIT;
        } else {
            let bits = inode_bitmap(geometry, last_inode);
            let used = &bits[..geometry.inodes_per_group as usize / 8];
            fields.inode_csum = self.csum.map_or(0, |seed| crc32c(seed, used));
            sink.put(place.inode_bitmap, &bits)?;
        }
        Ok(fields)
    }

    fn block_bitmap(&self, group: u32, frontier: u64) -> Vec<u8> {
        let geometry = self.geometry;
        let start = geometry.group_start(group);
        let end = start + geometry.group_blocks(group);
        let mut bits = vec![0; geometry.block_size as usize];
        set(&mut bits, 0, frontier.clamp(start, end) - start);
        for (from, to) in geometry.taken_in(group) {
            set(&mut bits, from - start, to - start);
        }
        set(&mut bits, end - start, geometry.per_group);
        bits
    }
}

fn inode_bitmap(geometry: &Geometry, last_inode: u32) -> Vec<u8> {
    let mut bits = vec![0; geometry.block_size as usize];
    set(&mut bits, 0, u64::from(last_inode));
    set(&mut bits, u64::from(geometry.inodes_per_group), geometry.per_group);
    bits
}

/// Sets bits `from..to`.
fn set(bits: &mut [u8], from: u64, to: u64) {
    let (mut at, to) = (from as usize, to as usize);
    while at < to {
        if at % 8 == 0 && to - at >= 8 {
            let (first, last) = (at / 8, to / 8);
            bits[first..last].fill(0xFF);
            at = last * 8;
        } else {
            bits[at / 8] |= 1 << (at % 8);
            at += 1;
        }
    }
}
