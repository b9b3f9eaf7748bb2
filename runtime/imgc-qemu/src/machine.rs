//! What a machine is made of, besides what a manifest says of it.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    str::FromStr,
};

use imgc_plan::test::MachineSpec;

use crate::Error;

/// A machine before it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// What a manifest says of it.
    pub spec: MachineSpec,
    /// What it starts from: an image, or for a network the directory that TFTP serves; `None`: nothing.
    pub image: Option<Image>,
    /// What becomes of what it writes to its image.
    pub writes: Writes,
    /// A file for the variables of its firmware, written to; `None`: they are forgotten at its end.
    pub variables: Option<PathBuf>,
    /// Where its first serial port goes.
    pub serial: Serial,
    /// Where its screen goes.
    pub display: Display,
    /// Whether it has a network card at a network of its own, behind which is this computer's.
    pub network: bool,
    /// Ports of this computer that lead to its ports.
    pub forwards: Vec<Forward>,
    /// The port of this computer at which a debugger can attach.
    pub gdb: Option<u16>,
    /// Whether a reset starts it anew; otherwise that is its end.
    pub restarts: bool,
}

impl Machine {
    /// A machine without an image that nobody sees: its serial port leads to us, a reset is its end.
    pub fn new(spec: MachineSpec) -> Self {
        Self {
            spec,
            image: None,
            writes: Writes::Forgotten,
            variables: None,
            serial: Serial::Piped,
            display: Display::None,
            network: false,
            forwards: Vec::new(),
            gdb: None,
            restarts: false,
        }
    }

    /// With this image.
    #[must_use]
    pub fn image(mut self, image: Image) -> Self {
        self.image = Some(image);
        self
    }
}

/// An image, with its form. QEMU never guesses that: a guest could write another form's head into a raw disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The file, or the directory of a network.
    pub path: PathBuf,
    /// QEMU's name of the form: `raw`, `qcow2` …
    pub format: String,
}

/// First bytes of forms that QEMU reads, with its names (block drivers of its system emulation manual).
const HEADS: &[(&[u8], &str)] =
    &[(b"QFI\xfb", "qcow2"), (b"KDMV", "vmdk"), (b"vhdxfile", "vhdx"), (b"# Disk DescriptorFile", "vmdk")];

/// First bytes of forms that must be unpacked first.
const PACKED: &[(&[u8], &str)] =
    &[(b"\x1f\x8b", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd"), (b"\xfd7zXZ\0", "xz")];

/// The signature of a VDI at byte 64 (VirtualBox, `VDICore.h`).
const VDI: (u64, [u8; 4]) = (64, [0x7f, 0x10, 0xda, 0xbe]);

/// What a VHD's last sector starts with (Virtual Hard Disk Image Format Specification, hard disk footer).
const VHD: &[u8] = b"conectix";

impl Image {
    /// An image of this form.
    pub fn new(path: &Path, format: &str) -> Self {
        Self { path: path.to_owned(), format: format.to_owned() }
    }

    /// An image that was made by somebody else: its form is found by its own signs. A directory is one of a network.
    ///
    /// # Errors
    /// When it cannot be read, or is packed.
    pub fn open(path: &Path) -> Result<Self, Error> {
        if path.is_dir() {
            return Ok(Self::new(path, "raw"));
        }
        let failed = || Error::file("reading", path);
        let mut file = File::open(path).map_err(failed())?;
        let len = file.seek(SeekFrom::End(0)).map_err(failed())?;
        let mut read = |at: u64, len: usize| -> std::io::Result<Vec<u8>> {
            let mut bytes = Vec::new();
            file.seek(SeekFrom::Start(at))?;
            (&mut file).take(len as u64).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        let head = read(0, 32).map_err(failed())?;
        if let Some((_, name)) = PACKED.iter().find(|(magic, _)| head.starts_with(magic)) {
            return Err(Error::Impossible {
                what: format!("{} is packed: QEMU reads no {name}", path.display()),
                help: format!("unpack it first with {name} -d"),
            });
        }
        if let Some((_, name)) = HEADS.iter().find(|(magic, _)| head.starts_with(magic)) {
            return Ok(Self::new(path, name));
        }
        if read(VDI.0, 4).map_err(failed())? == VDI.1 {
            return Ok(Self::new(path, "vdi"));
        }
        let foot = read(len.saturating_sub(512), VHD.len()).map_err(failed())?;
        Ok(Self::new(path, if foot == VHD { "vpc" } else { "raw" }))
    }
}

/// What becomes of what a machine writes to its image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writes {
    /// It is forgotten at the machine's end.
    Forgotten,
    /// It is in the image, as far as the machine asked for that before its end.
    Through,
    /// All of it is in the image, however the machine ends, as long as this computer runs.
    Kept,
}

/// Where a serial port goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serial {
    /// To us, through pipes.
    Piped,
    /// To the terminal that we run in, with QEMU's own commands behind Ctrl-A.
    Terminal,
}

/// Where a screen goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Display {
    /// Nowhere: it can be looked at by [`crate::Vm::screen`] and [`crate::Vm::picture`].
    None,
    /// Into a window.
    Window,
    /// To whoever connects by VNC, such as `127.0.0.1:0`.
    Vnc(String),
}

/// A port of this computer that leads to a port of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forward {
    /// On this computer, only for itself.
    pub host: u16,
    /// In the machine.
    pub guest: u16,
    /// Whether it is of UDP, not of TCP.
    pub udp: bool,
}

impl FromStr for Forward {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (ports, udp) = match text.rsplit_once('/') {
            Some((ports, "udp")) => (ports, true),
            Some((ports, "tcp")) => (ports, false),
            Some(_) => return Err("after a `/` stands `tcp` or `udp`".into()),
            None => (text, false),
        };
        let port = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0);
        let both = ports.split_once(':').and_then(|(host, guest)| Some((port(host)?, port(guest)?)));
        let (host, guest) = both.ok_or("it is two ports, such as 8080:80, and may end in /udp")?;
        Ok(Self { host, guest, udp })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_forwarded_by_two_numbers() {
        assert_eq!("8080:80".parse(), Ok(Forward { host: 8080, guest: 80, udp: false }));
        assert_eq!("53:53/udp".parse(), Ok(Forward { host: 53, guest: 53, udp: true }));
        for wrong in ["", "80", "80:", "0:80", "80:70000", "80:80/sctp", "a,b:80"] {
            assert!(wrong.parse::<Forward>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn forms_are_told_by_their_own_signs() {
        let dir = tempfile::tempdir().expect("a directory");
        let write = |bytes: &[u8]| {
            let path = dir.path().join("image");
            std::fs::write(&path, bytes).expect("written");
            Image::open(&path).map(|image| image.format)
        };
        let mut vdi = vec![0; 512];
        vdi[64..68].copy_from_slice(&VDI.1);
        let mut vhd = vec![0; 2048];
        vhd[1536..1544].copy_from_slice(VHD);
        for (bytes, format) in [
            (&b"QFI\xfb\0\0"[..], "qcow2"),
            (b"KDMV", "vmdk"),
            (&vdi, "vdi"),
            (&vhd, "vpc"),
            (&[0; 4096], "raw"),
        ] {
            assert_eq!(write(bytes).expect("a form"), format);
        }
        let said = write(b"\x1f\x8b\x08").expect_err("packed").to_string();
        assert!(said.contains("gzip -d"), "{said}");
        assert_eq!(write(b"").expect("an empty file"), "raw");
    }
}
