//! Listings of directories, read name by name.

use imgc_image::Failure;
use imgc_plan::tree::check_name;

use super::{
    super::format::{DIRECTORY_EXTRA, DIRECTORY_RUN},
    Cursor, Image, damaged,
};

/// A name in a directory.
pub struct NamedInode {
    /// The name, checked.
    pub name: Vec<u8>,
    /// A reference to its inode.
    pub reference: u64,
    /// The number of the inode.
    pub number: u32,
    /// The basic kind.
    pub kind: u16,
    /// Whether a header came before it.
    pub heads: bool,
}

/// A listing that is being read.
pub struct Listing<'i, 'a> {
    at: Option<Cursor<'i, 'a>>,
    left: u32,
    run: u32,
    block: u32,
    number: u32,
}

impl<'i, 'a> Listing<'i, 'a> {
    /// The listing that a directory's inode points at.
    ///
    /// # Errors
    /// When there is none.
    pub fn new(image: &'i Image<'a>, block: u32, offset: u16, size: u32) -> Result<Self, Failure> {
        let left = size.saturating_sub(DIRECTORY_EXTRA);
        let at = if left == 0 {
            None
        } else {
            let start = image.sb.directory_table_start + u64::from(block);
            Some(Cursor::new(image, start, image.sb.id_table_start, offset.into())?)
        };
        Ok(Self { at, left, run: 0, block: 0, number: 0 })
    }

    /// The next name; `None` at the end.
    ///
    /// # Errors
    /// When it is damaged.
    pub fn next(&mut self) -> Result<Option<NamedInode>, Failure> {
        let Some(at) = self.at.as_mut().filter(|_| self.left > 0 || self.run > 0) else { return Ok(None) };
        let heads = self.run == 0;
        if heads {
            spend(&mut self.left, 12)?;
            let count = at.u32()?;
            if count >= DIRECTORY_RUN as u32 {
                return Err(damaged(format_args!("a directory has {count} names under one header")));
            }
            (self.run, self.block, self.number) = (count + 1, at.u32()?, at.u32()?);
        }
        let (offset, apart) = (at.u16()?, at.u16()? as i16);
        let (kind, size) = (at.u16()?, at.u16()?);
        spend(&mut self.left, 9 + u32::from(size))?;
        if size > 255 {
            return Err(damaged("a name is too long"));
        }
        let name = at.bytes(usize::from(size) + 1)?;
        check_name(&name).map_err(damaged)?;
        self.run -= 1;
        let reference = u64::from(self.block) << 16 | u64::from(offset);
        let number = self.number.wrapping_add_signed(apart.into());
        Ok(Some(NamedInode { name, reference, number, kind, heads }))
    }
}

fn spend(left: &mut u32, bytes: u32) -> Result<(), Failure> {
    *left = left.checked_sub(bytes).ok_or_else(|| damaged("a directory ends within a name"))?;
    Ok(())
}
