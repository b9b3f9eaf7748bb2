//! QEMU's words for a machine (QEMU's system emulation manual, "Invocation").

use std::path::Path;

use imgc_plan::test::{Bus, Chipset, Firmware, Medium};

use crate::{Accel, Display, Error, Flash, Machine, Serial, Writes};

/// What a machine needs besides itself.
#[derive(Clone, Debug)]
pub struct Beside<'a> {
    /// What makes it run.
    pub accel: Accel,
    /// Its firmware, unless QEMU brings it.
    pub flash: Option<&'a Flash>,
    /// Where QMP is spoken, in the words of a socket character device; `None`: nowhere.
    pub qmp: Option<&'a str>,
    /// For a network with an image that is a file: the directory that holds it under the name that is asked for.
    pub served: Option<&'a Path>,
}

/// The port and width of the device by which a guest ends QEMU with a code.
const DEBUG_EXIT: &str = "isa-debug-exit,iobase=0xf4,iosize=0x04";

/// The words after QEMU's name.
///
/// # Errors
/// When QEMU makes no such machine, or a path is not text.
pub fn words(machine: &Machine, beside: &Beside<'_>) -> Result<Vec<String>, Error> {
    machine.spec.check().map_err(|(what, help)| Error::Impossible { what, help })?;
    let mut out = Words::default();
    out.add(["-nodefaults", "-no-user-config"]);
    board(machine, beside, &mut out)?;
    medium(machine, beside, &mut out)?;
    out.add(["-device", DEBUG_EXIT]);
    network(machine, &mut out);
    ports(machine, beside, &mut out);
    out.0.extend(machine.spec.extra.iter().cloned());
    Ok(out.0)
}

#[derive(Default)]
struct Words(Vec<String>);

impl Words {
    fn add<const N: usize>(&mut self, words: [&str; N]) {
        self.0.extend(words.map(str::to_owned));
    }
}

/// The board with its processor, memory, clock and firmware.
fn board(machine: &Machine, beside: &Beside<'_>, out: &mut Words) -> Result<(), Error> {
    let spec = &machine.spec;
    let secure = spec.firmware == Firmware::UefiSecure;
    let board = match spec.chipset {
        Chipset::Pc => "pc",
        // The variables of secure boot are written by code in system management mode only.
        Chipset::Q35 if secure => "q35,smm=on",
        Chipset::Q35 => "q35",
    };
    out.add(["-machine", board, "-accel", beside.accel.word(), "-cpu", "max"]);
    out.add(["-smp", &spec.cpus.to_string(), "-m", &format!("{}M", spec.memory.div_ceil(1 << 20))]);
    out.add(["-vga", "std", "-rtc", "base=utc", "-boot", "strict=off"]);
    if !machine.restarts {
        out.add(["-no-reboot"]);
    }
    if secure {
        out.add(["-global", "driver=cfi.pflash01,property=secure,value=on"]);
    }
    if let Some(flash) = beside.flash {
        let code = format!("if=pflash,unit=0,format=raw,readonly=on,file={}", escaped(&flash.code)?);
        // A template is never written to; a file of the machine's own is.
        let variables = match &machine.variables {
            Some(own) => format!("if=pflash,unit=1,format=raw,file={}", escaped(own)?),
            None => format!("if=pflash,unit=1,format=raw,snapshot=on,file={}", escaped(&flash.variables)?),
        };
        out.add(["-drive", &code, "-drive", &variables]);
    }
    Ok(())
}

/// What it starts from.
fn medium(machine: &Machine, beside: &Beside<'_>, out: &mut Words) -> Result<(), Error> {
    let (spec, Some(image)) = (&machine.spec, &machine.image) else { return Ok(()) };
    if spec.medium == Medium::Network {
        let served = escaped(beside.served.unwrap_or(&image.path))?;
        let name = image.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let bootfile = spec.bootfile.as_deref().unwrap_or(name).replace(',', ",,");
        out.add(["-netdev", &format!("user,id=boot,restrict=on,tftp={served},bootfile={bootfile}")]);
        // QEMU's ROM is iPXE, which would stand in for UEFI's own network stack.
        let rom = if spec.firmware == Firmware::Bios { "" } else { ",romfile=" };
        out.add(["-device", &format!("virtio-net-pci,netdev=boot,bootindex=0{rom}")]);
        return Ok(());
    }
    let cdrom = spec.medium == Medium::Cdrom;
    let access = match (cdrom, machine.writes) {
        (true, _) => "media=cdrom,readonly=on",
        (false, Writes::Forgotten) => "snapshot=on",
        (false, Writes::Through) => "snapshot=off",
        // A machine that ends itself by port 0xf4 gives QEMU no time to write what it holds of a qcow2's tables, so it holds
        // nothing; syncs, which would only help when this computer loses its power, are left out.
        (false, Writes::Kept) => "snapshot=off,cache.writeback=off,cache.no-flush=on",
    };
    let drive = format!("if=none,id=d0,format={},{access},file={}", image.format, escaped(&image.path)?);
    let sectors = match spec.sector_size {
        512 => String::new(),
        size if cdrom => return Err(no_sectors(size, "a CD")),
        size if matches!(spec.bus, Bus::Ide | Bus::Sata) => {
            return Err(no_sectors(size, "an IDE or SATA disk"));
        }
        size => format!(",logical_block_size={size},physical_block_size={size}"),
    };
    let device = match (spec.bus, spec.chipset) {
        (Bus::Virtio, _) => "virtio-blk-pci,drive=d0",
        (Bus::Nvme, _) => "nvme,drive=d0,serial=imgc",
        (Bus::Ide, _) if cdrom => "ide-cd,drive=d0,bus=ide.1",
        // Without a bus QEMU takes the second channel, and kernels find hd2 instead of hd0.
        (Bus::Ide, _) => "ide-hd,drive=d0,bus=ide.0",
        (Bus::Sata, chipset) => {
            // Q35 has an AHCI controller of its own, whose ports are called ide.
            let bus = if chipset == Chipset::Q35 { "ide" } else { "sata" };
            if chipset == Chipset::Pc {
                out.add(["-device", "ich9-ahci,id=sata"]);
            }
            &format!("{},drive=d0,bus={bus}.0", if cdrom { "ide-cd" } else { "ide-hd" })
        }
        (Bus::Scsi, _) => {
            out.add(["-device", "virtio-scsi-pci,id=scsi"]);
            &format!("{},drive=d0,bus=scsi.0", if cdrom { "scsi-cd" } else { "scsi-hd" })
        }
        (Bus::Usb, _) => {
            out.add(["-device", "qemu-xhci,id=usb"]);
            "usb-storage,drive=d0,bus=usb.0"
        }
    };
    out.add(["-drive", &drive, "-device", &format!("{device},bootindex=0{sectors}")]);
    Ok(())
}

fn no_sectors(size: u32, what: &str) -> Error {
    Error::Impossible {
        what: format!("QEMU makes {what} with sectors of 512 bytes only, and the image's have {size}"),
        help: "use bus=virtio, nvme, scsi or usb".into(),
    }
}

/// A network behind which this computer's is.
fn network(machine: &Machine, out: &mut Words) {
    if !machine.network {
        return;
    }
    let mut net = "user,id=net".to_owned();
    for forward in &machine.forwards {
        let protocol = if forward.udp { "udp" } else { "tcp" };
        net.push_str(&format!(",hostfwd={protocol}:127.0.0.1:{}-:{}", forward.host, forward.guest));
    }
    // Nothing starts from this card, so it needs no ROM.
    out.add(["-netdev", &net, "-device", "virtio-net-pci,netdev=net,romfile="]);
}

/// Where people and programs meet it.
fn ports(machine: &Machine, beside: &Beside<'_>, out: &mut Words) {
    match &machine.display {
        Display::None => out.add(["-display", "none"]),
        // QEMU knows which kinds of windows it was built with.
        Display::Window => {}
        Display::Vnc(address) => out.add(["-vnc", &address.replace(',', ",,")]),
    }
    out.add(["-serial", if machine.serial == Serial::Terminal { "mon:stdio" } else { "stdio" }]);
    if let Some(socket) = beside.qmp {
        out.add(["-chardev", &format!("socket,id=qmp,{socket}"), "-mon", "chardev=qmp,mode=control"]);
    }
    if let Some(port) = machine.gdb {
        out.add(["-gdb", &format!("tcp:127.0.0.1:{port}")]);
    }
}

/// A path within one of QEMU's comma lists.
fn escaped(path: &Path) -> Result<String, Error> {
    Ok(text(path)?.replace(',', ",,"))
}

/// A path as text, as QEMU takes it.
pub(crate) fn text(path: &Path) -> Result<&str, Error> {
    path.to_str().ok_or_else(|| Error::Impossible {
        what: format!("the path {} is not UTF-8", path.to_string_lossy()),
        help: "move the file to a path that is text".into(),
    })
}

/// A command as a shell reads it: words that hold anything but the plainest signs stand in single quotes.
pub fn quoted(program: &Path, words: &[String]) -> String {
    let plain = |word: &str| {
        !word.is_empty()
            && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_=+:,./@%".contains(&byte))
    };
    let quote =
        |word: &str| if plain(word) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) };
    let program = program.to_string_lossy();
    std::iter::once(program.as_ref())
        .chain(words.iter().map(String::as_str))
        .map(quote)
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests;
