//! Progress on a terminal: one line that counts, a bar for each step that takes long.

use std::{collections::BTreeMap, sync::Mutex, time::Duration};

use imgc_engine::{Event, Outcome};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::{Labels, Show};

/// Bars on stderr.
pub struct Tty {
    labels: Labels,
    bars: MultiProgress,
    count: ProgressBar,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    running: BTreeMap<usize, ProgressBar>,
    ran: usize,
    cached: usize,
}

impl Tty {
    /// Starts.
    pub fn new(labels: Labels) -> Self {
        let bars = MultiProgress::new();
        let count = bars.add(ProgressBar::new_spinner());
        count.set_style(style("{spinner} {msg}  {elapsed}"));
        count.enable_steady_tick(Duration::from_millis(120));
        Self { labels, bars, count, state: Mutex::default() }
    }

    fn label(&self, step: usize) -> String {
        self.labels.get(step).cloned().unwrap_or_default()
    }

    fn recount(&self, state: &State) {
        let all = self.labels.len();
        let State { running, ran, cached } = state;
        self.count.set_message(format!(
            "{} of {all} steps: {ran} ran, {cached} cached, {} running",
            ran + cached,
            running.len()
        ));
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

impl Show for Tty {
    fn event(&self, event: &Event) {
        let mut state = self.state.lock().expect("because no holder of the lock panics");
        match event {
            Event::Start { step, total } => {
                let bar = self.bars.add(ProgressBar::new_spinner());
                bar.set_style(style("  {spinner} {msg}"));
                bar.set_message(self.label(*step));
                bar.enable_steady_tick(Duration::from_millis(120));
                if let Some(total) = total {
                    set_total(&bar, *total);
                }
                state.running.insert(*step, bar);
            }
            Event::Progress { step, done, total } => {
                if let Some(bar) = state.running.get(step) {
                    if let Some(total) = total.filter(|total| bar.length() != Some(*total)) {
                        set_total(bar, total);
                    }
                    bar.set_position(*done);
                }
            }
            Event::Done { step, outcome } => {
                if let Some(bar) = state.running.remove(step) {
                    bar.finish_and_clear();
                }
                match outcome {
                    Outcome::Ran => state.ran += 1,
                    Outcome::Cached | Outcome::Unchanged => state.cached += 1,
                }
            }
            Event::Failed { step, .. } => {
                if let Some(bar) = state.running.remove(step) {
                    bar.finish_and_clear();
                }
                let _ = self.bars.println(format!("failed  {}", self.label(*step)));
            }
            Event::Log { step, message } => {
                let who = step.map(|step| format!("{}: ", self.label(step))).unwrap_or_default();
                let _ = self.bars.println(format!("note    {who}{message}"));
            }
        }
        self.recount(&state);
    }

    fn finish(&self) {
        self.count.finish_and_clear();
        let _ = self.bars.clear();
    }
}

fn set_total(bar: &ProgressBar, total: u64) {
    bar.set_length(total);
    bar.set_style(style("  {spinner} {msg:30!} {bar:24} {bytes}/{total_bytes} {bytes_per_sec}"));
}
