//! `imgc run`: which machine it is, and how it ends.

use std::{
    fs,
    io::{Read, Write},
    process::{Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use imgc_tests::{
    imgc::{Bench, finish, root},
    qemu::Slot,
    tools::{assemble, tool},
};

use crate::boots::{COUNTER, project, text};

/// How long a machine may take to say something.
const PATIENCE: Duration = Duration::from_secs(240);

/// Starts something, waits until it says this, and then sends what ends QEMU: Ctrl-A X.
fn start(bench: &Bench, arguments: &[&str], until: Option<&str>, code: i32) -> (String, String) {
    let _slot = Slot::take();
    let mut command = bench.command(arguments);
    command.env("IMGC_ACCEL", "tcg").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("imgc starts");
    let mut keys = child.stdin.take();
    let (mut stdout, mut stderr) =
        (child.stdout.take().expect("asked for"), child.stderr.take().expect("asked for"));
    let complaints = thread::spawn(move || {
        let mut said = Vec::new();
        stderr.read_to_end(&mut said).map(|_| text(&said)).expect("readable")
    });
    let (send, chunks) = mpsc::channel();
    thread::spawn(move || {
        let mut buf = [0; 4096];
        while let Ok(len @ 1..) = stdout.read(&mut buf) {
            if send.send(buf[..len].to_vec()).is_err() {
                return;
            }
        }
    });
    let mut printed = String::new();
    loop {
        match chunks.recv_timeout(PATIENCE) {
            Ok(chunk) => printed += &String::from_utf8_lossy(&chunk),
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                child.kill().expect("it runs");
                panic!("imgc {arguments:?} says no more than {printed}");
            }
        }
        if until.is_some_and(|until| printed.contains(until))
            && let Some(mut keys) = keys.take()
        {
            keys.write_all(b"\x01x").expect("it reads");
        }
    }
    let (status, said) = (child.wait().expect("it ends"), complaints.join().expect("read"));
    assert_eq!(status.code(), Some(code), "{printed}{said}");
    (printed, said)
}

/// A disk that says that it was started, and ends QEMU with 35.
fn disk(bench: &Bench) {
    let out = bench.dir().join("sector.img");
    assemble(&root().join("tests/boot/sector.S"), 0x7c00, &bench.dir().join("object"), &out);
    let mut bytes = fs::read(&out).expect("readable");
    bytes.resize(1 << 20, 0);
    fs::write(&out, bytes).expect("written");
}

#[test]
fn the_command_line_is_printed_as_a_shell_reads_it() {
    let bench = Bench::new();
    project(&bench, COUNTER);
    disk(&bench);
    let printed = |arguments: &[&str]| {
        let arguments = [&["run", "--print"], arguments].concat();
        let line = text(&finish(bench.command(&arguments).env("IMGC_ACCEL", "tcg"), 0).stdout);
        let dir = bench.dir().canonicalize().expect("a path");
        let line = line.replace(dir.to_str().expect("text"), "DIR");
        line.split_once(' ').expect("a program and its words").1.trim_end().to_owned()
    };
    let head = "-nodefaults -no-user-config -machine pc -accel tcg -cpu max -smp 1";
    let rest = "-vga std -rtc base=utc -boot strict=off";
    let tail = "-device isa-debug-exit,iobase=0xf4,iosize=0x04";
    let net =
        "-netdev user,id=net -device virtio-net-pci,netdev=net,romfile= -display none -serial mon:stdio";
    // What the test of the output says.
    assert_eq!(
        printed(&["counter.img", "image.kdl"]),
        format!(
            "{head} -m 64M {rest} -drive if=none,id=d0,format=raw,snapshot=on,file=DIR/out/counter.img \
             -device ide-hd,drive=d0,bus=ide.0,bootindex=0 {tail} {net}"
        )
    );
    // A file, and switches.
    assert_eq!(
        printed(&[
            "sector.img",
            "--bus",
            "nvme",
            "--memory",
            "1GiB",
            "--write",
            "--gdb=4321",
            "--vnc",
            "--forward",
            "8080:80",
            "--",
            "-name",
            "it's"
        ]),
        format!(
            "{head} -m 1024M {rest} -drive if=none,id=d0,format=raw,snapshot=off,file=DIR/sector.img \
             -device nvme,drive=d0,serial=imgc,bootindex=0 {tail} \
             -netdev user,id=net,hostfwd=tcp:127.0.0.1:8080-:80 -device virtio-net-pci,netdev=net,romfile= \
             -vnc 127.0.0.1:0 -serial mon:stdio -gdb tcp:127.0.0.1:4321 -name 'it'\\''s'"
        )
    );
    assert!(
        printed(&["sector.img", "--no-network"])
            .ends_with(&format!("{tail} -display none -serial mon:stdio"))
    );
}

#[test]
fn a_file_is_started_on_the_machine_that_it_can_start_on() {
    let bench = Bench::new();
    disk(&bench);
    let (printed, said) = start(&bench, &["run", "sector.img"], None, 0);
    assert!(printed.contains("IMGC-SECTOR-OK"), "{said}");
    assert!(said.contains("machine bios virtio") && said.contains("boot code in its first sector"), "{said}");
    assert!(said.contains("ended itself by port 0xf4 with 17"), "{said}");
    let mut convert = Command::new(tool("qemu-img", "qemu-utils"));
    let convert =
        convert.current_dir(bench.dir()).args(["convert", "-O", "qcow2", "sector.img", "sector.qcow2"]);
    imgc_tests::tools::run(convert);
    let (printed, said) = start(&bench, &["run", "sector.qcow2", "--bus", "ide"], None, 0);
    assert!(printed.contains("IMGC-SECTOR-OK"), "{said}");
    assert!(said.contains("machine bios ide") && said.contains("boot code in its first sector"), "{said}");
    // QEMU's own mistakes are this machine's.
    let (_, said) = start(&bench, &["run", "sector.img", "--", "-device", "no-such-device"], None, 2);
    assert!(said.contains("no-such-device"), "{said}");
    let (_, said) = start(&bench, &["run", "sector.img", "--medium", "cdrom", "--write"], None, 1);
    assert!(said.contains("leave --write out"), "{said}");
    let (_, said) = start(&bench, &["run", "nothing.img"], None, 1);
    assert!(said.contains("there is no file nothing.img"), "{said}");
}

#[test]
fn an_output_is_built_and_forgets_what_its_machine_writes_unless_told_not_to() {
    let bench = Bench::new();
    project(&bench, COUNTER);
    let run = |more: &[&str], count: &str| {
        let (_, said) = start(&bench, &[&["run", "counter.img", "image.kdl"], more].concat(), Some(count), 0);
        assert!(said.contains("as in test `counts`"), "{said}");
    };
    run(&[], "BOOT-1-OF-THIS-DISK");
    run(&["--no-build"], "BOOT-1-OF-THIS-DISK");
    run(&["--write", "--bus", "virtio"], "BOOT-1-OF-THIS-DISK");
    run(&["--no-build"], "BOOT-2-OF-THIS-DISK");
    // Built again, it is as it was.
    run(&[], "BOOT-1-OF-THIS-DISK");
}

#[test]
fn what_must_be_tested_is_not_published_by_being_looked_at() {
    let bench = Bench::new();
    project(&bench, &COUNTER.replace("\"counter.img\" tree=t", "\"counter.img\" tree=t tested=#true"));
    start(&bench, &["run", "image.kdl"], Some("BOOT-1-OF-THIS-DISK"), 0);
    assert!(!bench.out().join("counter.img").exists());
}
