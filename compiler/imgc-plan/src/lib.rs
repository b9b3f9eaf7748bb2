//! The contract: what the compiler says and the runtime does. Data and traits only; no file is opened here.
//!
//! Reading order: [`digest`] names things by content, [`data`] is the canonical typed value, [`kind`] describes a
//! filesystem, table, loader, disk format or archive to the compiler, [`tree`] and [`menu`] are what a manifest says
//! of files and boot entries, [`layout`] is the solver, [`step`] and [`plan`] are the work itself, [`mod@test`] is what is expected of it.

pub mod data;
pub mod digest;
mod home;
pub mod ids;
pub mod kind;
pub mod late;
pub mod layout;
pub mod lock;
pub mod menu;
pub mod plan;
pub mod step;
pub mod test;
pub mod tree;
pub mod units;

pub use data::{Data, Record};
pub use digest::{BlobId, Canon, Canonical, StepId, StepKey, ValueId};
pub use kind::{Family, Kind, Opt, OptType};
pub use plan::Plan;
pub use step::{Input, Op, Step};
