//! The kernel that stands in for Linux where only a loader is tested: it says what it was given.

use std::{fs, process::Command, sync::OnceLock};

use crate::{
    imgc::root,
    tools::{run, tool},
};

/// What QEMU's exit code is when the kernel has told all: it writes 16 to port 0xf4.
pub const KERNEL_DONE: i32 = 33;

/// How long it is, in bytes: systemd's stub takes no shorter one.
const LEN: usize = 4096;

/// A bzImage and EFI application (x86-64) of 4 KiB that prints
/// `IMGC-MARKER ok fw=bios|uefi stub=DOOR initrd=0xSIZE cmdline=…` on the first serial port and ends QEMU. The doors are
/// explained in `boot/kernel.S`.
///
/// # Panics
/// When the assembler or the linker is missing or complains.
pub fn kernel() -> Vec<u8> {
    static MADE: OnceLock<Vec<u8>> = OnceLock::new();
    MADE.get_or_init(assemble).clone()
}

fn assemble() -> Vec<u8> {
    let dir = tempfile::tempdir().expect("a directory");
    let (object, flat) = (dir.path().join("object"), dir.path().join("flat"));
    let source = root().join("tests/boot/kernel.S");
    run(Command::new(tool("as", "binutils")).args(["--64", "-o"]).arg(&object).arg(source));
    let mut ld = Command::new(tool("ld", "binutils"));
    run(ld.args(["-m", "elf_x86_64", "-Ttext=0", "--oformat", "binary", "-o"]).arg(&flat).arg(&object));
    let kernel = fs::read(flat).expect("readable");
    assert_eq!(kernel.len(), LEN, "the kernel's length");
    kernel
}
