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

    /// One fact of it ([`imgc_plan::Input::pick`]): of Facts what the path picks, of Bytes `len`. `None` when there is none.
    pub fn fact(&self, path: &str) -> Option<Data> {
        match self {
            Self::Facts(data) => data.pick(path).cloned(),
            Self::Bytes(bytes) if path == "len" => i64::try_from(bytes.len()).ok().map(Data::Int),
            Self::Bytes(_) | Self::Tree(_) => None,
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

#[cfg(test)]
mod tests {
    use imgc_plan::Record;

    use super::*;

    #[test]
    fn facts_are_picked_and_of_bytes_only_the_length() {
        let layout = Data::Map(Record::from([("len".to_owned(), Data::Int(7))]));
        assert_eq!(Value::from(layout.clone()).fact("len"), Some(Data::Int(7)));
        assert_eq!(Value::from(layout).fact("start"), None);
        assert_eq!(Value::from(Bytes::zeros(9)).fact("len"), Some(Data::Int(9)));
        assert_eq!(Value::from(Bytes::zeros(9)).fact("refs"), None);
        assert_eq!(Value::from(Bytes::zeros(u64::MAX)).fact("len"), None, "no disk is so long");
    }
}
