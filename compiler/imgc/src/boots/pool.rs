//! Runs jobs that need memory, a few at once, in their order as far as memory allows.

use std::sync::{Condvar, Mutex, MutexGuard};

struct Board {
    /// Jobs that wait: their indices, and the memory of each in bytes.
    waiting: Vec<(usize, u64)>,
    /// What running jobs have.
    taken: u64,
    running: usize,
}

/// Runs each job, given its memory in bytes, on at most `workers` threads, so that together they have at most `room`. One that needs
/// more than all of it runs alone.
pub fn run(jobs: &[u64], workers: usize, room: Option<u64>, work: &(dyn Fn(usize) + Sync)) {
    let waiting = jobs.iter().copied().enumerate().collect();
    let (board, bell) = (Mutex::new(Board { waiting, taken: 0, running: 0 }), Condvar::new());
    std::thread::scope(|scope| {
        for _ in 0..workers.clamp(1, jobs.len().max(1)) {
            scope.spawn(|| {
                while let Some((job, memory)) = next(&board, &bell, room) {
                    work(job);
                    let mut board = lock(&board);
                    board.taken -= memory;
                    board.running -= 1;
                    bell.notify_all();
                }
            });
        }
    });
}

/// Waits for the first job that there is room for; `None` when no job waits.
fn next(board: &Mutex<Board>, bell: &Condvar, room: Option<u64>) -> Option<(usize, u64)> {
    let mut board = lock(board);
    loop {
        if board.waiting.is_empty() {
            return None;
        }
        let fits = |memory: u64| room.is_none_or(|room| board.taken.saturating_add(memory) <= room);
        let found = board.waiting.iter().position(|(_, memory)| board.running == 0 || fits(*memory));
        if let Some(at) = found {
            let (job, memory) = board.waiting.remove(at);
            board.taken += memory;
            board.running += 1;
            return Some((job, memory));
        }
        board = bell.wait(board).expect("because no holder of the lock panics");
    }
}

fn lock(board: &Mutex<Board>) -> MutexGuard<'_, Board> {
    board.lock().expect("because no holder of the lock panics")
}

#[cfg(test)]
mod tests {
    use std::{thread, time::Duration};

    use super::*;

    /// Runs jobs and gives the most memory that ran at once, the most jobs, and the order in which they started.
    fn watched(jobs: &[u64], workers: usize, room: Option<u64>) -> (u64, usize, Vec<usize>) {
        let state = Mutex::new((0u64, 0usize, 0u64, 0usize, Vec::new()));
        run(jobs, workers, room, &|job| {
            let mut s = state.lock().expect("a lock");
            s.0 += jobs[job];
            s.1 += 1;
            s.2 = s.2.max(s.0);
            s.3 = s.3.max(s.1);
            s.4.push(job);
            drop(s);
            thread::sleep(Duration::from_millis(20));
            let mut s = state.lock().expect("a lock");
            s.0 -= jobs[job];
            s.1 -= 1;
        });
        let (_, _, memory, count, order) = state.into_inner().expect("a lock");
        (memory, count, order)
    }

    #[test]
    fn memory_and_number_are_bounded_and_every_job_runs_once() {
        let (memory, count, mut order) = watched(&[4, 4, 4, 1, 1], 3, Some(8));
        assert!(memory <= 8 && count <= 3, "{memory} {count}");
        order.sort_unstable();
        assert_eq!(order, [0, 1, 2, 3, 4]);
        let (_, count, _) = watched(&[1; 6], 2, None);
        assert!(count <= 2);
    }

    #[test]
    fn a_job_that_needs_more_than_there_is_runs_alone() {
        let (memory, count, order) = watched(&[100, 100], 2, Some(8));
        assert_eq!((memory, count, order), (100, 1, vec![0, 1]));
        assert_eq!(watched(&[], 2, None).2, [0; 0]);
    }
}
