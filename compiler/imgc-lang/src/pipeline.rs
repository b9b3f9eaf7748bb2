//! The way from text to plan, stage by stage.

use imgc_plan::kind::Kinds;

use crate::{
    compilation::Compilation,
    diagnostic::SourceFile,
    world::{Settings, World},
};

/// Compiles a manifest. `name` is how its file is called in messages.
pub fn compile(
    name: &str,
    text: &str,
    world: &dyn World,
    kinds: &dyn Kinds,
    settings: &Settings,
) -> Compilation {
    let _ = (world, kinds, settings);
    let file = SourceFile { name: name.to_owned(), text: text.to_owned() };
    Compilation { files: vec![file], ..Compilation::default() }
}
