//! Inputs that lie: valid ones with bytes changed, cut and doubled. Whoever reads them may refuse, but never panic, hang or fill
//! the memory.
//!
//! `docs/dev/fuzzing.md` says how to run them for longer.

mod archives;
mod bounds;
mod bytes;
mod disks;
mod manifests;
mod mend;
mod programs;
mod trees;
