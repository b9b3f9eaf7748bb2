//! An ordered pipeline: jobs are made on all threads of the pool, and their results taken one after another in order.
//!
//! No thread ever waits for another. A thread that has made a result drops it into a table; if nobody is taking, it takes
//! whatever is next in order itself. A thread that may not start a job because too many results are pending ends, and the
//! one that takes starts another when there is room. So it cannot deadlock, whatever else the pool is doing, and memory is
//! bounded by the window. The number of threads decides who does what, never what is done.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
};

use imgc_image::Failure;
use rayon::Scope;

/// Results that may be pending for each thread, beside the one that is being made.
const PENDING: u64 = 3;

/// Runs `make` on every job, on all threads, and `take` on every result, in the order of the jobs.
///
/// # Errors
/// [`Failure::Interrupted`] once `stop` is set, otherwise the failure of the earliest job that failed.
pub fn run<J, I, T, M, C>(stop: &AtomicBool, jobs: I, make: M, take: C) -> Result<(), Failure>
where
    J: Send,
    I: Iterator<Item = Result<J, Failure>> + Send,
    T: Send,
    M: Fn(J) -> Result<T, Failure> + Sync,
    C: FnMut(T) -> Result<(), Failure> + Send,
{
    let state =
        State { jobs, started: 0, taken: 0, ready: BTreeMap::new(), taking: false, workers: 1, ended: false };
    let pipe =
        Pipe { state: Mutex::new(state), failure: Mutex::new(None), taker: Mutex::new(take), make, stop };
    rayon::scope(|scope| pipe.work(scope));
    let failure = pipe.failure.into_inner().expect(UNPOISONED);
    failure.map_or(Ok(()), |(_, failure)| Err(failure))
}

const UNPOISONED: &str = "because a panic in a job ends the whole scope";

struct Pipe<'p, I, T, M, C> {
    state: Mutex<State<I, T>>,
    /// The failure of the earliest job so far.
    failure: Mutex<Option<(u64, Failure)>>,
    /// Locked only by the one thread that is taking.
    taker: Mutex<C>,
    make: M,
    stop: &'p AtomicBool,
}

struct State<I, T> {
    jobs: I,
    /// How many jobs were started.
    started: u64,
    /// How many results were taken.
    taken: u64,
    /// Results that are not taken yet, by the number of their job.
    ready: BTreeMap<u64, T>,
    /// Whether a thread is taking.
    taking: bool,
    /// How many threads work.
    workers: u64,
    /// Whether no further job shall start.
    ended: bool,
}

impl<J, I, T, M, C> Pipe<'_, I, T, M, C>
where
    J: Send,
    I: Iterator<Item = Result<J, Failure>> + Send,
    T: Send,
    M: Fn(J) -> Result<T, Failure> + Sync,
    C: FnMut(T) -> Result<(), Failure> + Send,
{
    /// One thread's work: jobs until there is none to start.
    fn work<'s>(&'s self, scope: &Scope<'s>) {
        while let Some((index, job)) = self.start(scope) {
            match (self.make)(job) {
                Ok(result) => self.deliver(index, result, scope),
                Err(failure) => self.fail(index, failure),
            }
        }
    }

    /// The next job; with `None` this thread has left.
    fn start<'s>(&'s self, scope: &Scope<'s>) -> Option<(u64, J)> {
        let mut state = self.lock();
        if self.stop.load(Ordering::Relaxed) && !state.ended {
            state.ended = true;
            self.note(0, Failure::Interrupted);
        }
        let threads = rayon::current_num_threads() as u64;
        let room = state.started - state.taken < threads * (PENDING + 1);
        let job = if state.ended || !room { None } else { state.jobs.next() };
        let index = state.started;
        match job {
            Some(Ok(job)) => {
                state.started += 1;
                if state.workers < threads {
                    state.workers += 1;
                    scope.spawn(|scope| self.work(scope));
                }
                return Some((index, job));
            }
            Some(Err(failure)) => {
                state.ended = true;
                self.note(index, failure);
            }
            None => state.ended |= room,
        }
        state.workers -= 1;
        None
    }

    /// Puts down a result, and takes those whose turn it is unless another thread is at it.
    fn deliver<'s>(&'s self, index: u64, result: T, scope: &Scope<'s>) {
        let mut state = self.lock();
        state.ready.insert(index, result);
        if state.taking {
            return;
        }
        state.taking = true;
        loop {
            let next = state.taken;
            let Some(result) = state.ready.remove(&next) else { break };
            drop(state);
            let taken = if self.stop.load(Ordering::Relaxed) {
                Err(Failure::Interrupted)
            } else {
                (self.taker.lock().expect(UNPOISONED))(result)
            };
            if let Err(failure) = taken {
                // `taking` stays set: nothing after a failure may be taken.
                return self.fail(next, failure);
            }
            state = self.lock();
            state.taken += 1;
            if !state.ended && state.workers < rayon::current_num_threads() as u64 {
                state.workers += 1;
                scope.spawn(|scope| self.work(scope));
            }
        }
        state.taking = false;
    }

    fn fail(&self, index: u64, failure: Failure) {
        self.lock().ended = true;
        self.note(index, failure);
    }

    fn note(&self, index: u64, failure: Failure) {
        let mut known = self.failure.lock().expect(UNPOISONED);
        if known.as_ref().is_none_or(|(earliest, _)| index < *earliest) {
            *known = Some((index, failure));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<I, T>> {
        self.state.lock().expect(UNPOISONED)
    }
}

/// Buffers that go round, so that no page is zeroed by the kernel twice.
#[derive(Debug, Default)]
pub struct Spares<T>(Mutex<Vec<T>>);

impl<T> Spares<T> {
    /// Nothing spare yet.
    pub fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// A spare one; it has whatever it had when it was put back.
    pub fn get(&self) -> Option<T> {
        self.0.lock().expect(UNPOISONED).pop()
    }

    /// Puts one back.
    pub fn put(&self, item: T) {
        self.0.lock().expect(UNPOISONED).push(item);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use super::*;

    fn pool(threads: usize) -> rayon::ThreadPool {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool")
    }

    #[test]
    fn results_are_taken_in_order_and_pending_ones_are_bounded() {
        for threads in [1, 2, 5] {
            let pending = AtomicU64::new(0);
            let most = AtomicU64::new(0);
            let mut seen = Vec::new();
            let make = |n: u64| {
                most.fetch_max(pending.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                // Uneven work, so that results come out of order.
                std::hint::black_box((0..(n * 7919) % 20_000).sum::<u64>());
                Ok(n)
            };
            let take = |n| {
                pending.fetch_sub(1, Ordering::SeqCst);
                seen.push(n);
                Ok(())
            };
            let jobs = (0..2000).map(Ok);
            pool(threads).install(|| run(&AtomicBool::new(false), jobs, make, take)).expect("runs");
            assert_eq!(seen, (0..2000).collect::<Vec<u64>>());
            assert!(most.into_inner() <= threads as u64 * (PENDING + 1));
        }
    }

    #[test]
    fn a_failure_ends_it_before_later_results_are_taken() {
        for threads in [1, 3] {
            let mut seen = Vec::new();
            let make = |n: u64| if n == 10 { Err(Failure::Bug("ten".into())) } else { Ok(n) };
            let jobs = (0..1000).map(Ok);
            let result = pool(threads).install(|| {
                run(&AtomicBool::new(false), jobs, make, |n| {
                    seen.push(n);
                    Ok(())
                })
            });
            assert!(matches!(result, Err(Failure::Bug(text)) if text == "ten"));
            assert!(seen.len() <= 10, "{seen:?}");
        }
    }

    #[test]
    fn a_job_that_cannot_be_listed_fails_it() {
        let jobs = (0..10).map(|n| if n == 4 { Err(Failure::Bug("list".into())) } else { Ok(n) });
        let result = run(&AtomicBool::new(false), jobs, Ok::<u64, Failure>, |_| Ok(()));
        assert!(matches!(result, Err(Failure::Bug(text)) if text == "list"));
    }

    #[test]
    fn the_stop_flag_interrupts() {
        let stop = AtomicBool::new(false);
        let mut seen = 0_u64;
        let result = pool(2).install(|| {
            run(&stop, (0..u64::MAX).map(Ok), Ok::<u64, Failure>, |n| {
                seen = n;
                stop.store(n >= 50, Ordering::Relaxed);
                Ok(())
            })
        });
        assert!(matches!(result, Err(Failure::Interrupted)));
        assert_eq!(seen, 50);
    }
}
