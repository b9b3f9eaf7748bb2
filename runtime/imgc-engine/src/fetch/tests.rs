//! Fetching from directories and from a server that misbehaves.

use std::{
    cell::RefCell,
    sync::atomic::{AtomicBool, Ordering},
};

use imgc_image::{Failure, Problem};
use imgc_plan::step::Fetch;
use sha2::{Digest, Sha256};

use super::{
    fetch,
    pinned::hex,
    server::{Manner, Server},
};

const PATH: &str = "pool/g++_1.deb";

struct Rig {
    dir: tempfile::TempDir,
    server: Server,
    body: Vec<u8>,
}

impl Rig {
    fn new() -> Self {
        let body: Vec<u8> = (0..300_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("pool")).unwrap();
        std::fs::write(dir.path().join(PATH), &body).unwrap();
        let server = Server::start(dir.path());
        Self { dir, server, body }
    }

    fn step(&self) -> Fetch {
        Fetch {
            path: PATH.into(),
            size: self.body.len() as u64,
            sha256: hex(&Sha256::digest(&self.body)),
            mirror: None,
            name: "g++ 1".into(),
        }
    }

    fn base(&self) -> String {
        self.server.base.clone()
    }
}

fn run(step: &Fetch, mirrors: &[String]) -> Result<Vec<u8>, Failure> {
    let mut out = Vec::new();
    fetch(step, mirrors, &mut out, &AtomicBool::new(false), &|_| ()).map(|()| out)
}

fn problem(result: Result<Vec<u8>, Failure>) -> Problem {
    match result {
        Err(Failure::Problems(mut problems)) if problems.len() == 1 => problems.remove(0),
        other => panic!("one problem expected, not {:?}", other.map(|bytes| bytes.len())),
    }
}

/// An address of this machine on which nobody listens.
fn dead() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}/debian", listener.local_addr().unwrap())
}

#[test]
fn every_kind_of_mirror_gives_the_bytes() {
    let rig = Rig::new();
    let dir = rig.dir.path().to_str().unwrap().to_owned();
    for mirror in [dir.clone(), format!("file://{dir}"), rig.base(), format!("{}/", rig.base())] {
        assert_eq!(run(&rig.step(), &[mirror]).unwrap(), rig.body);
    }
    rig.server.behave(PATH, Manner::Unsized);
    assert_eq!(run(&rig.step(), &[rig.base()]).unwrap(), rig.body);
    rig.server.behave("old/x.deb", Manner::Redirect(format!("/{PATH}")));
    let moved = Fetch { path: "old/x.deb".into(), ..rig.step() };
    assert_eq!(run(&moved, &[rig.base()]).unwrap(), rig.body);
    let empty = Fetch { path: "empty".into(), size: 0, sha256: hex(&Sha256::digest(b"")), ..rig.step() };
    std::fs::write(rig.dir.path().join("empty"), b"").unwrap();
    assert_eq!(run(&empty, &[rig.base()]).unwrap(), b"");
}

#[test]
fn progress_counts_to_the_end() {
    let rig = Rig::new();
    let seen = RefCell::new(Vec::new());
    let stop = AtomicBool::new(false);
    fetch(&rig.step(), &[rig.base()], &mut Vec::new(), &stop, &|done| seen.borrow_mut().push(done)).unwrap();
    assert!(seen.borrow().is_sorted());
    assert_eq!(seen.borrow().last(), Some(&(rig.body.len() as u64)));
}

#[test]
fn the_steps_mirror_comes_first() {
    let rig = Rig::new();
    let other = Server::start(rig.dir.path());
    let step = Fetch { mirror: Some(rig.base()), ..rig.step() };
    run(&step, std::slice::from_ref(&other.base)).unwrap();
    assert_eq!((rig.server.asked().len(), other.asked().len()), (1, 0));
}

#[test]
fn a_broken_line_is_taken_up_where_it_broke() {
    let rig = Rig::new();
    rig.server.behave(PATH, Manner::BreakTimes(100_000, 1));
    assert_eq!(run(&rig.step(), &[rig.base()]).unwrap(), rig.body);
    assert_eq!(rig.server.asked(), [PATH.to_owned(), format!("{PATH} from 100000")]);
    // A server without ranges sends everything again, and the next mirror takes over from one that always breaks.
    rig.server.behave(PATH, Manner::Break(100_000));
    let other = Server::start(rig.dir.path());
    other.behave(PATH, Manner::Unsized);
    assert_eq!(run(&rig.step(), &[rig.base(), other.base.clone()]).unwrap(), rig.body);
}

#[test]
fn a_busy_mirror_is_asked_again() {
    let rig = Rig::new();
    rig.server.behave(PATH, Manner::Status(503, 2));
    assert_eq!(run(&rig.step(), &[rig.base()]).unwrap(), rig.body);
    rig.server.behave(PATH, Manner::Status(403, 9));
    match run(&rig.step(), &[rig.base()]) {
        Err(Failure::Machine { error, .. }) => assert!(error.to_string().contains("403"), "{error}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_truncated_body_is_the_machines_failure() {
    let rig = Rig::new();
    rig.server.behave(PATH, Manner::Break(1000));
    assert!(matches!(run(&rig.step(), &[rig.base()]), Err(Failure::Machine { .. })));
    assert_eq!(rig.server.asked().len(), 3);
}

#[test]
fn a_package_that_no_mirror_has_is_gone() {
    let rig = Rig::new();
    let dir = rig.dir.path().to_str().unwrap().to_owned();
    let step = Fetch { path: "pool/old.deb".into(), name: "old 0.9".into(), ..rig.step() };
    let problem = problem(run(&step, &[rig.base(), dir]));
    assert_eq!(problem.code, "package-gone");
    assert!(problem.message.contains("old 0.9"), "{}", problem.message);
    let help = problem.help.unwrap();
    assert!(help.contains("imgc lock --update") && help.contains("imgc build --update-lock"), "{help}");
    // As long as one mirror could not be asked, nobody knows.
    let result = run(&step, &[rig.base(), dead()]);
    assert!(matches!(result, Err(Failure::Machine { .. })), "{result:?}");
}

#[test]
fn other_bytes_are_a_mismatch() {
    let rig = Rig::new();
    let wrong = Fetch { sha256: "0".repeat(64), ..rig.step() };
    let found = problem(run(&wrong, &[rig.base()]));
    assert_eq!(found.code, "package-mismatch");
    assert!(found.message.contains(&"0".repeat(64)) && found.message.contains(&rig.step().sha256));
    let small = Fetch { size: 299_999, ..rig.step() };
    let found = problem(run(&small, &[rig.base()]));
    assert_eq!(found.code, "package-mismatch");
    assert!(found.message.contains("expected 299999 bytes, found 300000 bytes"), "{}", found.message);
}

#[test]
fn no_more_than_one_byte_too_many_is_read() {
    let rig = Rig::new();
    rig.server.behave(PATH, Manner::Unsized);
    let small = Fetch { size: 10, ..rig.step() };
    let mut out = Vec::new();
    let result = fetch(&small, &[rig.base()], &mut out, &AtomicBool::new(false), &|_| ());
    assert!(out.len() <= 10, "{} bytes were kept", out.len());
    let found = problem(result.map(|()| out));
    assert_eq!(found.code, "package-mismatch");
    assert!(found.message.contains("found more than 10 bytes"), "{}", found.message);
}

#[test]
fn a_mirror_with_a_wrong_length_is_passed_over() {
    let rig = Rig::new();
    let bad = tempfile::tempdir().unwrap();
    std::fs::create_dir(bad.path().join("pool")).unwrap();
    std::fs::write(bad.path().join(PATH), b"<html>please log in</html>").unwrap();
    let bad = bad.path().to_str().unwrap().to_owned();
    assert_eq!(run(&rig.step(), &[bad, rig.base()]).unwrap(), rig.body);
}

#[test]
fn an_unreachable_mirror_is_the_machines_failure() {
    let rig = Rig::new();
    assert!(matches!(run(&rig.step(), &[dead()]), Err(Failure::Machine { .. })));
    assert_eq!(run(&rig.step(), &[dead(), rig.base()]).unwrap(), rig.body);
}

#[test]
fn what_makes_no_sense_is_refused_before_the_network() {
    let rig = Rig::new();
    assert_eq!(problem(run(&rig.step(), &[])).code, "no-mirror");
    let escape = Fetch { path: "../etc/passwd".into(), ..rig.step() };
    assert_eq!(problem(run(&escape, &[rig.base()])).code, "package-path");
    assert_eq!(problem(run(&rig.step(), &["gopher://x/y".into()])).code, "mirror-address");
    assert!(rig.server.asked().is_empty());
}

#[test]
fn an_interruption_ends_it() {
    let rig = Rig::new();
    let stop = AtomicBool::new(false);
    let stopper = |_| stop.store(true, Ordering::Relaxed);
    let result = fetch(&rig.step(), &[rig.base()], &mut Vec::new(), &stop, &stopper);
    assert!(matches!(result, Err(Failure::Interrupted)));
}

#[test]
fn a_full_disk_is_not_the_mirrors_fault() {
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let rig = Rig::new();
    let result =
        fetch(&rig.step(), &[rig.base(), rig.base() + "/"], &mut Full, &AtomicBool::new(false), &|_| ());
    match result {
        Err(Failure::Machine { what, error }) => {
            assert_eq!(what, "keeping what was fetched");
            assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(rig.server.asked().len(), 1);
}
