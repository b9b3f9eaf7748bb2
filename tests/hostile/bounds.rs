//! Runs something over seeds within bounds: of memory for the whole process, of time for each input.

use std::{
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Once,
        mpsc::{RecvTimeoutError, channel},
    },
    thread,
    time::Duration,
};

use imgc_grove::{Random, fuzz};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How much memory the process may ask for, in bytes: what the valid inputs take, several times over. A length that lies asks for
/// more, and ends the process.
const MEMORY: u64 = 4 << 30;

/// How long one input may take: none takes a second on a machine that does nothing else.
const PATIENCE: Duration = Duration::from_secs(300);

/// Lets each seed have its turn: as many as `usual`, unless the environment says otherwise.
///
/// # Panics
/// As what is run does, with the seed.
pub fn run(what: &str, usual: u64, one: impl Fn(&mut Random)) {
    over(what, fuzz::seeds(usual), one);
}

fn over(what: &str, seeds: Range<u64>, one: impl Fn(&mut Random)) {
    limit_memory();
    let (began, seen) = channel();
    let name = what.to_owned();
    let watch = thread::spawn(move || {
        let mut last = None;
        loop {
            match seen.recv_timeout(PATIENCE) {
                Ok(seed) => last = Some(seed),
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {
                    eprintln!("{name}: seed {last:?} takes longer than {PATIENCE:?}");
                    std::process::abort();
                }
            }
        }
    });
    for seed in seeds {
        began.send(seed).expect("because the watch ends after us");
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| one(&mut Random(seed)))) {
            eprintln!("{what}: seed {seed}; run it again with IMGC_FUZZ_FROM={seed} IMGC_FUZZ_SEEDS=1");
            resume_unwind(panic);
        }
    }
    drop(began);
    watch.join().expect("because the watch does not panic");
}

fn limit_memory() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let most = getrlimit(Resource::As).maximum;
        let limit = Rlimit { current: Some(most.map_or(MEMORY, |most| most.min(MEMORY))), maximum: most };
        setrlimit(Resource::As, limit).expect("a process may bound itself");
    });
}

#[test]
fn a_panic_is_told_with_its_seed_and_passed_on() {
    let seen = std::cell::Cell::new(0);
    let panic = catch_unwind(AssertUnwindSafe(|| {
        over("nothing", 0..5, |random| {
            seen.set(seen.get() + 1);
            assert!(random.0 != 3, "three");
        });
    }));
    assert_eq!(panic.expect_err("it panics").downcast_ref(), Some(&"three"));
    assert_eq!(seen.get(), 4);
}
