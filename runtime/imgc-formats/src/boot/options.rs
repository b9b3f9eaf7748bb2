//! Options as loaders describe and read them.

use imgc_plan::{Data, Opt, OptType, Record, kind::Default};

/// The option that says when a loader's files were made.
pub const EPOCH: Opt = opt(
    "epoch",
    OptType::Int { min: 0, max: i64::MAX },
    Default::Epoch,
    "The time of its files, in seconds since 1970.",
);

/// An option that the first version had.
pub const fn opt(name: &'static str, ty: OptType, default: Default, doc: &'static str) -> Opt {
    Opt { name, ty, default, doc, since: "0.1.0" }
}

/// What a record says of `epoch`, in seconds since 1970; 0 where it says nothing.
pub fn epoch(record: &Record) -> i64 {
    match record.get("epoch") {
        Some(Data::Int(epoch)) => *epoch,
        _ => 0,
    }
}
