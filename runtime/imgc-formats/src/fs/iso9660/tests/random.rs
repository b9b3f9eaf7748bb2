//! Random and extreme trees.
