//! Where contents lie: block after block, inode after inode; files that are equal share.

use std::collections::BTreeMap;

use imgc_image::{BytesBuilder, Content, Failure, Node, Problem, Reader, Store};
use rayon::prelude::*;

use super::{
    format::{BLOCK, NULL_ADDR},
    nodes::{Inode, Nodes},
    options::Settings,
    sparse,
    squeeze::{self, Piece},
};

/// Bytes of contents that are in memory at a time, at most, not counting a last segment.
const WINDOW: u64 = 32 << 20;

/// Inodes that are looked at before any is placed, at most.
const MOST_JOBS: usize = 1 << 14;

/// Where the data of an inode is. There is one for each inode, so what is rare and large is boxed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Layout {
    /// There is none.
    None,
    /// In blocks that follow one another, and so many bytes right behind the inode.
    Flat { block: u32, tail: u64 },
    /// In chunks, each somewhere or nowhere.
    Chunks(Box<Chunks>),
    /// In pieces that follow one another.
    Packed(Box<Packed>),
}

/// Data in chunks of `1 << bits` bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunks {
    pub bits: u32,
    pub table: Vec<u32>,
}

/// Data in pieces that follow one another from `block` on, `blocks` in all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    pub block: u32,
    pub blocks: u32,
    pub pieces: Vec<Piece>,
}

/// The data of an inode: how long it is, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Data {
    /// `i_size`.
    pub size: u64,
    /// Where it is.
    pub layout: Layout,
}

/// A stretch of a file that is read, or an inode of which nothing is read.
struct Job<'t> {
    inode: usize,
    read: Option<(&'t Content, u64, u64)>,
}

/// What was made of a stretch.
enum Made {
    Nothing,
    Pieces(Vec<(Piece, Vec<u8>)>),
    /// The hash of each chunk; `None` when it is all zero.
    Chunks(Vec<Option<[u8; 32]>>),
}

/// Gives every inode's data its place and points at contents; compressed pieces are put. The directories' and long symbolic
/// links' blocks are only reserved. Also gives the first block after all of it.
///
/// # Errors
/// When contents cannot be read or the store takes no more; `filesystem-too-large`.
pub fn place(
    settings: &Settings,
    nodes: &Nodes<'_>,
    out: &mut BytesBuilder<'_>,
) -> Result<(Vec<Data>, u64), Failure> {
    let mut placer = Placer::new(settings, nodes, out);
    let store = placer.out.store();
    let mut jobs = nodes.inodes.iter().enumerate().flat_map(|(at, inode)| jobs(settings, at, inode));
    loop {
        let (mut bytes, mut window) = (0, Vec::new());
        while bytes < WINDOW && window.len() < MOST_JOBS {
            let Some(job) = jobs.next() else { break };
            bytes += job.read.map_or(0, |(_, _, len)| len);
            window.push(job);
        }
        if window.is_empty() {
            break;
        }
        let made: Vec<Result<Made, Failure>> =
            window.par_iter().map(|job| work(settings, store, job)).collect();
        for (job, made) in window.iter().zip(made) {
            placer.take(job, made?)?;
        }
    }
    Ok((placer.data, placer.next))
}

/// The stretches in which a file is read, or one job without any.
fn jobs<'t>(settings: &Settings, at: usize, inode: &Inode<'t>) -> impl Iterator<Item = Job<'t>> + use<'t> {
    let step = stretch(settings, inode);
    let content = match &inode.entry.node {
        Node::File { content, .. } => Some(content),
        _ => None,
    };
    let read = content.zip(step).map(|(content, step)| (content, content.len(), step));
    let count = read.map_or(1, |(_, size, step)| size.div_ceil(step));
    (0..count).map(move |n| Job {
        inode: at,
        read: read.map(|(content, size, step)| (content, n * step, step.min(size - n * step))),
    })
}

/// How much of a file is read at once, where it is read at all.
fn stretch(settings: &Settings, inode: &Inode<'_>) -> Option<u64> {
    // Loaders that go by block lists find a dense file's blocks, all of them, and nobody else's.
    let Node::File { content, dense: false } = &inode.entry.node else { return None };
    let step = match (settings.compress, settings.chunk_bits) {
        (Some(_), _) if !mostly_holes(content) => squeeze::segment(settings.cluster_blocks),
        (None, Some(bits)) if sparse_bits(content).is_none() => squeeze::SEGMENT.max(1 << bits),
        _ => return None,
    };
    (content.len() > BLOCK).then_some(step)
}

fn work(settings: &Settings, store: &dyn Store, job: &Job<'_>) -> Result<Made, Failure> {
    let Some((content, from, len)) = job.read else { return Ok(Made::Nothing) };
    let mut input = vec![0; usize::try_from(len).expect("because a segment is small")];
    Reader::new(&content.to_bytes(), store)
        .read_at(from, &mut input)
        .map_err(Failure::machine("reading contents for erofs"))?;
    Ok(match (settings.compress, settings.chunk_bits) {
        (Some(method), _) => Made::Pieces(
            squeeze::squeeze(&input, method, settings.cluster_blocks)
                .map_err(Failure::machine("compressing contents for erofs"))?,
        ),
        (None, Some(bits)) => Made::Chunks(input.chunks(1 << bits).map(hash).collect()),
        (None, None) => Made::Nothing,
    })
}

fn hash(chunk: &[u8]) -> Option<[u8; 32]> {
    chunk.iter().any(|byte| *byte != 0).then(|| *blake3::hash(chunk).as_bytes())
}

struct Placer<'a, 't, 'w, 's> {
    settings: &'a Settings,
    nodes: &'a Nodes<'t>,
    out: &'w mut BytesBuilder<'s>,
    /// The next free block; block 0 is the superblock's.
    next: u64,
    data: Vec<Data>,
    /// The first block of contents that are stored as they are, by their name and number of blocks.
    known: BTreeMap<([u8; 32], u64), u32>,
    /// The first block of chunks, by hash and length.
    chunks: BTreeMap<([u8; 32], u64), u32>,
    /// The file whose stretches are being taken: what is done, and the table or pieces so far.
    done: u64,
    table: Vec<u32>,
    pieces: Vec<Piece>,
    first: u32,
}

impl<'a, 't, 'w, 's> Placer<'a, 't, 'w, 's> {
    fn new(settings: &'a Settings, nodes: &'a Nodes<'t>, out: &'w mut BytesBuilder<'s>) -> Self {
        Self {
            settings,
            nodes,
            out,
            next: 1,
            data: Vec::with_capacity(nodes.inodes.len()),
            known: BTreeMap::new(),
            chunks: BTreeMap::new(),
            done: 0,
            table: Vec::new(),
            pieces: Vec::new(),
            first: 0,
        }
    }

    fn take(&mut self, job: &Job<'t>, made: Made) -> Result<(), Failure> {
        match (made, job.read) {
            (Made::Pieces(pieces), Some((content, from, len))) => {
                self.packed(job.inode, content, from, len, pieces)
            }
            (Made::Chunks(hashes), Some((content, from, _))) => self.shared(content, from, &hashes),
            _ => self.whole(job.inode),
        }
    }

    /// Takes so many blocks.
    fn blocks(&mut self, count: u64) -> Result<u32, Failure> {
        let start = self.next;
        self.next += count;
        match u32::try_from(self.next) {
            Ok(_) => Ok(start as u32),
            Err(_) => Err(too_large().into()),
        }
    }

    fn push(&mut self, size: u64, layout: Layout) {
        self.data.push(Data { size, layout });
    }

    fn whole(&mut self, at: usize) -> Result<(), Failure> {
        let nodes = self.nodes;
        let inode = &nodes.inodes[at];
        match &inode.entry.node {
            Node::File { content, dense } => match sparse_bits(content).filter(|_| !dense) {
                Some(bits) => self.sparse(content, bits),
                None => self.flat(inode, content, !dense),
            },
            Node::Dir => self.reserve(inode, nodes.dir_len(at)),
            Node::Symlink(target) => self.reserve(inode, target.len() as u64),
            _ => {
                self.push(0, Layout::None);
                Ok(())
            }
        }
    }

    /// Takes blocks for what is put later.
    fn reserve(&mut self, inode: &Inode<'_>, size: u64) -> Result<(), Failure> {
        let (blocks, tail) = split(inode, size);
        let block = if blocks == 0 { 0 } else { self.blocks(blocks)? };
        self.push(size, Layout::Flat { block, tail });
        Ok(())
    }

    fn flat(&mut self, inode: &Inode<'_>, content: &Content, share: bool) -> Result<(), Failure> {
        let size = content.len();
        let (blocks, tail) = split(inode, size);
        let name = (name(content), blocks);
        let block = match self.known.get(&name) {
            _ if blocks == 0 => 0,
            Some(block) if share => *block,
            _ => {
                let block = self.blocks(blocks)?;
                self.out.content(u64::from(block) * BLOCK, content, 0, size - tail);
                if share {
                    self.known.insert(name, block);
                }
                block
            }
        };
        self.push(size, Layout::Flat { block, tail });
        Ok(())
    }

    fn sparse(&mut self, content: &Content, bits: u32) -> Result<(), Failure> {
        let size = content.len();
        let mut table = vec![NULL_ADDR; size.div_ceil(1 << bits) as usize];
        for chunk in sparse::touched(&sparse::data_blocks(content), (1 << bits) / BLOCK) {
            let from = chunk << bits;
            table[chunk as usize] = self.chunk(content, from, (size - from).min(1 << bits))?;
        }
        self.push(size, Layout::Chunks(Box::new(Chunks { bits, table })));
        Ok(())
    }

    /// Points at a chunk in new blocks.
    fn chunk(&mut self, content: &Content, from: u64, len: u64) -> Result<u32, Failure> {
        let block = self.blocks(len.div_ceil(BLOCK))?;
        self.out.content(u64::from(block) * BLOCK, content, from, len);
        Ok(block)
    }

    /// Takes the chunks of a stretch; after the last one the file is complete.
    fn shared(&mut self, content: &Content, from: u64, hashes: &[Option<[u8; 32]>]) -> Result<(), Failure> {
        let bits = self.settings.chunk_bits.expect("because chunks were made");
        let size = content.len();
        for (n, hash) in hashes.iter().enumerate() {
            let start = from + ((n as u64) << bits);
            let len = (size - start).min(1 << bits);
            let known = hash.map(|hash| self.chunks.get(&(hash, len)).copied());
            let block = match (hash, known) {
                (Some(hash), Some(None)) => {
                    let block = self.chunk(content, start, len)?;
                    self.chunks.insert((*hash, len), block);
                    block
                }
                (_, known) => known.flatten().unwrap_or(NULL_ADDR),
            };
            self.table.push(block);
        }
        if (self.table.len() as u64) << bits >= size {
            let table = std::mem::take(&mut self.table);
            self.push(size, in_a_row(bits, table));
        }
        Ok(())
    }

    /// Takes the pieces of a stretch; after the last one the file is complete.
    fn packed(
        &mut self,
        at: usize,
        content: &Content,
        from: u64,
        len: u64,
        pieces: Vec<(Piece, Vec<u8>)>,
    ) -> Result<(), Failure> {
        let size = content.len();
        if len == size && !self.saves(at, size, &pieces) {
            return self.whole(at);
        }
        if from == 0 {
            (self.first, self.done) = (self.blocks(0)?, 0);
        }
        for (piece, bytes) in pieces {
            let block = self.blocks(piece.blocks())?;
            let place = u64::from(block) * BLOCK;
            if piece.packed == 0 {
                self.out.content(place, content, self.done, piece.len.into());
            } else {
                self.out.put(place, &bytes).map_err(Failure::machine("writing compressed contents"))?;
            }
            self.done += u64::from(piece.len);
            self.pieces.push(piece);
        }
        if self.done == size {
            let mut pieces = std::mem::take(&mut self.pieces);
            pieces.shrink_to_fit();
            let (block, blocks) = (self.first, (self.next - u64::from(self.first)) as u32);
            // Where nothing could be compressed, all of it lies in a row.
            let plain = pieces.iter().all(|piece| piece.packed == 0);
            let packed = Layout::Packed(Box::new(Packed { block, blocks, pieces }));
            self.push(size, if plain { Layout::Flat { block, tail: 0 } } else { packed });
        }
        Ok(())
    }

    /// Whether a file takes less room in pieces, with their indexes.
    fn saves(&self, at: usize, size: u64, pieces: &[(Piece, Vec<u8>)]) -> bool {
        let inode = &self.nodes.inodes[at];
        let (blocks, tail) = split(inode, size);
        let packed: u64 = pieces.iter().map(|(piece, _)| piece.blocks()).sum();
        packed * BLOCK + squeeze::indexes_len(inode.head_len(), size) < blocks * BLOCK + tail
    }
}

/// Blocks have 32-bit numbers.
pub fn too_large() -> Problem {
    Problem::new("filesystem-too-large", "an erofs has less than 16 TiB").help("put less into it")
}

/// The name of a content: equal names mean equal bytes.
fn name(content: &Content) -> [u8; 32] {
    match content {
        Content::Blob { id, .. } => id.0,
        Content::Bytes(bytes) => bytes.value_id().0,
    }
}

/// Blocks of flat data, and what lies behind the inode instead because it fits into a block with it. Before the root
/// there is a slot that is not used.
fn split(inode: &Inode<'_>, size: u64) -> (u64, u64) {
    let before = if inode.entry.path.0.is_empty() { super::format::SLOT } else { 0 };
    let tail = size % BLOCK;
    if before + inode.head_len() + tail <= BLOCK { (size / BLOCK, tail) } else { (size.div_ceil(BLOCK), 0) }
}

fn sparse_bits(content: &Content) -> Option<u32> {
    if matches!(content, Content::Blob { .. }) {
        return None;
    }
    sparse::chunk_bits(&sparse::data_blocks(content), content.len())
}

/// Whether leaving out its holes does more for a file than compressing it: when they are seven eighths of at least 1 MiB.
fn mostly_holes(content: &Content) -> bool {
    if matches!(content, Content::Blob { .. }) {
        return false;
    }
    let used: u64 = sparse::data_blocks(content).iter().map(|(from, to)| to - from).sum();
    let blocks = content.len().div_ceil(BLOCK);
    blocks >= (1 << 20) / BLOCK && used <= blocks / 8
}

/// A table of chunks; where they lie in a row it is not needed.
fn in_a_row(bits: u32, table: Vec<u32>) -> Layout {
    let per = (1 << bits) / BLOCK;
    let first = table[0];
    let expected = (0..).map(|n| u64::from(first) + n * per);
    if first != NULL_ADDR && table.iter().zip(expected).all(|(block, expected)| u64::from(*block) == expected)
    {
        return Layout::Flat { block: first, tail: 0 };
    }
    Layout::Chunks(Box::new(Chunks { bits, table }))
}
