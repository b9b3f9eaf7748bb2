//! Filesystems: one folder each.

use imgc_image::{BytesBuilder, Failure, Problem, ReadAt, Tree};
use imgc_plan::{Kind, Record, kind::OptionProblem};

mod blob;
mod equals;
mod erofs;
mod exfat;
mod ext;
mod iso9660;
mod runs;
mod squashfs;
mod swap;
mod vfat;

pub use self::{runs::Run, vfat::fat_bits};

/// The list: one line a kind.
#[rustfmt::skip]
pub static ALL: &[&dyn Filesystem] = &[
    &erofs::Erofs,
    &exfat::Exfat,
    &ext::EXT2,
    &ext::EXT3,
    &ext::EXT4,
    &iso9660::Iso9660,
    &squashfs::Squashfs,
    &vfat::Vfat,
    &swap::Swap,
    &blob::Raw,
];

/// What a filesystem can do.
pub trait Filesystem: Send + Sync {
    /// Its description.
    fn kind(&self) -> &'static Kind;

    /// Finds combinations of options that cannot be, before anything runs. Every option is there with its default.
    fn check(&self, options: &Record) -> Vec<OptionProblem>;

    /// Why no filesystem with these options, which go together, has this length in bytes whatever it holds: what
    /// [`Filesystem::write`] would say of no tree at all. It takes next to no time. Kinds with `own_length` are never asked.
    fn check_len(&self, options: &Record, len: u64) -> Option<Problem> {
        let _ = (options, len);
        None
    }

    /// The least length in bytes at which [`Filesystem::write`] succeeds with this tree. `None` for kinds without trees. A kind
    /// with `own_length` is never asked.
    ///
    /// # Errors
    /// Everything in the tree that this filesystem cannot hold, at once.
    fn measure(&self, options: &Record, tree: Option<&Tree>) -> Result<u64, Failure>;

    /// Makes the filesystem: metadata by [`BytesBuilder::put`], contents by [`BytesBuilder::content`]. The caller ends the
    /// builder at `len`; a kind with `own_length` gets `len` 0 and says it by [`BytesBuilder::set_len`]. Warnings (what was left out because the format cannot hold it) are returned.
    ///
    /// # Errors
    /// As [`Filesystem::measure`]; `tree-too-large` with by how much when `len` does not suffice.
    fn write(
        &self,
        options: &Record,
        tree: Option<&Tree>,
        len: u64,
        out: &mut BytesBuilder<'_>,
    ) -> Result<Vec<Problem>, Failure>;

    /// Bytes to lay over the finished filesystem once the partition's first sector is known, as (offset, bytes); only for
    /// kinds with `stamps_start`. What [`Filesystem::write`] makes is right for a start of 0. `len` is the filesystem's length: automatic options follow from it.
    fn stamp(&self, options: &Record, len: u64, start_sector: u64) -> Vec<(u64, Vec<u8>)> {
        let _ = (options, len, start_sector);
        Vec::new()
    }

    /// The structures as text, offset by offset: goldens and `inspect` show it.
    ///
    /// # Errors
    /// When the bytes cannot be read, or are not this filesystem.
    fn dump(&self, image: &dyn ReadAt) -> Result<String, Failure>;

    /// Opens a finished filesystem for reading, whoever made it; `None` when it is not this filesystem. Trusts nothing.
    ///
    /// # Errors
    /// When it is this filesystem, but damaged.
    fn open<'a>(&self, image: &'a dyn ReadAt) -> Result<Option<Box<dyn Volume + 'a>>, Failure> {
        let _ = image;
        Ok(None)
    }
}

/// A filesystem that is open for reading.
pub trait Volume {
    /// What it says of itself: `label`, `uuid` (or `serial`), `block-size`, `len` and `used` in bytes, as far as it has them.
    fn facts(&self) -> Record;

    /// All entries. Of a file's content only the length counts ([`imgc_image::Bytes::zeros`]).
    ///
    /// # Errors
    /// When it is damaged.
    fn tree(&self) -> Result<Tree, Failure>;

    /// Copies out a file's content.
    ///
    /// # Errors
    /// When there is no such file, it is damaged, or `out` takes no more.
    fn copy(&self, path: &[u8], out: &mut dyn std::io::Write) -> Result<(), Failure>;

    /// Where in the image a file's bytes lie, in the order of the file; nothing for an empty one. Reading the runs gives what
    /// [`Volume::copy`] gives, so loaders can be told of them, and content can be changed where it lies.
    ///
    /// # Errors
    /// `content-not-in-place` when the bytes do not lie there as they are: compressed, kept inside of metadata, or never
    /// written (holes). `extents-unknown` when this filesystem cannot say it. As [`Volume::copy`] otherwise.
    fn extents(&self, path: &[u8]) -> Result<Vec<Run>, Failure> {
        let path = imgc_plan::tree::BytePath(path.to_vec());
        let message = format!("this filesystem cannot say where in the image the bytes of {path} lie");
        Err(Problem::new("extents-unknown", message).help("use vfat, exfat, ext2, ext3, ext4 or iso").into())
    }
}
