//! Where in an image a file's bytes lie: runs, in the order of the file.

use imgc_image::{Failure, Problem};
use imgc_plan::tree::BytePath;

/// The most runs of one file: whoever wants them (a loader's block list) takes far fewer, and hostile maps name more than fit
/// into memory.
const MOST_RUNS: usize = 1 << 22;

/// Bytes of a file that lie together in the image, as they are in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The first byte's place in the image.
    pub offset: u64,
    /// How many bytes; never 0.
    pub len: u64,
}

/// Runs of one file in the making: those that touch become one.
#[derive(Debug, Default)]
pub struct Runs {
    list: Vec<Run>,
}

impl Runs {
    /// Adds what comes next in the file.
    ///
    /// # Errors
    /// When there are more runs than any file has.
    pub fn push(&mut self, offset: u64, len: u64) -> Result<(), Failure> {
        if len == 0 {
            return Ok(());
        }
        if let Some(last) = self.list.last_mut().filter(|last| last.offset + last.len == offset) {
            last.len += len;
            return Ok(());
        }
        if self.list.len() >= MOST_RUNS {
            let message = format!("the file lies in more than {MOST_RUNS} pieces");
            return Err(Problem::new("content-scattered", message).into());
        }
        self.list.push(Run { offset, len });
        Ok(())
    }

    /// All of them.
    pub fn finish(self) -> Vec<Run> {
        self.list
    }
}

/// The bytes of a file do not lie in the image as they are; `why` completes "because".
pub fn not_in_place(path: &[u8], why: &str) -> Failure {
    let path = BytePath(path.to_vec());
    let message = format!("the bytes of {path} do not lie in the image as they are, because {why}");
    Problem::new("content-not-in-place", message).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_that_touch_are_one_and_empty_ones_none() {
        let mut runs = Runs::default();
        for (offset, len) in [(512, 512), (1024, 0), (1024, 1), (4096, 512), (512, 5)] {
            runs.push(offset, len).expect("few");
        }
        let run = |offset, len| Run { offset, len };
        assert_eq!(runs.finish(), [run(512, 513), run(4096, 512), run(512, 5)]);
    }
}
