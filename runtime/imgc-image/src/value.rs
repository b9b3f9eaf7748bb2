//! The three values: Bytes, Tree, Facts.

use std::sync::Arc;

use imgc_plan::{Data, ValueId};

use crate::{bytes::Bytes, tree::Tree};

/// What a step takes and gives. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Bytes as extents.
    Bytes(Arc<Bytes>),
    /// Entries.
    Tree(Arc<Tree>),
    /// A small record.
    Facts(Arc<Data>),
}

impl Value {
    /// The name of the value: the digest of its canonical form.
    pub fn id(&self) -> ValueId {
        match self {
            Self::Bytes(bytes) => bytes.value_id(),
            Self::Tree(tree) => tree.value_id(),
            Self::Facts(data) => data.value_id(),
        }
    }
}

impl From<Bytes> for Value {
    fn from(bytes: Bytes) -> Self {
        Self::Bytes(Arc::new(bytes))
    }
}

impl From<Tree> for Value {
    fn from(tree: Tree) -> Self {
        Self::Tree(Arc::new(tree))
    }
}

impl From<Data> for Value {
    fn from(data: Data) -> Self {
        Self::Facts(Arc::new(data))
    }
}
