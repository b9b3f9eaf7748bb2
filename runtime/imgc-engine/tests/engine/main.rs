//! The engine over small plans made by hand: caching, damage, kills, other processes, attributes.

mod attributes;
mod cached;
mod child;
mod compose;
mod damage;
mod directories;
mod exports;
mod lengths;
mod pruned;
mod rig;
mod warnings;
