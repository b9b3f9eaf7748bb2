//! Keeps the house in order: directions between crates and rooms, sizes of files, pages that must be there.

mod crates;
mod files;
mod kinds;

/// The checkout's root.
fn root() -> &'static std::path::Path {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("because tests/ lies in the checkout")
}
