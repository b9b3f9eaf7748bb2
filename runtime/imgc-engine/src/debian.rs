//! Debian archives: which file a package's name means, by the host's apt configuration and by signed indexes.
//!
//! [`sources`] reads the host's configuration, [`archive`] picks and opens an archive for a request, [`signature`] (with
//! [`keyring`]) says whether its release file may be believed, [`release`] reads that, [`index`] reads lists of packages, and
//! [`resolve()`] chooses among them. [`stanza`], [`relation`], [`version`] and [`date`] are the forms in which Debian writes.

mod archive;
mod date;
mod index;
mod keyring;
mod nearest;
mod options;
mod relation;
mod release;
mod resolve;
mod signature;
mod sources;
mod stanza;
#[cfg(test)]
mod tests;
mod version;

pub use options::ResolveOptions;
pub use resolve::resolve;
pub use sources::{Entry, SignedBy, Sources, host_mirrors};
