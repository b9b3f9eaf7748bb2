//! Text to plan, pure: sees the world only through one trait.
//!
//! [`compile`] is the door; [`world`] is what it is told, [`compilation`] what it gives, [`diagnostic`] how it says what is
//! wrong. The rest is the way in between, in order.

pub mod compilation;
pub mod diagnostic;
pub mod world;

mod decode;
mod lower;
mod model;
mod params;
mod pipeline;
mod resolve;
mod syntax;
mod templates;

pub use compilation::{
    Compilation, DiskInfo, HashesInfo, HostDependent, Origin, ParamInfo, PartInfo, SealedInfo, TemplateInfo,
    TestInfo,
};
pub use diagnostic::{Diagnostic, Label, Severity, SourceFile, Span};
pub use pipeline::compile;
pub use world::{Settings, World};
