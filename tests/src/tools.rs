//! Programs that were not written here: found, or the test fails with the name of their Debian package.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

/// Where administrators' tools lie that a plain user's PATH may leave out.
const MORE: &[&str] = &["/usr/sbin", "/sbin", "/usr/local/sbin"];

/// The program of this name.
///
/// # Panics
/// When it is nowhere: a tool that is missing is a test that failed, never one that was skipped.
pub fn tool(name: &str, package: &str) -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(MORE.iter().map(PathBuf::from))
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
        .unwrap_or_else(|| panic!("`{name}` is missing: install the Debian package {package}"))
}

/// A file that a package brings.
///
/// # Panics
/// When it is not there.
pub fn file(path: &str, package: &str) -> PathBuf {
    assert!(Path::new(path).is_file(), "{path} is missing: install the Debian package {package}");
    PathBuf::from(path)
}

/// A shared library that a package brings, wherever the machine keeps libraries.
///
/// # Panics
/// When it is not there.
pub fn library(name: &str, package: &str) -> PathBuf {
    let mut open = vec![PathBuf::from("/usr/lib"), PathBuf::from("/lib")];
    for depth in 0..3 {
        let mut next = Vec::new();
        for dir in open {
            let file = dir.join(name);
            if file.is_file() {
                return file;
            }
            let below = std::fs::read_dir(&dir).into_iter().flatten().flatten().map(|entry| entry.path());
            next.extend(below.filter(|path| depth < 2 && path.is_dir()));
        }
        open = next;
    }
    panic!("{name} is missing: install the Debian package {package}")
}

/// Runs a program to its end and gives what it wrote to its standard output.
///
/// # Panics
/// When it cannot be run or does not succeed: with everything that it said.
pub fn run(command: &mut Command) -> Vec<u8> {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?} ended with {}:\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

/// Assembles a source for the 386 into a flat file that starts at `base`.
///
/// # Panics
/// When the assembler or the linker is missing or complains.
pub fn assemble(source: &Path, base: u32, object: &Path, output: &Path) {
    run(Command::new(tool("gcc", "gcc")).args(["-m32", "-c", "-o"]).arg(object).arg(source));
    let text = format!("-Ttext={base:#x}");
    let mut ld = Command::new(tool("ld", "binutils"));
    run(ld.args(["-m", "elf_i386", &text, "--oformat", "binary", "-o"]).arg(output).arg(object));
}
