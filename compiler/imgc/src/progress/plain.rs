//! Progress as plain lines: what ran and how long it took; everything else only when asked.

use std::{collections::BTreeMap, sync::Mutex, time::Instant};

use imgc_engine::{Event, Outcome};

use super::{Labels, Show};

/// Plain lines on stderr.
pub struct Plain {
    labels: Labels,
    verbose: u8,
    started: Mutex<BTreeMap<usize, Instant>>,
}

impl Plain {
    /// Starts.
    pub fn new(labels: Labels, verbose: u8) -> Self {
        Self { labels, verbose, started: Mutex::default() }
    }

    fn label(&self, step: usize) -> &str {
        self.labels.get(step).map_or("?", String::as_str)
    }
}

impl Show for Plain {
    fn event(&self, event: &Event) {
        let mut started = self.started.lock().expect("because no holder of the lock panics");
        match event {
            Event::Start { step, .. } => {
                started.insert(*step, Instant::now());
                if self.verbose > 1 {
                    eprintln!("start   {}", self.label(*step));
                }
            }
            Event::Done { step, outcome: Outcome::Ran } => match started.remove(step) {
                Some(start) if start.elapsed().as_millis() >= 100 => {
                    eprintln!("ran     {} ({} ms)", self.label(*step), start.elapsed().as_millis());
                }
                _ => eprintln!("ran     {}", self.label(*step)),
            },
            Event::Done { step, outcome } if self.verbose > 0 => {
                let word = if *outcome == Outcome::Cached { "cached" } else { "same" };
                eprintln!("{word:<7} {}", self.label(*step));
            }
            Event::Failed { step, .. } => eprintln!("failed  {}", self.label(*step)),
            Event::Log { step, message } => match step {
                Some(step) => eprintln!("note    {}: {message}", self.label(*step)),
                None => eprintln!("note    {message}"),
            },
            Event::Progress { .. } | Event::Done { .. } => {}
        }
    }
}
