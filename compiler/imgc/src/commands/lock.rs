//! `imgc lock`: pins packages.

use imgc_engine::debian::{self, ResolveOptions};
use imgc_lang::Compilation;
use imgc_plan::lock::{Lock, Request};

use crate::{
    args::{Cli, LockArgs, TrustArgs},
    failure::Failure,
    render,
    session::{self, Session, write_atomically},
};

/// Pins what a manifest asks for.
pub fn run(_cli: &Cli, args: &LockArgs) -> Result<(), Failure> {
    let mut session = Session::open(&args.manifest)?;
    let compilation = session.compile();
    let wrong: Vec<_> =
        compilation.diagnostics.iter().filter(|found| found.code != "package-not-pinned").cloned().collect();
    render::diagnostics(&compilation, &wrong);
    if wrong.iter().any(|found| found.severity == imgc_lang::Severity::Error) {
        return Err(Failure::Shown);
    }
    let trust = Trust { args: &args.trust, mirror: &args.mirror };
    if renew(&mut session, &compilation, &trust, args.update)? == 0 {
        eprintln!("{} is up to date: {} packages", session.lock_path().display(), session.lock().pins.len());
    }
    Ok(())
}

/// Whose word is taken for what a package is.
pub struct Trust<'a> {
    /// Keyrings.
    pub args: &'a TrustArgs,
    /// Mirrors to ask instead of the host's.
    pub mirror: &'a [String],
}

/// Pins what is not pinned, or everything anew, writes the lock and prints what changed; says how many lines that were.
pub fn renew(
    session: &mut Session,
    compilation: &Compilation,
    trust: &Trust<'_>,
    update: bool,
) -> Result<usize, Failure> {
    let old = session.lock();
    let asked: Vec<Request> = compilation.requests.iter().map(|(request, _)| request.clone()).collect();
    let open: Vec<Request> =
        asked.iter().filter(|request| update || old.find(request).is_none()).cloned().collect();
    let options = ResolveOptions {
        mirrors: trust.mirror.to_vec(),
        keyrings: trust.args.keyring.clone(),
        allow_unsigned: trust.args.allow_unsigned,
        ..ResolveOptions::default()
    };
    let say = |line: String| eprintln!("note    {line}");
    let mut pins = if open.is_empty() {
        Vec::new()
    } else {
        debian::resolve(&open, &options, &say, &session::interrupt())?
    };
    if !update {
        pins.extend(asked.iter().filter_map(|request| old.find(request).cloned()));
    }
    let new = Lock::new(pins);
    let changes = old.changes(&new);
    for line in &changes {
        println!("{line}");
    }
    if !changes.is_empty() {
        let path = session.lock_path();
        write_atomically(&path, &new.print())?;
    }
    session.set_lock(new);
    Ok(changes.len())
}
