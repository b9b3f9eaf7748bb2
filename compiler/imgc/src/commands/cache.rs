//! `imgc cache`: where it is, how large, whether it is sound, and making it smaller.

use imgc_engine::cache;
use imgc_plan::units::approximate_size;

use crate::{
    args::{CacheAction, CacheArgs},
    failure::Failure,
    session,
    stdout::print,
};

/// Does what was asked with the cache.
pub fn run(args: &CacheArgs) -> Result<(), Failure> {
    let store = session::cache_dir(args.cache.as_deref())?;
    match args.action {
        CacheAction::Where => print(&format!("{}\n", store.display())),
        CacheAction::Size => {
            let usage = cache::usage(&store)?;
            print(&format!("{usage}"))
        }
        CacheAction::Check => {
            let found = cache::check(&store)?;
            for line in &found.damage {
                println!("{line}");
            }
            print(&format!("{} objects read, {} damaged\n", found.read, found.damage.len()))?;
            if found.damage.is_empty() {
                Ok(())
            } else {
                Err(Failure::Machine(
                    "the cache was damaged; what was damaged is out of the way and will be made again".into(),
                ))
            }
        }
        CacheAction::Prune { keep } => {
            let pruned = cache::prune(&store, keep)?;
            print(&format!(
                "{} freed, {} left\n",
                approximate_size(pruned.freed),
                approximate_size(pruned.left)
            ))
        }
    }
}
