//! Trees by chance, and one tree at every limit; for each writer and our reader of what it wrote. Inputs that lie are in `tests/hostile`.
//!
//! `docs/dev/fuzzing.md` says how to run them for longer.

mod torture;
mod trees;
