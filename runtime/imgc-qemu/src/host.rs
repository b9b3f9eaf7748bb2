//! What of QEMU is on this computer: the program and the firmware.
//!
//! `IMGC_QEMU`, `IMGC_OVMF_CODE` and `IMGC_OVMF_VARS` name files instead of searching.

mod missing;
mod places;

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use imgc_plan::test::Firmware;

use crate::Error;

/// The program.
const PROGRAM: &str = "qemu-system-x86_64";

/// Firmware that QEMU does not bring by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flash {
    /// The code.
    pub code: PathBuf,
    /// The variables as they are in a new machine: a template.
    pub variables: PathBuf,
}

/// QEMU on this computer.
#[derive(Clone, Debug)]
pub struct Host {
    /// The program.
    pub qemu: PathBuf,
    code: Option<PathBuf>,
    variables: Option<PathBuf>,
}

impl Host {
    /// Finds QEMU.
    ///
    /// # Errors
    /// When it is not there: with what to install.
    pub fn find() -> Result<Self, Error> {
        let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        let given = |name: &str| set(name).map(PathBuf::from);
        let (code, variables) = (given("IMGC_OVMF_CODE"), given("IMGC_OVMF_VARS"));
        let qemu = match given("IMGC_QEMU") {
            Some(path) if path.is_file() => path,
            Some(path) => return Err(missing::named("IMGC_QEMU", &path)),
            None => program(set("PATH")).ok_or_else(missing::qemu)?,
        };
        Ok(Self { qemu, code, variables })
    }

    /// The files of a firmware; `None` when QEMU brings it.
    ///
    /// # Errors
    /// When it is not there: with what to install.
    pub fn flash(&self, firmware: Firmware) -> Result<Option<Flash>, Error> {
        if firmware == Firmware::Bios {
            return Ok(None);
        }
        for (name, path) in [("IMGC_OVMF_CODE", &self.code), ("IMGC_OVMF_VARS", &self.variables)] {
            if let Some(path) = path.as_deref().filter(|path| !path.is_file()) {
                return Err(missing::named(name, path));
            }
        }
        if let (Some(code), Some(variables)) = (&self.code, &self.variables) {
            return Ok(Some(Flash { code: code.clone(), variables: variables.clone() }));
        }
        let found = places::flashes(&self.qemu, firmware)
            .into_iter()
            .find(|flash| flash.code.is_file() && flash.variables.is_file())
            .ok_or_else(|| missing::ovmf(firmware))?;
        Ok(Some(Flash {
            code: self.code.clone().unwrap_or(found.code),
            variables: self.variables.clone().unwrap_or(found.variables),
        }))
    }

    /// What QEMU calls itself: its version, as its builders name it.
    ///
    /// # Errors
    /// When it does not start.
    pub fn version(&self) -> Result<String, Error> {
        let failed = |said: String| Error::Failed(format!("{} --version: {said}", self.qemu.display()));
        let output = Command::new(&self.qemu)
            .arg("--version")
            .stdin(Stdio::null())
            .output()
            .map_err(|error| failed(error.to_string()))?;
        if !output.status.success() {
            return Err(failed(String::from_utf8_lossy(&output.stderr).into_owned()));
        }
        let text = String::from_utf8_lossy(&output.stdout);
        Ok(text.lines().next().unwrap_or_default().trim().to_owned())
    }
}

/// Finds QEMU in the search path, and where systems keep it besides.
fn program(path: Option<OsString>) -> Option<PathBuf> {
    let path = path.unwrap_or_default();
    let known = places::PROGRAMS.iter().map(PathBuf::from);
    let in_path = env::split_paths(&path)
        .filter(|dir| !dir.as_os_str().is_empty())
        .map(|dir| dir.join(PROGRAM).with_extension(env::consts::EXE_EXTENSION));
    in_path.chain(known).find(|file| file.is_file())
}

/// The directory in which QEMU was installed: its data are beside its programs.
fn prefix(qemu: &Path) -> Option<PathBuf> {
    let real = qemu.canonicalize().ok()?;
    Some(real.parent()?.parent()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_search_path_comes_first_and_an_empty_one_is_nowhere() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join(PROGRAM).with_extension(env::consts::EXE_EXTENSION);
        std::fs::write(&file, "").expect("written");
        assert_eq!(program(Some(dir.path().into())), Some(file));
        assert!(program(Some(OsString::new())).is_none_or(|found| found.is_absolute()));
    }

    #[test]
    fn firmware_that_is_named_is_taken_and_must_be_there() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = |name: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, "").expect("written");
            path
        };
        let (qemu, code, variables) = (file("qemu"), file("code"), file("vars"));
        let host = |variables: &Path| Host {
            qemu: qemu.clone(),
            code: Some(code.clone()),
            variables: Some(variables.to_owned()),
        };
        assert_eq!(host(&variables).flash(Firmware::Bios).expect("none"), None);
        let flash = host(&variables).flash(Firmware::UefiSecure).expect("there").expect("files");
        assert_eq!((flash.code, flash.variables), (code.clone(), variables.clone()));
        let error =
            host(Path::new("/nowhere/vars")).flash(Firmware::Uefi).expect_err("not there").to_string();
        assert!(error.contains("IMGC_OVMF_VARS") && error.contains("/nowhere/vars"), "{error}");
    }

    #[test]
    fn what_is_missing_is_named_for_each_system() {
        for error in [missing::qemu(), missing::ovmf(Firmware::Uefi), missing::ovmf(Firmware::UefiSecure)] {
            let said = error.to_string();
            for system in ["Debian", "Fedora", "Arch", "Homebrew"] {
                assert!(said.contains(system), "{said}");
            }
        }
    }
}
