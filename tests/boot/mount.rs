//! Mounts: Debian's kernels see in every filesystem what the manifest said, attribute by attribute, and have nothing to complain of.

mod forest;
mod guest;
mod kinds;
mod later;
mod look;
mod names;
mod seen;
mod trees;
mod verity;

use self::{
    guest::Guest,
    kinds::{ALL, LATER, Mounted},
    look::{look, make},
};

#[test]
fn a_kernel_sees_in_every_filesystem_what_the_manifest_said() {
    let guest = Guest::new(false, false);
    // Of what is too new for this kernel one is there, to be refused.
    let all: Vec<Mounted> = ALL.into_iter().chain([LATER[0]]).collect();
    let made = make(&guest, &all, "");
    look(&guest, &made, &ALL, Some(LATER[0].name));
}
