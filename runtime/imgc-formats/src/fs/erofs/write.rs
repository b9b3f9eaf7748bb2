//! Writing: contents, then inodes with their tails and tables, then the superblock.

use std::io;

use imgc_image::{BytesBuilder, Failure, Node};

use super::{
    data::{self, Data, Layout, Packed},
    directory::{self, Item},
    format::{
        ALGORITHM_LZ4, BLOCK, CHUNK_BASED, COMPAT_MTIME, COMPAT_SB_CHKSUM, COMPRESSED_FULL, FLAT_INLINE,
        FLAT_PLAIN, INCOMPAT_CHUNKED_FILE, INCOMPAT_COMPR_CFGS, INCOMPAT_ZERO_PADDING, SLOT, Super,
        lz4_config, zstd_config,
    },
    nodes::Nodes,
    options::{Method, Settings},
    place::Slots,
    squeeze, xattr,
};

/// Bytes that follow one another are handed on when there are so many.
const CHUNK: usize = 1 << 20;

/// Writes a filesystem and says its length.
///
/// # Errors
/// As [`data::place`].
pub fn write(settings: &Settings, nodes: &Nodes<'_>, out: &mut BytesBuilder<'_>) -> Result<(), Failure> {
    let (data, next) = data::place(settings, nodes, out)?;
    let shared_blocks = (nodes.pool.area.len() as u64).div_ceil(BLOCK);
    let meta = next + shared_blocks;
    let mut slots = Slots::new();
    let lens = nodes.inodes.iter().zip(&data).map(|(inode, data)| data.len_at(inode.head_len()));
    // Numbers could have 64 bits; 128 GiB of inodes, in which all of these lie, are more than any tree has.
    let nids: Vec<u32> = lens
        .map(|len| u32::try_from(slots.place(len)))
        .collect::<Result<_, _>>()
        .map_err(|_| data::too_large())?;
    let blocks = meta + slots.blocks() + u64::from(ends_at_edge(nodes, &nids, slots.blocks()));
    let blocks = u32::try_from(blocks).map_err(|_| data::too_large())?;
    let sb = Super {
        feature_compat: COMPAT_SB_CHKSUM | COMPAT_MTIME,
        blkszbits: BLOCK.ilog2() as u8,
        root_nid: u16::try_from(nids[0]).expect("because the root is placed first"),
        inos: nids.len() as u64,
        build_time: settings.epoch,
        blocks,
        meta_blkaddr: meta as u32,
        xattr_blkaddr: if shared_blocks > 0 { next as u32 } else { 0 },
        uuid: settings.uuid,
        volume_name: padded(&settings.label),
        feature_incompat: incompat(settings, &data),
        u1: 0,
        ..Super::default()
    };
    let mut sink = Sink { out, start: 0, pending: Vec::new() };
    let mut writer =
        Writer { settings, nodes, data: &data, nids: &nids, meta: meta * BLOCK, sink: &mut sink };
    writer.all().map_err(Failure::machine("writing the filesystem's metadata"))?;
    finish(settings, sb, &nodes.pool.area, &mut sink)
        .map_err(Failure::machine("writing the filesystem's metadata"))?;
    out.set_len(u64::from(blocks) * BLOCK);
    Ok(())
}

/// Whether an inode without attributes ends so close to the end that there would be no room for any: fsck.erofs 1.5 reads the
/// header that is not there and fails.
fn ends_at_edge(nodes: &Nodes<'_>, nids: &[u32], blocks: u64) -> bool {
    let ends = nodes.inodes.iter().zip(nids).map(|(inode, nid)| u64::from(*nid) * SLOT + inode.head_len());
    ends.max().is_some_and(|end| end + xattr::HEADER as u64 > blocks * BLOCK)
}

fn finish(settings: &Settings, mut sb: Super, shared: &[u8], sink: &mut Sink<'_, '_>) -> io::Result<()> {
    let mut configs = Vec::new();
    if sb.feature_incompat & INCOMPAT_COMPR_CFGS != 0 {
        // A bit for each algorithm, then the configurations of those.
        sb.u1 = 1 << algorithm(settings);
        configs = match settings.compress {
            Some(Method::Zstd { window, .. }) => zstd_config(window).to_vec(),
            _ => lz4_config(settings.cluster_blocks as u16).to_vec(),
        };
    }
    sink.put(u64::from(sb.xattr_blkaddr) * BLOCK, shared)?;
    sink.put(0, &sb.block(&configs))?;
    sink.flush()
}

/// `feature_incompat`: only what some inode needs.
fn incompat(settings: &Settings, data: &[Data]) -> u32 {
    let mut bits = 0;
    for data in data {
        match data.layout {
            Layout::Chunks(_) => bits |= INCOMPAT_CHUNKED_FILE,
            Layout::Packed(_) if settings.cluster_blocks > 1 || algorithm(settings) != ALGORITHM_LZ4 => {
                bits |= INCOMPAT_ZERO_PADDING | INCOMPAT_COMPR_CFGS;
            }
            Layout::Packed(_) => bits |= INCOMPAT_ZERO_PADDING,
            _ => {}
        }
    }
    bits
}

fn algorithm(settings: &Settings) -> u8 {
    settings.compress.map_or(ALGORITHM_LZ4, Method::number)
}

fn padded(label: &[u8]) -> [u8; 16] {
    let mut name = [0; 16];
    name[..label.len()].copy_from_slice(label);
    name
}

impl Data {
    /// Bytes from the start of an inode to the end of all that follows it, when its attributes end after `head` bytes.
    fn len_at(&self, head: u64) -> u64 {
        head + match &self.layout {
            Layout::None => 0,
            Layout::Flat { tail, .. } => *tail,
            Layout::Chunks(chunks) => 4 * chunks.table.len() as u64,
            Layout::Packed(_) => squeeze::indexes_len(head, self.size),
        }
    }

    /// The data layout and `i_u`; a device keeps its own.
    fn describe(&self, device: u32) -> (u16, u32) {
        match &self.layout {
            Layout::None => (FLAT_PLAIN, device),
            Layout::Flat { block, tail: 0 } => (FLAT_PLAIN, *block),
            Layout::Flat { block, .. } => (FLAT_INLINE, *block),
            Layout::Chunks(chunks) => (CHUNK_BASED, chunks.bits - BLOCK.ilog2()),
            Layout::Packed(packed) => (COMPRESSED_FULL, packed.blocks),
        }
    }
}

/// Gathers bytes that follow one another and puts them together.
struct Sink<'w, 's> {
    out: &'w mut BytesBuilder<'s>,
    start: u64,
    pending: Vec<u8>,
}

impl Sink<'_, '_> {
    fn put(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        if at != self.start + self.pending.len() as u64 || self.pending.len() >= CHUNK {
            self.flush()?;
            self.start = at;
        }
        self.pending.extend_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.put(self.start, &self.pending)?;
        self.pending.clear();
        Ok(())
    }
}

struct Writer<'a, 'w, 's, 'k> {
    settings: &'a Settings,
    nodes: &'a Nodes<'a>,
    data: &'a [Data],
    nids: &'a [u32],
    /// Where the metadata starts.
    meta: u64,
    sink: &'k mut Sink<'w, 's>,
}

impl Writer<'_, '_, '_, '_> {
    /// Writes all inodes in the order of their places, so that neighbours are put together.
    fn all(&mut self) -> io::Result<()> {
        let mut order: Vec<u32> = (0..).take(self.nids.len()).collect();
        order.sort_unstable_by_key(|at| self.nids[*at as usize]);
        order.into_iter().try_for_each(|at| {
            let place = self.meta + u64::from(self.nids[at as usize]) * SLOT;
            self.inode(at as usize, place)
        })
    }

    fn inode(&mut self, at: usize, place: u64) -> io::Result<()> {
        let (inode, data) = (&self.nodes.inodes[at], &self.data[at]);
        let mut disk = inode.disk(at as u32);
        disk.size = data.size;
        (disk.layout, disk.u) = data.describe(disk.u);
        self.sink.put(place, &disk.encode())?;
        self.sink.put(place + disk.len() as u64, &self.nodes.pool.body(&inode.entry.xattrs))?;
        let after = place + inode.head_len();
        match &data.layout {
            Layout::None => Ok(()),
            Layout::Flat { block, tail } => self.flat(at, u64::from(*block) * BLOCK, *tail, after),
            Layout::Chunks(chunks) => {
                let bytes: Vec<u8> = chunks.table.iter().flat_map(|block| block.to_le_bytes()).collect();
                self.sink.put(after, &bytes)
            }
            Layout::Packed(packed) => {
                let Packed { block, blocks: _, pieces } = packed.as_ref();
                let mut next = after.next_multiple_of(8);
                let mut result = Ok(());
                let advise = squeeze::advise(self.settings.cluster_blocks);
                squeeze::indexes(*block, pieces, advise, algorithm(self.settings), |index| {
                    if result.is_ok() {
                        result = self.sink.put(next, index);
                    }
                    next += 8;
                });
                result
            }
        }
    }

    /// The tail of a file; all of a directory or symbolic link.
    fn flat(&mut self, at: usize, blocks: u64, tail: u64, after: u64) -> io::Result<()> {
        let bytes = match &self.nodes.inodes[at].entry.node {
            Node::File { content, .. } => {
                self.sink.out.content(after, content, content.len() - tail, tail);
                return Ok(());
            }
            Node::Symlink(target) => target.to_vec(),
            _ => self.directory(at),
        };
        let (whole, rest) = bytes.split_at(bytes.len() - tail as usize);
        self.sink.put(blocks, whole)?;
        self.sink.put(after, rest)
    }

    fn directory(&self, at: usize) -> Vec<u8> {
        let names = self.nodes.names(at);
        let items: Vec<Item<'_>> = names
            .iter()
            .map(|(name, inode)| Item {
                name,
                nid: self.nids[*inode as usize].into(),
                kind: self.nodes.inodes[*inode as usize].kind().1,
            })
            .collect();
        directory::encode(&items)
    }
}
