//! What decides the result of a test. What passed, the cache remembers under its digest ([`imgc_engine::cache::remember`]).

use imgc_plan::{Canon, ValueId};

/// What decides the result of a test.
pub struct Ingredients<'a> {
    /// SHA-256 of the artifact.
    pub artifact: &'a str,
    /// The artifact's name, where a machine asks for it by that.
    pub name: Option<&'a str>,
    /// The machine.
    pub machine: &'a imgc_plan::test::MachineSpec,
    /// What is expected.
    pub boots: &'a [imgc_plan::test::Boot],
    /// The digests of the pictures that screens are compared with.
    pub pictures: &'a [String],
    /// QEMU, its firmware and what makes it run.
    pub identity: &'a str,
}

impl Ingredients<'_> {
    /// The key of the result.
    pub fn key(&self) -> ValueId {
        let Self { artifact, name, machine, boots, pictures, identity } = self;
        let mut c = Canon::new("imgc test v1");
        c.text(artifact).text(name.unwrap_or_default()).add(*machine).add(*boots).int(pictures.len() as u64);
        pictures.iter().for_each(|picture| {
            c.text(picture);
        });
        c.text(identity).text(env!("CARGO_PKG_VERSION"));
        c.into()
    }
}
