//! Hands steps to workers as soon as what they read is there.

use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Condvar, Mutex, MutexGuard},
};

use imgc_image::{Failure, Value};
use imgc_plan::{Op, step::Stage};

use super::{Run, state::Stop};
use crate::report::StepFailure;

struct Board {
    /// Steps that can run; the earliest goes first.
    ready: BTreeSet<usize>,
    /// For each step how many of its inputs have no value yet.
    waiting: Vec<usize>,
    /// For each step how many of its readers are not done.
    readers: Vec<usize>,
    running: usize,
    failures: Vec<StepFailure>,
    restart: Option<usize>,
}

/// Runs the needed steps. Gives what failed, and the step that asks to start again.
pub fn schedule(run: &Run<'_>, needed: &[bool]) -> (Vec<StepFailure>, Option<usize>) {
    let steps = &run.world.plan.steps;
    let mut board = Board {
        ready: BTreeSet::new(),
        waiting: vec![0; steps.len()],
        readers: vec![0; steps.len()],
        running: 0,
        failures: Vec::new(),
        restart: None,
    };
    for (index, step) in steps.iter().enumerate().filter(|(index, _)| needed[*index]) {
        board.waiting[index] = step.inputs.len();
        step.inputs.iter().for_each(|input| board.readers[input.step] += 1);
        if step.inputs.is_empty() {
            board.ready.insert(index);
        }
    }
    let count = needed.iter().filter(|needed| **needed).count();
    let (board, bell) = (Mutex::new(board), Condvar::new());
    std::thread::scope(|scope| {
        for _ in 0..run.world.config.jobs.clamp(1, count.max(1)) {
            scope.spawn(|| work(run, needed, &board, &bell));
        }
    });
    let mut board = board.into_inner().expect("because no holder of the lock panics");
    board.failures.sort_by_key(|failure| failure.step);
    (board.failures, board.restart)
}

fn lock(board: &Mutex<Board>) -> MutexGuard<'_, Board> {
    board.lock().expect("because no holder of the lock panics")
}

fn work(run: &Run<'_>, needed: &[bool], board: &Mutex<Board>, bell: &Condvar) {
    let mut state = lock(board);
    loop {
        if run.interrupted() || state.restart.is_some() {
            break;
        }
        let Some(step) = state.ready.pop_first() else {
            if state.running == 0 {
                break;
            }
            state = bell.wait(state).expect("because no holder of the lock panics");
            continue;
        };
        // After a failure only what is cheap and finds more mistakes is worth doing.
        if !state.failures.is_empty() && !finds_mistakes(&run.world.plan.steps[step].op) {
            continue;
        }
        state.running += 1;
        drop(state);
        let result = catch_unwind(AssertUnwindSafe(|| run.advance(step)));
        state = lock(board);
        state.running -= 1;
        match result {
            Ok(Ok(())) => done(run, needed, &mut state, step),
            Ok(Err(Stop::Restart(step))) => state.restart = Some(step),
            Ok(Err(Stop::Failed(step, failure))) => fail(run, &mut state, step, failure),
            Err(panic) => fail(run, &mut state, step, Failure::Bug(panic_message(panic.as_ref()))),
        }
        bell.notify_all();
    }
    bell.notify_all();
}

/// Whether a step finds mistakes of the manifest without making an artifact: gathering, and filesystems that may not fit.
fn finds_mistakes(op: &Op) -> bool {
    op.stage() == Stage::Gather || matches!(op, Op::Write(_))
}

fn done(run: &Run<'_>, needed: &[bool], state: &mut Board, step: usize) {
    let steps = &run.world.plan.steps;
    for (index, reader) in steps.iter().enumerate().skip(step + 1).filter(|(index, _)| needed[*index]) {
        let inputs = reader.inputs.iter().filter(|input| input.step == step).count();
        if inputs > 0 {
            state.waiting[index] -= inputs;
            if state.waiting[index] == 0 {
                state.ready.insert(index);
            }
        }
    }
    for input in &steps[step].inputs {
        state.readers[input.step] -= 1;
        if state.readers[input.step] == 0 {
            // Values can be large; facts are kept for the report.
            let mut slot = run.slots[input.step].lock();
            slot.value = slot.value.take().filter(|value| matches!(value, Value::Facts(_)));
        }
    }
}

fn fail(run: &Run<'_>, state: &mut Board, step: usize, failure: Failure) {
    let known = state.failures.iter().any(|known| known.step == Some(step));
    if known || matches!(failure, Failure::Interrupted) {
        return;
    }
    (run.world.events)(crate::Event::Failed { step, message: failure.to_string() });
    state.failures.push(StepFailure { step: Some(step), failure });
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a step panicked".into())
}
