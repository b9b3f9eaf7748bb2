//! Runs what a test of a manifest says on one machine: boot after boot, with the disk kept between them.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use imgc_plan::test::{Act, Boot, Port};

use crate::{
    Accel, Error, Host, Kept, Machine, Picture, Vm,
    vm::{Setup, pattern},
};

/// What a test needs.
pub struct Job<'a> {
    /// What is on this computer.
    pub host: &'a Host,
    /// What makes the machine run.
    pub accel: Accel,
    /// The machine, with its image.
    pub machine: &'a Machine,
    /// What is expected of it.
    pub boots: &'a [Boot],
    /// The directory that paths of pictures start from.
    pub base: &'a Path,
    /// Where the screen is saved when it is not what it should be; `None`: nowhere.
    pub shots: Option<PathBuf>,
    /// Set when a person wants it to stop.
    pub stop: Arc<AtomicBool>,
}

/// A test that did not go as it should.
#[derive(Debug)]
pub struct Stumble {
    /// In which boot.
    pub boot: usize,
    /// At which of its acts; `None`: before or after them.
    pub act: Option<usize>,
    /// Why.
    pub error: Error,
}

impl Stumble {
    /// Whether nothing is wrong, but a person wanted an end.
    pub fn is_interruption(&self) -> bool {
        matches!(self.error, Error::Interrupted)
    }
}

/// Runs a test.
///
/// # Errors
/// The first thing that did not go as it should, and where.
pub fn run(job: &Job<'_>) -> Result<(), Stumble> {
    let at = |boot: usize, act: Option<usize>| move |error: Error| Stumble { boot, act, error };
    let kept = match (&job.machine.image, job.boots.len()) {
        (Some(image), 2..) if !image.path.is_dir() => Some(Kept::new(image).map_err(at(0, None))?),
        _ => None,
    };
    for (number, boot) in job.boots.iter().enumerate() {
        let machine = match &kept {
            Some(kept) => kept.machine(job.machine, job.host).map_err(at(number, None))?,
            None => job.machine.clone(),
        };
        let setup = Setup { host: job.host, accel: job.accel, stop: Arc::clone(&job.stop) };
        let mut vm = Vm::start(&machine, setup).map_err(at(number, None))?;
        for reject in &boot.rejects {
            vm.reject(pattern(&reject.pattern).map_err(at(number, None))?, reject.on);
        }
        for (index, act) in boot.acts.iter().enumerate() {
            perform(job, &mut vm, act).map_err(at(number, Some(index)))?;
        }
        vm.check().map_err(at(number, None))?;
        vm.stop();
    }
    Ok(())
}

fn perform(job: &Job<'_>, vm: &mut Vm, act: &Act) -> Result<(), Error> {
    match act {
        Act::Expect { pattern: text, on: Port::Serial, within } => {
            vm.expect(&pattern(text)?, Duration::from_millis(*within)).map(drop)
        }
        Act::Expect { pattern: text, on: Port::Screen, within } => {
            vm.expect_on_screen(&pattern(text)?, Duration::from_millis(*within)).map(drop)
        }
        Act::Press { keys, on } => keys.iter().try_for_each(|key| vm.press(key, *on)),
        Act::Type { text, on } => vm.type_text(text, *on),
        Act::Screenshot { file, tolerance, within } => {
            let file = job.base.join(file);
            let within = Duration::from_millis(*within);
            if !file.exists() {
                let shown = vm.settled_picture(within)?;
                let what = format!("there is no picture {} yet", file.display());
                return Err(keep_shot(job, &shown, Error::Unmet { what, log: vm.text() }));
            }
            let wanted = Picture::open(&file)?;
            vm.expect_picture(&wanted, *tolerance, within).map_err(|error| match vm.picture() {
                Ok(shown) => keep_shot(job, &shown, error),
                Err(_) => error,
            })
        }
        Act::PowerOff { within } => {
            vm.power_off()?;
            ended(vm, *within, 0)
        }
        Act::End { within, code } => ended(vm, *within, *code),
    }
}

fn ended(vm: &mut Vm, within: u64, wanted: i32) -> Result<(), Error> {
    match vm.wait(Duration::from_millis(within))? {
        code if code == wanted => Ok(()),
        code => {
            let what = format!("the machine ended with code {code} instead of {wanted}");
            Err(Error::Unmet { what, log: vm.text() })
        }
    }
}

/// Saves what the screen showed, and says where.
fn keep_shot(job: &Job<'_>, shown: &Picture, error: Error) -> Error {
    let Error::Unmet { what, log } = error else { return error };
    let saved = job.shots.as_ref().and_then(|file| {
        std::fs::create_dir_all(file.parent()?).ok()?;
        shown.save(file).ok().map(|()| file)
    });
    let what = match saved {
        Some(file) => format!("{what}; what it showed is in {}", file.display()),
        None => what,
    };
    Error::Unmet { what, log }
}
