//! Writing: inode after inode with what it owns, then what was counted on the way.

use std::io;

use imgc_image::{BytesBuilder, Entry, Failure, Node};

use super::{
    checksum::filesystem_seed,
    directory::{Home, Item, Made, Style},
    features::Features,
    geometry::{Cursor, FIRST_INODE, Geometry},
    groups::Groups,
    inode::{EXTENTS_FLAG, Encoder, FAST_SYMLINK, INDEX_FLAG, Inode, ROOT, TYPE_DIR, TYPE_FILE, device},
    map::{Run, Shape},
    nodes::{LOST_FOUND, Nodes, encode_xattrs, lost_found_blocks, shape, style},
    place::{Job, Placer, Plan, XattrBlock, jobs},
    settings::Settings,
    sink::Sink,
    superblock::journal_superblock,
    xattr,
};

/// Writes a planned filesystem.
///
/// # Errors
/// When the store cannot take the metadata.
pub fn write(
    settings: &Settings,
    nodes: &Nodes<'_>,
    plan: &Plan,
    out: &mut BytesBuilder<'_>,
) -> Result<(), Failure> {
    let mut writer = Writer::new(settings, nodes, plan, out);
    let mut placer = Placer::new(settings, nodes, &plan.geometry);
    for (number, job) in jobs(nodes, plan) {
        writer
            .inode(&mut placer, number, job)
            .map_err(Failure::machine("writing the filesystem's metadata"))?;
    }
    if placer.cursor.missing() > 0 {
        return Err(Failure::Bug("ext: what was planned does not fit what is written".into()));
    }
    writer.finish(placer.cursor.frontier()).map_err(Failure::machine("writing the filesystem's metadata"))
}

struct Writer<'a, 'w, 's> {
    settings: &'a Settings,
    nodes: &'a Nodes<'a>,
    geometry: &'a Geometry,
    encoder: Encoder,
    shape: Shape,
    style: Style,
    sink: Sink<'w, 's>,
    /// The inode table of the group that is being filled.
    table: Vec<u8>,
    table_group: u32,
    groups: Groups<'a>,
    journal: Option<([u8; 60], u64)>,
}

impl<'a, 'w, 's> Writer<'a, 'w, 's> {
    fn new(
        settings: &'a Settings,
        nodes: &'a Nodes<'a>,
        plan: &'a Plan,
        out: &'w mut BytesBuilder<'s>,
    ) -> Self {
        let csum = settings.features.has(Features::METADATA_CSUM).then(|| filesystem_seed(&settings.uuid));
        let block_size = u64::from(settings.block_size);
        Self {
            settings,
            nodes,
            geometry: &plan.geometry,
            encoder: Encoder {
                size: settings.inode_size as usize,
                block_size,
                csum,
                hash_seed: settings.hash_seed,
                hurd: settings.creator_os == 1,
            },
            shape: shape(settings),
            style: style(settings),
            sink: Sink::new(out, block_size),
            table: Vec::new(),
            table_group: 0,
            groups: Groups::new(settings, &plan.geometry, csum),
            journal: None,
        }
    }

    /// Writes an inode and all that it owns.
    fn inode(&mut self, placer: &mut Placer<'_>, number: u32, job: Job) -> io::Result<()> {
        let xattr = placer.place(number, job);
        let mut inode = match job {
            Job::Entry(at) => self.entry(number, at, &placer.runs, xattr)?,
            Job::LostFound => self.lost_found(&placer.runs)?,
            Job::Journal(blocks) => self.journal(blocks, &placer.runs)?,
            Job::Resize => {
                let inode = self.resize_inode(placer.cursor.one())?;
                return self.store(number, &inode);
            }
        };
        let data: u64 = placer.runs.iter().map(|run| run.len).sum();
        inode.blocks = data + placer.map_blocks(job) + u64::from(xattr.is_some());
        if self.is_mapped(job) {
            let seed = self.encoder.csum.map(|_| self.encoder.seed(number));
            inode.map = self.map(&placer.runs, seed, &mut placer.cursor)?;
            if self.shape.extents {
                inode.flags |= EXTENTS_FLAG;
            }
        }
        if let Job::Journal(_) = job {
            self.journal = Some((inode.map, inode.size));
        }
        self.store(number, &inode)
    }

    fn is_mapped(&self, job: Job) -> bool {
        match job {
            Job::Entry(at) => match &self.nodes.entries[at].node {
                Node::Dir | Node::File { .. } => true,
                Node::Symlink(target) => target.len() > FAST_SYMLINK,
                _ => false,
            },
            _ => true,
        }
    }

    fn map(&mut self, runs: &[Run], seed: Option<u32>, cursor: &mut Cursor<'_>) -> io::Result<[u8; 60]> {
        let sink = &mut self.sink;
        self.shape.build(runs, seed, &mut |bytes| {
            let at = cursor.one();
            sink.put(at, bytes)?;
            Ok(at)
        })
    }

    /// The inode of an entry of the tree; its contents are written or pointed at.
    fn entry(
        &mut self,
        number: u32,
        at: usize,
        runs: &[Run],
        xattr: Option<XattrBlock>,
    ) -> io::Result<Inode> {
        let entry = &self.nodes.entries[at];
        let mut inode = Inode::of(entry);
        let links = self.nodes.links(number);
        // 1 stands for more than can be counted (`dir-nlink`).
        inode.links = if links > 65_000 { 1 } else { links as u16 };
        if self.encoder.size == 128 {
            inode.nanos = 0;
        }
        if !entry.xattrs.is_empty() {
            self.attributes(entry, xattr, &mut inode)?;
        }
        match &entry.node {
            Node::Dir => {
                let made = self.directory(number, at);
                inode.flags |= if made.indexed { INDEX_FLAG } else { 0 };
                inode.size = made.bytes.len() as u64;
                self.put_runs(runs, &made.bytes)?;
            }
            Node::File { content, .. } => {
                inode.size = content.len();
                for run in runs {
                    let from = run.logical * self.shape.block_size;
                    let len = (run.len * self.shape.block_size).min(content.len() - from);
                    self.sink.out.content(run.physical * self.shape.block_size, content, from, len);
                }
            }
            Node::Symlink(target) => {
                inode.size = target.len() as u64;
                if target.len() <= FAST_SYMLINK {
                    inode.map[..target.len()].copy_from_slice(target);
                } else {
                    let mut block = vec![0; self.style.block_size];
                    block[..target.len()].copy_from_slice(target);
                    self.put_runs(runs, &block)?;
                }
            }
            Node::Char { major, minor } | Node::Block { major, minor } => inode.map = device(*major, *minor),
            Node::Fifo | Node::Socket => {}
        }
        Ok(inode)
    }

    /// Puts an entry's attributes into its inode, and into their block if it is the first that has it.
    fn attributes(&mut self, entry: &Entry, xattr: Option<XattrBlock>, inode: &mut Inode) -> io::Result<()> {
        let mut encoded = encode_xattrs(self.settings, entry);
        inode.tail = encoded.inode;
        if let Some(block) = xattr {
            inode.xattr_block = block.at;
            if block.new {
                xattr::complete(&mut encoded.block, block.sharers, block.at, self.encoder.csum);
                self.sink.put(block.at, &encoded.block)?;
            }
        }
        Ok(())
    }

    fn put_runs(&mut self, runs: &[Run], bytes: &[u8]) -> io::Result<()> {
        let size = self.style.block_size;
        for run in runs {
            let (from, to) = (run.logical as usize * size, (run.logical + run.len) as usize * size);
            self.sink.put(run.physical, &bytes[from..to])?;
        }
        Ok(())
    }

    fn directory(&self, number: u32, at: usize) -> Made {
        let nodes = self.nodes;
        let own = Item { name: LOST_FOUND, inode: FIRST_INODE, kind: 2 };
        let own = (at == 0 && nodes.lost_found.is_none()).then_some(own);
        let items: Vec<Item<'_>> = own
            .into_iter()
            .chain(nodes.children(at).map(|child| Item {
                name: nodes.entries[child].name(),
                inode: nodes.inode(child),
                kind: nodes.type_byte(child),
            }))
            .collect();
        let home = Home {
            inode: number,
            parent: nodes.parent_inode(at),
            seed: self.encoder.seed(number),
            least_blocks: nodes.least_blocks(at, self.shape.block_size),
        };
        self.style.make(&home, &items)
    }

    fn lost_found(&mut self, runs: &[Run]) -> io::Result<Inode> {
        let home = Home {
            inode: FIRST_INODE,
            parent: ROOT,
            seed: self.encoder.seed(FIRST_INODE),
            least_blocks: lost_found_blocks(self.shape.block_size),
        };
        let made = self.style.make(&home, &[]);
        self.put_runs(runs, &made.bytes)?;
        let mut inode = Inode::plain(TYPE_DIR | 0o700, self.settings.epoch);
        (inode.links, inode.size) = (2, made.bytes.len() as u64);
        Ok(inode)
    }

    fn journal(&mut self, blocks: u64, runs: &[Run]) -> io::Result<Inode> {
        let mut first = vec![0; self.style.block_size];
        first[..1024].copy_from_slice(&journal_superblock(self.settings, blocks));
        self.sink.put(runs[0].physical, &first)?;
        let mut inode = Inode::plain(TYPE_FILE | 0o600, self.settings.epoch);
        inode.size = blocks * self.shape.block_size;
        Ok(inode)
    }

    /// The inode that owns the reserved descriptor blocks. Its double indirect block names those of group 0, and each of these
    /// names those of the copies.
    fn resize_inode(&mut self, double: u64) -> io::Result<Inode> {
        let geometry = self.geometry;
        let per = self.style.block_size / 4;
        let copies: Vec<u64> = (1..geometry.groups)
            .filter(|group| geometry.has_super(*group))
            .map(|g| u64::from(g) * geometry.per_group)
            .collect();
        let mut top = vec![0; self.style.block_size];
        for n in 0..geometry.reserved_gdt {
            let at = geometry.first + 1 + geometry.desc_blocks + n;
            let slot = (geometry.desc_blocks + n) as usize % per * 4;
            top[slot..slot + 4].copy_from_slice(&(at as u32).to_le_bytes());
            let mut names = vec![0; self.style.block_size];
            for (cell, copy) in names.chunks_exact_mut(4).zip(&copies) {
                cell.copy_from_slice(&((at + copy) as u32).to_le_bytes());
            }
            self.sink.put(at, &names)?;
        }
        self.sink.put(double, &top)?;
        let mut inode = Inode::plain(TYPE_FILE | 0o600, self.settings.epoch);
        let per = per as u64;
        inode.size = (per * per + per + 12) * self.shape.block_size;
        inode.blocks = 1 + geometry.reserved_gdt * (1 + copies.len() as u64);
        inode.map[52..56].copy_from_slice(&(double as u32).to_le_bytes());
        Ok(inode)
    }

    /// Puts an inode into its table; tables are handed on when the next one begins.
    fn store(&mut self, number: u32, inode: &Inode) -> io::Result<()> {
        let (group, index) =
            ((number - 1) / self.geometry.inodes_per_group, (number - 1) % self.geometry.inodes_per_group);
        if group != self.table_group {
            self.flush_table()?;
            self.table_group = group;
        }
        let at = index as usize * self.encoder.size;
        self.table.resize(at + self.encoder.size, 0);
        self.encoder.encode(number, inode, &mut self.table[at..]);
        self.groups.count(group, index, inode.mode & 0o170_000 == TYPE_DIR);
        Ok(())
    }

    fn flush_table(&mut self) -> io::Result<()> {
        let at = self.geometry.places[self.table_group as usize].inode_table * self.shape.block_size;
        self.sink.out.put(at, &self.table)?;
        self.table.clear();
        Ok(())
    }

    /// Writes what is known only when all files are placed; blocks before `frontier` are all taken.
    fn finish(mut self, frontier: u64) -> io::Result<()> {
        self.flush_table()?;
        self.groups.finish(frontier, self.journal, &mut self.sink)
    }
}
