//! Shows the event stream on stderr: bars on a terminal, lines when piped, JSON for machines.

mod json;
mod plain;
mod tty;

use std::io::IsTerminal;

use imgc_engine::Event;

use crate::args::ProgressForm;

/// Something that shows events. Called from any thread.
pub trait Show: Sync {
    /// Shows one.
    fn event(&self, event: &Event);

    /// Takes everything that redraws itself off the screen.
    fn finish(&self) {}
}

/// What a progress display knows of the plan: the label of each step.
pub type Labels = Vec<String>;

/// The display that was asked for.
pub fn display(form: ProgressForm, verbose: u8, labels: Labels) -> Box<dyn Show> {
    let form = match form {
        ProgressForm::Auto if std::io::stderr().is_terminal() => ProgressForm::Tty,
        ProgressForm::Auto => ProgressForm::Plain,
        form => form,
    };
    match form {
        ProgressForm::Tty => Box::new(tty::Tty::new(labels)),
        ProgressForm::Json => Box::new(json::Json::new(labels)),
        ProgressForm::None => Box::new(Silent),
        ProgressForm::Plain | ProgressForm::Auto => Box::new(plain::Plain::new(labels, verbose)),
    }
}

/// Shows nothing but warnings of the engine itself, which come with the report anyway.
struct Silent;

impl Show for Silent {
    fn event(&self, _event: &Event) {}
}
