//! The canonical typed value: options of a kind, facts, everything small that steps hand to one another.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::{Canon, Canonical, ValueId};

/// A typed value. Maps are ordered, there are no floats: equal data is equal bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Data {
    /// True or false.
    Bool(bool),
    /// A whole number; sizes are in bytes, times in seconds unless the option says otherwise.
    Int(i64),
    /// A text, also for keywords, GUIDs (lower case, with hyphens) and digests.
    Text(String),
    /// Bytes that need not be UTF-8.
    Bytes(Vec<u8>),
    /// A list, in the order in which it was given.
    List(Vec<Data>),
    /// A record.
    Map(Record),
}

/// Named values in the order of their names: the options of a kind, or facts.
pub type Record = BTreeMap<String, Data>;

impl Data {
    /// The number, or `None` when this is something else or negative.
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Int(value) => u64::try_from(*value).ok(),
            _ => None,
        }
    }

    /// The text, or `None` when this is something else.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(value) => Some(value),
            _ => None,
        }
    }

    /// The truth value, or `None` when this is something else.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The list, or `None` when this is something else.
    pub fn as_list(&self) -> Option<&[Data]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    /// The record, or `None` when this is something else.
    pub fn as_map(&self) -> Option<&Record> {
        match self {
            Self::Map(map) => Some(map),
            _ => None,
        }
    }

    /// Follows a path of names with dots between them, such as `parts.root.len`, through records.
    pub fn pick(&self, path: &str) -> Option<&Data> {
        path.split('.').try_fold(self, |data, name| data.as_map()?.get(name))
    }

    /// The digest of this value as a step's output.
    pub fn value_id(&self) -> ValueId {
        let mut c = Canon::new("imgc facts v1");
        c.add(self);
        c.into()
    }
}

impl From<u64> for Data {
    /// # Panics
    /// Never for sizes: they stay below 2^63 because the layout solver and the units refuse more.
    fn from(value: u64) -> Self {
        Self::Int(i64::try_from(value).expect("because sizes are checked to be below 2^63 where they enter"))
    }
}

impl From<&str> for Data {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<bool> for Data {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl Canonical for Data {
    fn canon(&self, c: &mut Canon) {
        match self {
            Self::Bool(value) => c.text("bool").add(value),
            Self::Int(value) => c.text("int").add(value),
            Self::Text(value) => c.text("text").text(value),
            Self::Bytes(value) => c.text("bytes").bytes(value),
            Self::List(items) => c.text("list").add(items),
            Self::Map(map) => c.text("map").add(map),
        };
    }
}
