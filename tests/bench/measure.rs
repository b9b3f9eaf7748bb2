//! Runs a command and measures it: seconds on the wall, peak resident memory of its process.

use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// One run.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Seconds on the wall.
    pub seconds: f64,
    /// Peak resident memory in KiB, as the kernel counts it (`VmHWM`), read every few milliseconds.
    pub peak_kib: u64,
}

/// The fastest of some runs, with the highest peak of all of them.
pub fn best(runs: u32, mut run: impl FnMut() -> Sample) -> Sample {
    let samples: Vec<Sample> = (0..runs).map(|_| run()).collect();
    let seconds = samples.iter().map(|sample| sample.seconds).fold(f64::INFINITY, f64::min);
    Sample { seconds, peak_kib: samples.iter().map(|sample| sample.peak_kib).max().unwrap_or(0) }
}

/// As [`best`], of a command that may fail; the first failure ends it.
///
/// # Errors
/// What the command said.
pub fn try_best(runs: u32, mut run: impl FnMut() -> Result<Sample, String>) -> Result<Sample, String> {
    let mut samples = (0..runs).map(|_| run()).collect::<Result<Vec<_>, _>>()?.into_iter();
    Ok(best(runs, || samples.next().expect("because there is one for each run")))
}

/// Runs a command to its end.
///
/// # Panics
/// When it cannot be started or fails.
pub fn run(command: &mut Command) -> Sample {
    try_run(command).unwrap_or_else(|why| panic!("{command:?} failed:\n{why}"))
}

/// Runs a command that may fail to its end.
///
/// # Errors
/// What the command said, or why it cannot be started.
pub fn try_run(command: &mut Command) -> Result<Sample, String> {
    let start = Instant::now();
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut child = child.map_err(|error| format!("it does not start: {error}"))?;
    let status = format!("/proc/{}/status", child.id());
    // Drains stderr, so that a talkative tool does not block.
    let mut stderr = child.stderr.take().expect("stderr is piped");
    let said = std::thread::spawn(move || {
        let mut text = String::new();
        let _ = std::io::Read::read_to_string(&mut stderr, &mut text);
        text
    });
    let mut peak_kib = 0;
    let exit = loop {
        if let Some(exit) = child.try_wait().expect("the command can be waited for") {
            break exit;
        }
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let high = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = high.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0);
        peak_kib = peak_kib.max(kib);
        std::thread::sleep(Duration::from_millis(2));
    };
    let seconds = start.elapsed().as_secs_f64();
    let said = said.join().expect("the reader ends");
    if exit.success() { Ok(Sample { seconds, peak_kib }) } else { Err(format!("{said}{exit}")) }
}
