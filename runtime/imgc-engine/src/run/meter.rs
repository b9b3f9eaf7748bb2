//! Tells how far a step is, not more often than anybody can see.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::event::Event;

/// Bytes between two events.
const GRAIN: u64 = 4 << 20;

/// Counts what a step has gone through.
pub struct Meter<'a> {
    events: &'a (dyn Fn(Event) + Sync),
    step: usize,
    total: Option<u64>,
    done: AtomicU64,
    told: AtomicU64,
}

impl<'a> Meter<'a> {
    /// Starts at nothing.
    pub fn new(events: &'a (dyn Fn(Event) + Sync), step: usize, total: Option<u64>) -> Self {
        Self { events, step, total, done: AtomicU64::new(0), told: AtomicU64::new(0) }
    }

    /// Adds bytes that are done.
    pub fn add(&self, bytes: u64) {
        self.tell(self.done.fetch_add(bytes, Ordering::Relaxed) + bytes);
    }

    /// Says how many bytes are done.
    pub fn set(&self, done: u64) {
        self.done.store(done, Ordering::Relaxed);
        self.tell(done);
    }

    fn tell(&self, done: u64) {
        let told = self.told.load(Ordering::Relaxed);
        if done >= told + GRAIN
            && self.told.compare_exchange(told, done, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        {
            (self.events)(Event::Progress { step: self.step, done, total: self.total });
        }
    }
}
