//! EFI applications that others made: whether firmware for a machine takes them, also under secure boot.
//!
//! Only that there is a signature is looked at: whose keys a machine trusts is the machine's secret.

use imgc_image::{Content, Failure, Problem, Reader, Store};

use crate::pe::{EFI_APPLICATION, MACHINES, Pe, PeError, machine_name};

/// What a file must be.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The architecture, in UEFI's words.
    pub arch: &'a str,
    /// Whether it must be signed.
    pub signed: bool,
    /// Where a signed one is to be had.
    pub help: &'a str,
}

/// Checks the file of this path.
///
/// # Errors
/// When it is no EFI application, one for another machine, or not signed though it must be; when it cannot be read.
pub fn check(path: &str, content: &Content, store: &dyn Store, wanted: Wanted<'_>) -> Result<(), Failure> {
    let odd = |message: String| Err(Problem::new("loader-file-odd", message).into());
    let pe = read(content, store).map_err(|error| error.of("loader-file-odd", format_args!("`{path}`")))?;
    if pe.subsystem() != EFI_APPLICATION {
        return odd(format!("`{path}` is no EFI application"));
    }
    let machine = MACHINES.iter().find(|machine| machine.name == wanted.arch);
    if machine.is_none_or(|machine| machine.code != pe.machine()) {
        return odd(format!("`{path}` is for {}, not for {}", machine_name(pe.machine()), wanted.arch));
    }
    if wanted.signed && pe.signature.is_none() { Err(unsigned(path, wanted.help)) } else { Ok(()) }
}

/// Checks that a file that a menu starts is an application with a signature.
///
/// # Errors
/// When it is not, or cannot be read.
pub fn check_signed(path: &str, content: &Content, store: &dyn Store) -> Result<(), Failure> {
    const HELP: &str = "Debian's packages `linux-image-amd64` and `linux-image-cloud-amd64` have signed kernels; `sbsign` signs with a key of your own";
    match read(content, store) {
        Ok(pe) if pe.signature.is_some() => Ok(()),
        Ok(_) => Err(unsigned(path, HELP)),
        Err(PeError::Odd(_)) => {
            let message = format!(
                "secure boot is asked for, and `{path}`, which the menu starts, is no EFI application that can be signed"
            );
            Err(Problem::new("unsigned-image", message).help(HELP).into())
        }
        Err(error) => Err(error.of("unsigned-image", format_args!("`{path}`"))),
    }
}

fn read(content: &Content, store: &dyn Store) -> Result<Pe, PeError> {
    let bytes = content.to_bytes();
    Pe::read(&Reader::new(&bytes, store))
}

fn unsigned(path: &str, help: &str) -> Failure {
    let message = format!("secure boot is asked for, and `{path}` has no signature");
    Problem::new("unsigned-image", message).help(help).into()
}
