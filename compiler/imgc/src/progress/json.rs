//! Progress as JSON lines: the events as they are, with the step's label.

use imgc_engine::Event;
use serde::Serialize;

use super::{Labels, Show};

/// JSON lines on stderr.
pub struct Json {
    labels: Labels,
}

#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    event: &'a Event,
    label: Option<&'a str>,
}

impl Json {
    /// Starts.
    pub fn new(labels: Labels) -> Self {
        Self { labels }
    }
}

impl Show for Json {
    fn event(&self, event: &Event) {
        let step = match event {
            Event::Start { step, .. }
            | Event::Progress { step, .. }
            | Event::Done { step, .. }
            | Event::Failed { step, .. } => Some(*step),
            Event::Log { step, .. } => *step,
        };
        let label = step.and_then(|step| self.labels.get(step)).map(String::as_str);
        if let Ok(line) = serde_json::to_string(&Line { event, label }) {
            eprintln!("{line}");
        }
    }
}
