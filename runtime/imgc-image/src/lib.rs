//! Values at work: what steps take and give.
//!
//! [`blob`] is the only door to content, [`bytes`] are extents over blobs, [`build`] makes them, [`read`] reads and walks
//! them, [`tree`] is a filesystem's worth of entries, [`value`] joins them with facts, [`codec`] is
//! their canonical form as the store keeps it, [`holes`] finds what need not be stored.

pub mod blob;
pub mod build;
pub mod bytes;
pub mod codec;
pub mod holes;
pub mod problem;
pub mod read;
pub mod tree;
pub mod value;

pub use blob::{BlobWriter, Blobs, MemoryStore, Place, Store};
pub use build::BytesBuilder;
pub use bytes::{Bytes, Extent, Ref};
pub use problem::{Failure, Problem};
pub use read::{Leaf, ReadAt, Reader};
pub use tree::{Content, Entry, LinkGroup, Meta, Node, Tree, TreeBuilder};
pub use value::Value;
