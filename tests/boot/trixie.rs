//! Debian trixie: what its GRUB 2.12, systemd and SYSLINUX start, with its kernel; GRUB's images against its own grub-mkimage.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use imgc_tests::{
    build::{Artifacts, build_manifest},
    imgc::root,
    kernel::{KERNEL_DONE, kernel},
    qemu::{Bus, Firmware, Firmware::Bios, Firmware::Uefi, Machine},
    tools::{run, tool},
};

/// By what GRUB's image for UEFI looks for its directory, in the manifest.
const ID: &str = "01234567-89ab-8def-8123-456789abcdef";

fn made(name: &str) -> PathBuf {
    static MADE: OnceLock<Artifacts> = OnceLock::new();
    let made = MADE.get_or_init(|| {
        let dir = tempfile::tempdir().expect("a directory");
        let stub = dir.path().join("stub");
        fs::write(&stub, kernel()).expect("written");
        let sets = [("stub", stub.to_str().expect("text"))];
        build_manifest(&root().join("tests/boot/trixie/image.kdl"), &sets)
    });
    made.file(name)
}

/// Debian's kernel comes up on each of these, and was told its words.
fn comes_up(name: &str, words: &str, machines: &[(Firmware, Bus)]) {
    for (firmware, bus) in machines {
        let mut vm = Machine::new(*firmware).disk(&made(name), "raw", *bus).start();
        vm.reject("Kernel panic").reject("error: ").reject("grub rescue>").reject("grub>");
        vm.expect(&format!(r"IMGC-TRIXIE-OK 6\.12\.\S+ .*console=ttyS0 panic=-1 no_timer_check {words}"));
        assert_eq!(vm.exit(), 0, "{name} {firmware:?} {bus:?}");
    }
}

#[test]
fn grub_starts_from_the_gap_of_an_mbr() {
    comes_up("mbr.img", "by=menu", &[(Bios, Bus::Ide)]);
}

#[test]
fn grub_starts_one_gpt_disk_under_both_firmwares() {
    comes_up("gpt.img", "by=menu", &[(Bios, Bus::Virtio), (Uefi, Bus::Virtio)]);
}

#[test]
fn grub_starts_a_cd_and_a_stick_under_both_firmwares() {
    let machines = [(Bios, Bus::Cdrom), (Bios, Bus::Usb), (Uefi, Bus::Cdrom), (Uefi, Bus::Usb)];
    comes_up("live.iso", "by=menu", &machines);
}

#[test]
fn systemd_boot_starts() {
    comes_up("sdboot.img", "by=menu", &[(Uefi, Bus::Virtio)]);
}

#[test]
fn a_unified_kernel_image_starts() {
    comes_up("uki.img", "by=uki", &[(Uefi, Bus::Virtio)]);
}

#[test]
fn syslinux_starts() {
    comes_up("syslinux.img", "by=menu", &[(Bios, Bus::Virtio)]);
}

#[test]
fn grub_starts_from_a_network_under_both_firmwares() {
    for (firmware, file, said) in [
        (Bios, "boot/grub/i386-pc/core.0", "fw=bios stub=P"),
        // 2.12 enters Linux by its EFI stub, as no version before it did.
        (Uefi, "boot/grub/x86_64-efi/core.efi", "fw=uefi stub=E"),
    ] {
        let mut vm = Machine::new(firmware).network(&made("net"), file).start();
        vm.reject("error: ").reject("grub>");
        vm.expect(&format!("IMGC-MARKER ok {said} initrd=0x00000009 cmdline=BOOT_IMAGE=\\S*/boot/vmlinuz "));
        assert_eq!(vm.exit(), KERNEL_DONE, "{firmware:?}");
    }
}

/// Trixie's own tools, which run with trixie's libraries beside those of this machine.
struct Tools(tempfile::TempDir);

impl Tools {
    fn unpacked() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        run(Command::new(tool("tar", "tar")).arg("-xf").arg(made("tools.tar")).arg("-C").arg(dir.path()));
        Self(dir)
    }

    fn command(&self, name: &str) -> Command {
        let dir = self.0.path();
        let mut command = Command::new(dir.join("ld-linux-x86-64.so.2"));
        command.arg("--library-path").arg(dir).arg(dir.join(name));
        command
    }

    /// An image of these modules that finds its directory by a file, if it is for UEFI.
    fn mkimage(&self, platform: &str, prefix: &str, modules: &[&str]) -> Vec<u8> {
        let (dir, image) = (self.0.path(), self.0.path().join("image"));
        let mut command = self.command("grub-mkimage");
        command.args(["-O", platform, "-p", prefix, "-d"]).arg(dir.join(platform)).arg("-o").arg(&image);
        if platform.ends_with("-efi") {
            let directory = prefix.split_once(')').expect("a device").1;
            let early = format!(
                "search.file {directory}/{ID}.id root $root\nset prefix=($root){directory}\ninsmod all_video\n"
            );
            fs::write(dir.join("early.cfg"), early).expect("written");
            command.arg("-c").arg(dir.join("early.cfg"));
        }
        run(command.args(modules));
        fs::read(image).expect("readable")
    }
}

/// A file of the FAT filesystem at this place of a disk.
fn fat_file(disk: &Path, at: &str, path: &str) -> Vec<u8> {
    let mut mcopy = Command::new(tool("mcopy", "mtools"));
    let part = format!("{}@@{at}", disk.display());
    run(mcopy.env("MTOOLS_SKIP_CHECK", "1").args(["-i", &part, &format!("::{path}"), "-"]))
}

#[test]
fn images_for_uefi_are_those_of_grub_mkimage() {
    let tools = Tools::unpacked();
    let version = run(tools.command("grub-mkimage").arg("--version"));
    assert!(String::from_utf8_lossy(&version).contains("2.12"), "the packages are those of trixie");
    for (disk, at, file, platform, prefix) in [
        ("gpt.img", "2M", "/EFI/BOOT/BOOTX64.EFI", "x86_64-efi", "(,gpt3)/boot/grub"),
        ("other.img", "1M", "/EFI/BOOT/BOOTIA32.EFI", "i386-efi", "(,gpt2)/g"),
        ("other.img", "1M", "/EFI/BOOT/BOOTAA64.EFI", "arm64-efi", "(,gpt2)/g"),
    ] {
        let ours = fat_file(&made(disk), at, file);
        let theirs = tools.mkimage(platform, prefix, &["part_gpt", "ext2", "search_fs_file"]);
        assert!(ours == theirs, "{platform}: {} and {} bytes differ", ours.len(), theirs.len());
    }
}

#[test]
fn the_core_image_holds_what_grub_mkimage_puts_into_it() {
    let theirs = Tools::unpacked().mkimage("i386-pc", "(,gpt3)/boot/grub", &["biosdisk", "part_gpt", "ext2"]);
    let disk = fs::read(made("gpt.img")).expect("readable");
    // The partition for it begins at 1 MiB and has as much.
    let ours = &disk[1 << 20..2 << 20];
    // The loader and the decompressor, but the list of blocks and the length of the stream, which is another encoder's.
    assert!(ours[..0x1f4] == theirs[..0x1f4] && ours[0x200..0x208] == theirs[0x200..0x208]);
    assert!(ours[0x20c..0xd20] == theirs[0x20c..0xd20], "the decompressors differ");
    assert!(unpacked(ours) == unpacked(&theirs), "the kernels with their modules differ");
}

/// What the stream of a core image holds, unpacked by xz: with a header that says what GRUB's decompressor knows beforehand.
fn unpacked(core: &[u8]) -> Vec<u8> {
    let field = |at: usize| &core[at..at + 4];
    let len = u32::from_le_bytes(field(0x208).try_into().expect("four")) as usize;
    // lc=3 lp=0 pb=2, a dictionary of 64 KiB, the length of what it holds in eight bytes.
    let header = [&[0x5d, 0, 0, 1, 0][..], field(0x20c), &[0; 4]].concat();
    let file = tempfile::NamedTempFile::new().expect("a file");
    fs::write(file.path(), [&header[..], &core[0xd20..0xd20 + len]].concat()).expect("written");
    let unpacked = run(Command::new(tool("xz", "xz-utils")).args(["--format=lzma", "-dc"]).arg(file.path()));
    assert_eq!(unpacked.len(), u32::from_le_bytes(field(0x20c).try_into().expect("four")) as usize);
    unpacked
}

#[test]
fn menus_are_what_the_shell_of_this_version_takes() {
    let tools = Tools::unpacked();
    let menu = made("net").join("boot/grub/grub.cfg");
    assert!(fs::read_to_string(&menu).expect("a menu").contains("menuentry"));
    run(tools.command("grub-script-check").arg(&menu));
}
