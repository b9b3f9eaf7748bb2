//! Typed getters over nodes and values: each pushes what is wrong into one list, none stops.

mod cursor;
mod cx;
mod options;
mod path;
mod suggest;
pub mod time;
mod value;

pub use cursor::Cursor;
pub use cx::{Cx, FACT, Spanned};
pub use options::{KindNode, find_kind, kind_node, uuid};
pub use path::{check_glob, glob_text, image_glob, local_path};
pub use suggest::{did_you_mean, either, list};
