//! Which blocks and fragments there are, one by one, in the order in which they lie in the image.

use std::collections::VecDeque;

use imgc_image::Content;

use super::{
    super::{duplicates::Contents, options::Options},
    NO_END,
};

/// A part of a content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Index of the content.
    pub content: u32,
    /// Where the part starts.
    pub offset: u64,
    /// How long it is.
    pub len: u32,
}

/// What is compressed together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Job {
    /// A block of one content.
    Block {
        /// Which block of it.
        index: u32,
        /// The part.
        piece: Piece,
    },
    /// Short contents, or ends of longer ones.
    Fragment(Vec<Piece>),
}

impl Job {
    /// The parts.
    pub fn pieces(&self) -> &[Piece] {
        match self {
            Self::Block { piece, .. } => std::slice::from_ref(piece),
            Self::Fragment(pieces) => pieces,
        }
    }

    /// The length in bytes.
    pub fn len(&self) -> usize {
        self.pieces().iter().map(|piece| piece.len as usize).sum()
    }
}

/// How much of a content's end lies in a fragment, in bytes; 0 when none does. Ends without data become blocks of zeros,
/// which cost nothing.
fn tail(options: &Options, content: &Content) -> u64 {
    let size = u64::from(options.block_size);
    let rest = content.len() % size;
    let wanted = options.fragments && (options.tail_packing || content.len() < size);
    let data = || content.data_runs().last().is_some_and(|(at, len)| at + len > content.len() - rest);
    if wanted && rest > 0 && data() { rest } else { 0 }
}

/// How many blocks a content has beside its part of a fragment.
pub fn blocks(options: &Options, content: &Content) -> u64 {
    (content.len() - tail(options, content)).div_ceil(options.block_size.into())
}

/// The jobs. Blocks without data are none.
pub struct Jobs<'j> {
    options: &'j Options,
    contents: &'j Contents<'j>,
    next: u32,
    current: Option<Cursor>,
    ready: VecDeque<Job>,
    open: Vec<Piece>,
    open_len: u32,
    full: u32,
    ends: Vec<(u32, u32)>,
}

/// The content whose blocks are being counted.
struct Cursor {
    content: u32,
    len: u64,
    tail: u64,
    runs: std::vec::IntoIter<(u64, u64)>,
    run: Option<(u64, u64)>,
    block: u64,
}

impl<'j> Jobs<'j> {
    /// The jobs for these contents.
    pub fn new(options: &'j Options, contents: &'j Contents<'j>) -> Self {
        Self {
            options,
            contents,
            next: 0,
            current: None,
            ready: VecDeque::new(),
            open: Vec::new(),
            open_len: 0,
            full: 0,
            ends: vec![NO_END; contents.distinct.len()],
        }
    }

    /// For each content the number of the fragment that has its end, and the offset in it; complete when no job is left.
    pub fn into_ends(self) -> Vec<(u32, u32)> {
        self.ends
    }

    /// Starts the next content.
    fn start(&mut self) -> Option<Cursor> {
        let (_, content) = self.contents.distinct.get(self.next as usize)?;
        let mut runs = content.data_runs().into_iter();
        let run = runs.next();
        let tail = tail(self.options, content);
        let cursor = Cursor { content: self.next, len: content.len(), tail, runs, run, block: 0 };
        self.next += 1;
        Some(cursor)
    }

    /// Puts the end of a content into the open fragment, or, where it does not fit, into a new one.
    fn add_tail(&mut self, cursor: &Cursor) {
        let Ok(len @ 1..) = u32::try_from(cursor.tail) else { return };
        if self.open_len + len > self.options.block_size {
            self.close();
        }
        self.ends[cursor.content as usize] = (self.full, self.open_len);
        self.open.push(Piece { content: cursor.content, offset: cursor.len - cursor.tail, len });
        self.open_len += len;
    }

    fn close(&mut self) {
        if !self.open.is_empty() {
            self.ready.push_back(Job::Fragment(std::mem::take(&mut self.open)));
            self.full += 1;
            self.open_len = 0;
        }
    }
}

impl Cursor {
    /// The next block that data touches.
    fn next(&mut self, size: u64) -> Option<Job> {
        let end = self.len - self.tail;
        while let Some((at, len)) = self.run {
            let block = self.block.max(at / size);
            let offset = block * size;
            if offset >= at + len || offset >= end {
                self.run = self.runs.next();
                continue;
            }
            self.block = block + 1;
            let len = u32::try_from(size.min(end - offset)).expect("because a block has at most 1 MiB");
            let index = u32::try_from(block).expect("because the survey allows at most 2^26 blocks");
            return Some(Job::Block { index, piece: Piece { content: self.content, offset, len } });
        }
        None
    }
}

impl Iterator for Jobs<'_> {
    type Item = Job;

    fn next(&mut self) -> Option<Job> {
        loop {
            if let Some(job) = self.ready.pop_front() {
                return Some(job);
            }
            match self.current.take() {
                Some(mut cursor) => match cursor.next(self.options.block_size.into()) {
                    Some(job) => {
                        self.current = Some(cursor);
                        return Some(job);
                    }
                    None => self.add_tail(&cursor),
                },
                None => match self.start() {
                    Some(cursor) => self.current = Some(cursor),
                    None if self.open.is_empty() => return None,
                    None => self.close(),
                },
            }
        }
    }
}
