//! Directories as they are read: block after block, whether they have an index or not.
//!
//! Blocks of an index look like blocks with one unused entry, so that whoever does not know it reads past them.

use imgc_image::Failure;
use imgc_plan::tree::check_name;

use super::{Image, Step, damaged, inode::Inode, u16_at, u32_at};

/// Bytes of an entry without its name.
const HEAD: usize = 8;
/// Bytes of the smallest entry with a name.
const LEAST: usize = 12;

/// What takes a name and its inode, and says whether it wants more.
type Take<'t> = dyn FnMut(&[u8], u32) -> Result<bool, Failure> + 't;

impl Image<'_> {
    /// Gives each name of a directory with its inode, `.` and `..` left out, until `take` has enough.
    ///
    /// # Errors
    /// When the directory is damaged; and what `take` says.
    pub fn names(&self, directory: &Inode, take: &mut Take<'_>) -> Result<(), Failure> {
        let blocks = directory.size / self.block_size;
        let (mut next, mut enough) = (0, false);
        self.map(&directory.map, directory.extents(), blocks, &mut |step| {
            let Step::Piece(piece) = step else { return Ok(()) };
            if piece.logical != next || !piece.written {
                return Err(hole(directory.number));
            }
            next += piece.len;
            for block in piece.physical..piece.physical + piece.len {
                if !enough {
                    enough = !self.listing(&self.block(block)?, take)?;
                }
            }
            Ok(())
        })?;
        if next == blocks { Ok(()) } else { Err(hole(directory.number)) }
    }

    /// Gives the names in a block; `false`: there was enough.
    fn listing(&self, block: &[u8], take: &mut Take<'_>) -> Result<bool, Failure> {
        let mut rest = block;
        while !rest.is_empty() {
            let broken = || damaged("a directory has an entry that reaches out of its block");
            if rest.len() < HEAD {
                return Err(broken());
            }
            let (inode, len, name) = (u32_at(rest, 0), self.record_len(rest), usize::from(rest[6]));
            if len < LEAST || len % 4 != 0 || len > rest.len() || HEAD + name > len {
                return Err(broken());
            }
            let name = &rest[HEAD..HEAD + name];
            rest = &rest[len..];
            if inode == 0 || name == b"." || name == b".." {
                continue;
            }
            check_name(name).map_err(damaged)?;
            if inode < self.first_inode() {
                return Err(damaged(format_args!(
                    "the name {} is that of a reserved inode",
                    name.escape_ascii()
                )));
            }
            if !take(name, inode)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The length of an entry: with blocks of 64 KiB the largest do not fit into 16 bits (Linux, `ext4_rec_len_from_disk`).
    fn record_len(&self, entry: &[u8]) -> usize {
        match usize::from(u16_at(entry, 4)) {
            0 | 0xFFFF if self.block_size == 65_536 => 65_536,
            len if self.block_size == 65_536 => len & 0xFFFC | (len & 3) << 16,
            len => len,
        }
    }
}

fn hole(number: u32) -> Failure {
    damaged(format_args!("the directory of inode {number} has a hole"))
}
