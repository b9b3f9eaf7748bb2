//! Puts a squashfs together: contents, inodes and listings, tables, and at last the superblock.

use imgc_image::{BytesBuilder, Failure, Problem, Tree};

use super::{
    codec::{Method, Pool},
    data::{self, Fragment, Places},
    directory::{self, Listing, Name},
    duplicates::Contents,
    format::{METADATA_RAW, NO_TABLE, PADDING, SUPERBLOCK, Superblock, flag},
    inode::{self, Facts},
    metadata::{Metadata, Output, Place},
    options::Options,
    survey::Survey,
    xattr::Xattrs,
};

/// Makes the filesystem and says how long it is. Gives warnings.
///
/// # Errors
/// What the tree has that cannot be held; contents that cannot be read; a store that cannot take more.
pub fn write(options: &Options, tree: &Tree, bytes: &mut BytesBuilder<'_>) -> Result<Vec<Problem>, Failure> {
    let survey = Survey::of(options, tree)?;
    let contents = Contents::of(options, &survey, bytes.store())?;
    let xattrs = Xattrs::of(&survey, options.xattrs);
    let pool = Pool::new(options.squeeze, options.block_size);
    let mut out = Output { bytes, at: SUPERBLOCK };
    let extra = options.squeeze.options();
    if !extra.is_empty() {
        let header = u16::try_from(extra.len()).expect("because options are a few bytes") | METADATA_RAW;
        out.put(&[&header.to_le_bytes()[..], &extra].concat())?;
    }
    let (placed, fragments) = data::write(options, &survey, &contents, &pool, &mut out)?;
    let tables = Tables::new(&survey, &contents, &xattrs, &placed, &pool).build()?;
    let mut sb = tables.write(&mut out)?;
    sb.mkfs_time = options.epoch;
    sb.block_size = options.block_size;
    sb.compression = options.squeeze.method.number();
    sb.flags = flags(options, !extra.is_empty());
    sb.inodes = survey.inodes;
    write_lists(options, &survey, &fragments, &tables.inodes, &pool, &mut out, &mut sb)?;
    sb.xattr_id_table_start = xattrs.write(&pool, &mut out)?;
    sb.bytes_used = out.at;
    out.bytes.put(0, &sb.encode())?;
    out.bytes.set_len(sb.bytes_used.next_multiple_of(PADDING));
    Ok(survey.warnings)
}

fn flags(options: &Options, compressor_options: bool) -> u16 {
    let raw = flag::RAW_INODES | flag::RAW_DATA | flag::RAW_FRAGMENTS | flag::RAW_XATTRS | flag::RAW_IDS;
    [
        (options.squeeze.method == Method::None, raw),
        (!options.fragments, flag::NO_FRAGMENTS),
        (options.tail_packing, flag::ALWAYS_FRAGMENTS),
        (options.duplicates, flag::DUPLICATES),
        (options.exportable, flag::EXPORTABLE),
        (!options.xattrs, flag::NO_XATTRS),
        (compressor_options, flag::COMPRESSOR_OPTIONS),
    ]
    .into_iter()
    .filter(|(set, _)| *set)
    .fold(0, |flags, (_, bits)| flags | bits)
}

/// Fragments, export table, ids. Their order in the image is one that the kernel demands.
fn write_lists(
    options: &Options,
    survey: &Survey<'_>,
    fragments: &[Fragment],
    inodes: &[u64],
    pool: &Pool,
    out: &mut Output<'_, '_>,
    sb: &mut Superblock,
) -> Result<(), Failure> {
    let entry = |(start, size): &Fragment| [&start.to_le_bytes()[..], &size.to_le_bytes(), &[0; 4]].concat();
    let list: Vec<u8> = fragments.iter().flat_map(entry).collect();
    sb.fragments = u32::try_from(fragments.len()).map_err(|_| too_large("fragments"))?;
    sb.fragment_table_start = out.table(pool, &list, &[])?;
    sb.lookup_table_start = NO_TABLE;
    if options.exportable {
        let list: Vec<u8> = inodes.iter().flat_map(|reference| reference.to_le_bytes()).collect();
        sb.lookup_table_start = out.table(pool, &list, &[])?;
    }
    let list: Vec<u8> = survey.ids.iter().flat_map(|id| id.to_le_bytes()).collect();
    sb.no_ids = u16::try_from(survey.ids.len()).expect("because the survey allows at most 65535");
    sb.id_table_start = out.table(pool, &list, &[])?;
    Ok(())
}

/// References to inodes and listings have 32 bits for the block.
fn too_large(what: &str) -> Problem {
    Problem::new(
        "tree-too-large",
        format!("the {what} of the tree need more than the 4 GiB that a squashfs can point into"),
    )
    .help("split the tree, or choose another filesystem")
}

/// Inodes and listings in the making: each directory's listing follows the inodes that it names.
struct Tables<'b> {
    survey: &'b Survey<'b>,
    contents: &'b Contents<'b>,
    xattrs: &'b Xattrs<'b>,
    placed: &'b Places,
    inodes: Metadata<'b>,
    listings: Metadata<'b>,
    /// References to the inodes, by number from 1 on.
    places: Vec<u64>,
    /// The listings of directories whose own inodes are still to be written, by entry.
    open: std::collections::BTreeMap<u32, Listing>,
}

/// Finished inodes and listings.
struct Built {
    inode_blocks: Vec<u8>,
    listing_blocks: Vec<u8>,
    /// References to the inodes.
    inodes: Vec<u64>,
}

impl<'b> Tables<'b> {
    fn new(
        survey: &'b Survey<'b>,
        contents: &'b Contents<'b>,
        xattrs: &'b Xattrs<'b>,
        placed: &'b Places,
        pool: &'b Pool,
    ) -> Self {
        let (inodes, listings) = (Metadata::new(pool), Metadata::new(pool));
        let places = Vec::with_capacity(survey.inodes as usize);
        Self { survey, contents, xattrs, placed, inodes, listings, places, open: Default::default() }
    }

    fn build(mut self) -> Result<Built, Failure> {
        for directory in &self.survey.directories {
            let children = self.survey.children(*directory);
            for child in children {
                self.add(*child)?;
            }
            let names: Vec<Name<'_>> = children.iter().map(|child| self.name(*child)).collect();
            let listing = directory::write(&names, &mut self.listings)?;
            let end = self.listings.place().block.max(self.inodes.place().block);
            if end > u64::from(u32::MAX) || listing.len >= u64::from(u32::MAX) {
                return Err(too_large("names").into());
            }
            self.open.insert(*directory, listing);
        }
        self.add(0)?;
        Ok(Built {
            inode_blocks: self.inodes.finish()?,
            listing_blocks: self.listings.finish()?,
            inodes: self.places,
        })
    }

    fn name(&self, index: u32) -> Name<'b> {
        let entry = &self.survey.entries[index as usize];
        let number = self.survey.numbers[index as usize];
        let inode = Place::referred(self.places[number as usize - 1]);
        Name { name: entry.name(), inode, number, kind: inode::kind(&entry.node) }
    }

    /// Writes an entry's inode, unless another name of the same file came before.
    fn add(&mut self, index: u32) -> Result<(), Failure> {
        let survey = self.survey;
        let entry = &survey.entries[index as usize];
        let number = survey.numbers[index as usize];
        if number as usize <= self.places.len() {
            return Ok(());
        }
        let listing = self.open.remove(&index);
        // The root's parent is a number that no inode has.
        let parent = if index == 0 {
            survey.inodes + 1
        } else {
            survey.numbers[survey.parents[index as usize] as usize]
        };
        let facts = Facts {
            number,
            ids: (survey.id(entry.meta.uid), survey.id(entry.meta.gid)),
            links: survey.links(index),
            xattr: self.xattrs.of_entry(index),
            listing: listing.as_ref().map(|listing| (listing, parent)),
            placed: self.contents.of_entry(index).map(|content| self.placed.of(content)),
        };
        self.places.push(self.inodes.place().reference());
        self.inodes.write(&inode::encode(entry, &facts))?;
        Ok(())
    }
}

impl Built {
    /// Writes both tables; gives a superblock that knows them.
    fn write(&self, out: &mut Output<'_, '_>) -> Result<Superblock, Failure> {
        let root = self.inodes.last().expect("because a tree has a root");
        let inode_table_start = out.at;
        out.put(&self.inode_blocks)?;
        let directory_table_start = out.at;
        out.put(&self.listing_blocks)?;
        Ok(Superblock {
            root_inode: *root,
            inode_table_start,
            directory_table_start,
            ..Superblock::default()
        })
    }
}
