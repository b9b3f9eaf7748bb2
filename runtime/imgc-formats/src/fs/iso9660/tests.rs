//! What xorriso, isoinfo and our own reader say of volumes of ours.

mod limits;
mod oracle;
mod random;
mod small;
mod tools;
mod udf;
