//! `imgc run`: starts an output of a manifest, or an image, in QEMU.

mod guess;

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Mutex, atomic::Ordering},
    thread,
};

use imgc_engine::{Candidate, Goal};
use imgc_lang::Compilation;
use imgc_plan::{
    test::{Firmware, MachineSpec, Medium},
    units::approximate_size,
};
use imgc_qemu::{
    Display, Host, Image, Machine, Serial, Writes,
    vm::TICK,
    words::{Beside, quoted, words},
};

use crate::{
    args::{Cli, ManifestArgs, StartArgs},
    boots,
    failure::Failure,
    render,
    session::{self, Session},
    stdout::print,
};
use guess::Guess;

/// Starts an image.
pub fn run(cli: &Cli, args: &StartArgs) -> Result<(), Failure> {
    let host = Host::find()?;
    let Some((manifest, file)) = target(args)? else {
        return start(args, &host, None, &args.image);
    };
    let mut session = Session::open(&ManifestArgs { manifest, set: args.set.clone(), only: Vec::new() })?;
    if let Some(file) = file {
        session.only(file);
    }
    let compilation = session.compile_shown()?;
    let [(file, export)] = &compilation.outputs[..] else {
        let files: Vec<&str> = compilation.outputs.iter().map(|(file, _)| file.as_str()).collect();
        let message =
            format!("the manifest has {} outputs\n  help: name one first: {}", files.len(), files.join(", "));
        return Err(Failure::Request(message));
    };
    let there = args.output.join(file);
    if args.no_build || args.print {
        return start(args, &host, Some((&compilation, *export)), &there);
    }
    let engine = session.engine(&args.run, &args.output, false)?;
    // What must pass tests is not published by being looked at: it is started where it was made.
    let started = Mutex::new(None);
    let gate = |made: &[Candidate]| {
        let keep = |made: &Candidate| {
            let tested = compilation.tested.contains(&made.step) && !made.published;
            if tested {
                let result = start(args, &host, Some((&compilation, made.step)), &made.path);
                *started.lock().expect("because no holder of the lock panics") = Some(result);
            }
            !tested
        };
        made.iter().map(keep).collect()
    };
    let goal = Goal::Steps(vec![*export]);
    let report = session::run(cli, &engine, &compilation, &goal, Some(&gate))
        .map_err(|error| render::run_error(&compilation, error))?;
    render::diagnostics(&compilation, &render::warnings(&compilation, &report.warnings));
    match started.into_inner().expect("because no holder of the lock panics") {
        Some(result) => result,
        None => start(args, &host, Some((&compilation, *export)), &there),
    }
}

/// The manifest that is meant, and the output if one is named; `None`: the file itself is started.
fn target(args: &StartArgs) -> Result<Option<(PathBuf, Option<String>)>, Failure> {
    let name = || args.image.to_string_lossy().into_owned();
    if let Some(manifest) = &args.manifest {
        return Ok(Some((manifest.clone(), Some(name()))));
    }
    let is_manifest = args.image.extension().is_some_and(|ending| ending == "kdl");
    if is_manifest || args.image.join("image.kdl").is_file() {
        return Ok(Some((args.image.clone(), None)));
    }
    if args.image.exists() {
        return Ok(None);
    }
    if Path::new("image.kdl").is_file() {
        return Ok(Some((PathBuf::from("image.kdl"), Some(name()))));
    }
    let message = format!("there is no file {}", args.image.display());
    Err(Failure::Request(format!("{message}\n  help: to start an output, name its manifest, too")))
}

/// Starts what is in a file.
fn start(
    args: &StartArgs,
    host: &Host,
    made: Option<(&Compilation, usize)>,
    file: &Path,
) -> Result<(), Failure> {
    let (spec, why) = spec(args, made, file)?;
    let machine = machine(args, spec, file)?;
    let flash = host.flash(machine.spec.firmware)?;
    let accel = boots::accel(args.machines.accel, host);
    let served = file.parent().filter(|_| machine.spec.medium == Medium::Network && !file.is_dir());
    let beside = Beside { accel, flash: flash.as_ref(), qmp: None, served };
    let words = words(&machine, &beside)?;
    if args.print {
        return print(&format!("{}\n", quoted(&host.qemu, &words)));
    }
    if !file.exists() {
        let help = "build it first, or leave --no-build out";
        return Err(Failure::Request(format!("there is no file {}\n  help: {help}", file.display())));
    }
    let memory = approximate_size(machine.spec.memory);
    eprintln!("machine {}, {memory} of memory, by {}: {why}", machine.spec.title(), accel.word());
    finish(Command::new(&host.qemu).args(words))
}

/// What the machine is: what switches say, then what a test of the output says, then what the image can start from.
fn spec(
    args: &StartArgs,
    made: Option<(&Compilation, usize)>,
    file: &Path,
) -> Result<(MachineSpec, String), Failure> {
    let known = made.and_then(|(compilation, export)| {
        let tests = &compilation.plan.as_ref()?.tests;
        let cases = tests.iter().flat_map(|test| test.cases.iter().map(move |case| (&test.name, case)));
        let mut cases = cases.filter(|(_, case)| case.export == export);
        let fits = |machine: &MachineSpec| {
            args.firmware.is_none_or(|firmware| firmware == machine.firmware)
                && args.medium.is_none_or(|medium| medium == machine.medium)
        };
        let (test, case) = cases.find(|(_, case)| fits(&case.machine))?;
        Some((case.machine.clone(), format!("as in test `{test}`")))
    });
    let (old, why) = match known {
        Some(known) => known,
        None => {
            let Guess { spec, why } = guess::guess(file, made)?;
            (spec, why)
        }
    };
    let firmware = args.firmware.unwrap_or(old.firmware);
    let medium = args.medium.unwrap_or(old.medium);
    let same = (firmware, medium) == (old.firmware, old.medium);
    // What was said of another firmware or medium does not hold for this one.
    let bus = args.bus.or((same && args.machine.is_none()).then_some(old.bus));
    let chipset = args.machine.or((same && args.bus.is_none()).then_some(old.chipset));
    let mut spec = MachineSpec::new(firmware, medium, bus, chipset);
    spec.memory = args.memory.unwrap_or(if same { old.memory } else { spec.memory });
    spec.cpus = args.cpus.unwrap_or(old.cpus);
    spec.sector_size = old.sector_size;
    spec.bootfile = args.bootfile.clone().or(old.bootfile).filter(|_| medium == Medium::Network);
    spec.extra = old.extra;
    spec.extra.extend(args.extra.iter().cloned());
    let why = if same { why } else { "as asked for".into() };
    Ok((spec, why))
}

fn machine(args: &StartArgs, spec: MachineSpec, file: &Path) -> Result<Machine, Failure> {
    if args.variables.is_some() && spec.firmware == Firmware::Bios {
        return Err(Failure::Request("a BIOS keeps no variables\n  help: leave --variables out".into()));
    }
    if spec.medium == Medium::Network && file.is_dir() && spec.bootfile.is_none() {
        let message = format!(
            "{} is a directory\n  help: name the file that is asked for: --bootfile PATH",
            file.display()
        );
        return Err(Failure::Request(message));
    }
    if args.write && !matches!(spec.medium, Medium::Disk | Medium::Usb) {
        let message =
            "nothing is written to what is no disk\n  help: leave --write out, or name another --medium";
        return Err(Failure::Request(message.into()));
    }
    let path = std::path::absolute(file)
        .map_err(|error| Failure::Machine(format!("finding {}: {error}", file.display())))?;
    let image = if path.exists() { Image::open(&path)? } else { Image::new(&path, "raw") };
    let network = !args.no_network && spec.medium != Medium::Network;
    Ok(Machine {
        writes: if args.write { Writes::Through } else { Writes::Forgotten },
        variables: args.variables.clone(),
        serial: Serial::Terminal,
        display: match &args.vnc {
            Some(address) => Display::Vnc(address.clone()),
            None if args.window => Display::Window,
            None => Display::None,
        },
        network: network || !args.forward.is_empty(),
        forwards: args.forward.clone(),
        gdb: args.gdb,
        restarts: true,
        ..Machine::new(spec).image(image)
    })
}

/// Waits for QEMU in this terminal, and says what its end means.
fn finish(command: &mut Command) -> Result<(), Failure> {
    let wrong = |error: std::io::Error| Failure::Machine(format!("starting QEMU: {error}"));
    let stop = session::interrupt();
    let mut child = command.stdin(Stdio::inherit()).spawn().map_err(wrong)?;
    let status = loop {
        if let Some(status) = child.try_wait().map_err(wrong)? {
            break status;
        }
        if stop.load(Ordering::Relaxed) {
            // It may have been told itself, and be gone.
            let _ = child.kill();
            let _ = child.wait();
            return Err(Failure::Interrupted);
        }
        thread::sleep(TICK);
    };
    match status.code() {
        Some(0) => Ok(()),
        // A guest's code is odd and more than 1 (see the device of port 0xf4), QEMU's own is 1.
        Some(code) if code > 1 && code % 2 == 1 => {
            eprintln!("the machine ended itself by port 0xf4 with {}", code >> 1);
            Ok(())
        }
        _ => Err(Failure::Machine(format!("QEMU failed ({status}): what it said is above"))),
    }
}
