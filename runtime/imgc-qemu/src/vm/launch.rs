//! How a machine is started: QEMU as a child, and a connection to it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, atomic::AtomicBool},
    thread,
    time::{Duration, Instant},
};

use imgc_plan::test::Medium;
use tempfile::TempDir;

use super::{Log, Qmp, Vm, qmp::Trouble, watch::Watch};
use crate::{
    Accel, Error, Host, Machine, Serial,
    os::{Listener, Stream},
    words::{Beside, words},
};

/// How often something is looked at that cannot be waited for.
pub const TICK: Duration = Duration::from_millis(50);

/// How long QEMU may take until it can be talked with.
const START: Duration = Duration::from_secs(60);

/// What a start needs besides the machine.
pub struct Setup<'a> {
    /// What is on this computer.
    pub host: &'a Host,
    /// What makes it run.
    pub accel: Accel,
    /// Set when a person wants it to stop.
    pub stop: Arc<AtomicBool>,
}

impl Vm {
    /// Starts a machine.
    ///
    /// # Errors
    /// When something that it needs is missing, or QEMU does not start it: with what QEMU says.
    pub fn start(machine: &Machine, setup: Setup<'_>) -> Result<Self, Error> {
        let failed = |error| Error::Failed(format!("making a temporary directory: {error}"));
        let dir = TempDir::with_prefix("imgc-vm-").map_err(failed)?;
        let listener = Listener::new(dir.path())
            .map_err(|error| Error::Failed(format!("listening at {}: {error}", dir.path().display())))?;
        let machine = Machine { serial: Serial::Piped, ..machine.clone() };
        let served = served(&machine, dir.path())?;
        let flash = setup.host.flash(machine.spec.firmware)?;
        let address = listener.address();
        let beside = Beside {
            accel: setup.accel,
            flash: flash.as_ref(),
            qmp: Some(&address),
            served: served.as_deref(),
        };
        let mut command = Command::new(&setup.host.qemu);
        command.args(words(&machine, &beside)?);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .map_err(|error| Error::Failed(format!("starting {}: {error}", setup.host.qemu.display())))?;
        let log = Log::of(child.stdout.take().expect("because it was asked for"));
        let complaints = Log::of(child.stderr.take().expect("because it was asked for"));
        let keys = child.stdin.take();
        let connected = connect(&listener, &mut child, &complaints).and_then(|stream| {
            Qmp::new(stream).map_err(|(Trouble::Gone(said) | Trouble::Refused(said))| {
                Error::Failed(format!("QEMU did not start: {said}"))
            })
        });
        let qmp = match connected {
            Ok(qmp) => qmp,
            Err(error) => {
                // It may be gone already.
                let _ = child.kill();
                let _ = child.wait();
                return Err(error);
            }
        };
        Ok(Self { child, keys, log, complaints, qmp, watch: Watch::default(), stop: setup.stop, dir })
    }
}

/// The connection that QEMU makes when it is ready; when it ends instead, what it says.
fn connect(listener: &Listener, child: &mut Child, complaints: &Log) -> Result<Stream, Error> {
    let until = Instant::now() + START;
    let wrong = |error: std::io::Error| Error::Failed(format!("waiting for QEMU: {error}"));
    loop {
        if let Some(stream) = listener.accept().map_err(wrong)? {
            return Ok(stream);
        }
        if let Some(status) = child.try_wait().map_err(wrong)? {
            let mut state = complaints.lock();
            while !state.ended && Instant::now() < until {
                state = complaints.wait(state, TICK);
            }
            return Err(Error::Failed(format!("QEMU did not start ({status}): {}", state.text.trim())));
        }
        if Instant::now() >= until {
            return Err(Error::Failed(format!("QEMU could not be talked with within {START:?}")));
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// For a network whose image is a file: a directory that holds nothing else, so that a guest reads nothing else.
fn served(machine: &Machine, dir: &Path) -> Result<Option<PathBuf>, Error> {
    let Some(image) = machine.image.as_ref().filter(|_| machine.spec.medium == Medium::Network) else {
        return Ok(None);
    };
    if image.path.is_dir() {
        if machine.spec.bootfile.is_none() {
            return Err(Error::Impossible {
                what: format!("which file of {} is asked for is not said", image.path.display()),
                help: "name it with `bootfile`".into(),
            });
        }
        return Ok(None);
    }
    let name = image.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let name = machine.spec.bootfile.clone().unwrap_or(name);
    let served = dir.join("tftp");
    let to = served.join(&name);
    // A name with a way out of the directory would be somebody else's file.
    if !Path::new(&name).components().all(|part| matches!(part, std::path::Component::Normal(_))) {
        return Err(Error::Impossible {
            what: format!("`{name}` is no file within what TFTP serves"),
            help: "give a relative path without `..`".into(),
        });
    }
    fs::create_dir_all(to.parent().unwrap_or(&served)).map_err(Error::file("making", &served))?;
    // A second name where the two share a filesystem, a copy where not.
    if fs::hard_link(&image.path, &to).is_err() {
        fs::copy(&image.path, &to).map_err(Error::file("copying", &image.path))?;
    }
    Ok(Some(served))
}
