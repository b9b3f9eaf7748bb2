//! Trees by chance, one tree at every limit, and inputs that lie; for each writer and each reader.
//!
//! `docs/dev/fuzzing.md` says how to run them for longer.

mod hostile;
mod torture;
mod trees;
