//! The store: what was made once is kept, named by what it is, and never trusted before it was checked.
//!
//! Plain files (`specs/store.md`): [`home`] knows where they are and makes them appear whole or not at all, [`lease`] keeps
//! collection away from live builds, [`pack`] holds small contents together, [`shelf`] finds contents, [`step`] is what one
//! step sees of it, [`values`] and [`actions`] are what steps gave.

pub mod actions;
pub mod home;
pub mod lease;
pub mod pack;
pub mod shelf;
pub mod step;
pub mod values;
