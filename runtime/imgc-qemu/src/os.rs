//! What is different between systems: the sockets by which QMP is spoken, and what a process ends with.

#[cfg(not(unix))]
mod portable;
#[cfg(unix)]
mod unix;

#[cfg(not(unix))]
pub use portable::{Listener, Stream, signal};
#[cfg(unix)]
pub use unix::{Listener, Stream, signal};
