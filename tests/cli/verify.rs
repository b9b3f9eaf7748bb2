//! What `imgc verify` says of media: those that are right, and the same with one thing spoilt.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use imgc_tests::{
    imgc::{Bench, root},
    kernel::kernel,
    tools::{file, run, tool},
};

use crate::project;

const FILES: &[(&str, &str)] = &[("files/vmlinuz", "a kernel\n"), ("files/initrd", "an initrd\n")];

const MENU: &str = r#"
source files { dir "files" }
tree root { copy source=files to="/boot/" }
menu boot timeout="1s" {
    entry one { linux "/boot/vmlinuz" "quiet"; initrd "/boot/initrd"; }
    entry two { linux "/boot/vmlinuz"; }
}
"#;

/// GRUB's directories, which are installed.
fn grub() -> String {
    let directory = |kernel: &str, package: &str| {
        let kernel = file(kernel, package);
        kernel.parent().expect("a directory").display().to_string()
    };
    format!(
        "image media\nsource bios {{ dir \"{}\" }}\nsource uefi {{ dir \"{}\" }}\n{MENU}",
        directory("/usr/lib/grub/i386-pc/kernel.img", "grub-pc-bin"),
        directory("/usr/lib/grub/x86_64-efi/kernel.img", "grub-efi-amd64-bin")
    )
}

fn sd_boot() -> String {
    let boot = file("/usr/lib/systemd/boot/efi/systemd-bootx64.efi", "systemd-boot-efi");
    format!("source sd {{ dir \"{}\" }}\n", boot.parent().expect("a directory").display())
}

const DISK: &str = r#"
disk main {
    gpt
    partition bios size="1MiB" type=bios-boot
    partition esp size="4MiB" type=esp { vfat }
    partition root size=fit slack="4MiB" type=linux { ext4 tree=root }
    loader { grub platform=i386-pc source=bios partition=root menu=boot }
    loader { grub platform=x86_64-efi source=uefi partition=root esp=esp menu=boot }
}
output "disk.img" disk=main
output "disk.qcow2" disk=main
"#;

const CD: &str = r#"
disk main {
    gpt
    partition iso size=fit listed=#false { iso9660 volume-id="MEDIUM" tree=root }
    partition esp size=fit slack="1MiB" type=esp { vfat }
    loader { grub platform=i386-pc source=bios partition=iso menu=boot }
    loader { grub platform=x86_64-efi source=uefi partition=iso esp=esp menu=boot }
}
output "disk.img" disk=main
"#;

/// An image that can be spoilt.
struct Image {
    bench: Bench,
    path: PathBuf,
    bytes: Vec<u8>,
}

impl Image {
    fn build(text: &str) -> Self {
        let bench = Bench::new();
        let manifest = project(bench.dir(), text, FILES);
        if text.contains("{ deb ") {
            let lock = root().join("tests/cli/verify/imgc.lock");
            fs::copy(lock, bench.dir().join("imgc.lock")).expect("copied");
        }
        let made = bench.build(&manifest, &[]);
        let path = bench.dir().join(&made["disk.img"].path);
        Self::at(bench, path)
    }

    fn at(bench: Bench, path: PathBuf) -> Self {
        let bytes = fs::read(&path).expect("the image");
        Self { bench, path, bytes }
    }

    fn verify(&self, path: &Path, more: &[&str], code: i32) -> Output {
        let path = path.to_string_lossy().into_owned();
        self.bench.run(&[&["verify", path.as_str()], more].concat(), code)
    }

    /// What is said of the image as it is, when these ways to boot are expected.
    fn good(&self, expect: &str) -> String {
        let said = text(&self.verify(&self.path, &["--expect", expect], 0));
        assert!(!said.contains("error:") && !said.contains("warning:"), "{said}");
        said
    }

    /// Spoils a copy, and expects an error that says all of these words.
    fn spoilt(&self, spoil: impl FnOnce(&mut Vec<u8>), words: &[&str]) {
        let mut bytes = self.bytes.clone();
        spoil(&mut bytes);
        assert!(bytes != self.bytes, "nothing was spoilt for {words:?}");
        let path = self.bench.dir().join("spoilt.img");
        fs::write(&path, bytes).expect("written");
        let said = text(&self.verify(&path, &[], 1));
        let error = |line: &&str| line.starts_with("error: ") && words.iter().all(|word| line.contains(word));
        assert!(said.lines().any(|line| error(&line)), "no error with {words:?}:\n{said}");
    }
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

/// Where the bytes are, from a place on.
fn find(bytes: &[u8], wanted: &[u8], from: usize) -> usize {
    let found = bytes[from..].windows(wanted.len()).position(|window| window == wanted);
    from + found.unwrap_or_else(|| panic!("{:?} is not there", wanted.escape_ascii().to_string()))
}

fn replace(bytes: &mut [u8], old: &[u8], new: &[u8]) {
    assert_eq!(old.len(), new.len());
    let mut from = 0;
    while let Some(at) = bytes[from..].windows(old.len()).position(|window| window == old) {
        bytes[from + at..from + at + new.len()].copy_from_slice(new);
        from += at + 1;
    }
}

fn sector_at(bytes: &[u8], at: usize) -> usize {
    usize::try_from(u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8"))).expect("small") * 512
}

#[test]
fn grub_on_a_disk_is_followed_to_its_files() {
    let image = Image::build(&(grub() + DISK));
    let said = image.good("bios-disk,uefi-disk");
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(
        lines[0],
        "BIOS from disk: GRUB 2 in sector 0 → core image in sector 2048 → /boot/grub/grub.cfg in partition 3 → 2 entries, all files there"
    );
    let uefi = "UEFI x64 from disk: GRUB 2, unsigned, /EFI/BOOT/BOOTX64.EFI in partition 2 → /boot/grub/grub.cfg in partition 3 → 2 entries";
    assert!(lines[1].starts_with(uefi), "{said}");
    let qcow2 = image.path.with_extension("qcow2");
    assert_eq!(text(&image.verify(&qcow2, &[], 0)), said);
    image.verify(&image.path, &["--expect", "bios-disk,bios-cd"], 1);
    let json = image.verify(&image.path, &["--json"], 0);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!(json["paths"][0]["way"], "bios-disk");
    assert_eq!(json["paths"][1]["machine"], "x64");
}

#[test]
fn what_is_spoilt_on_a_disk_is_named() {
    let image = Image::build(&(grub() + DISK));
    image.spoilt(|bytes| bytes[0x5c + 7] = 0x7f, &["sector 0", "it is not there"]);
    image.spoilt(|bytes| bytes[510] = 0, &["sector 0", "55 aa"]);
    let core = sector_at(&image.bytes, 0x5c);
    image.spoilt(|bytes| bytes[core + 0x1f4 + 7] = 0x7f, &["sector 2048", "block list"]);
    image.spoilt(|bytes| bytes[core + 8192..core + 12288].fill(0), &["sector 2048", "cannot be unpacked"]);
    image.spoilt(
        |bytes| replace(bytes, b"'/boot/vmlinuz' 'quiet'", b"'/boot/vmlinux' 'quiet'"),
        &["line ", "grub.cfg in partition 3", "`linux` names /boot/vmlinux"],
    );
    image.spoilt(
        |bytes| replace(bytes, b"normal.mod", b"Normal.mod"),
        &["/boot/grub/i386-pc in partition 3", "module `normal`"],
    );
    let pe = find(&image.bytes, b"PE\0\0d\x86", 2 << 20);
    image.spoilt(
        |bytes| bytes[pe + 4..pe + 6].copy_from_slice(&[0x64, 0xaa]),
        &["BOOTX64.EFI in partition 2", "for aa64", "for x64"],
    );
    image.spoilt(|bytes| bytes[512 + 80] ^= 1, &["gpt"]);
    let empty = image.bench.dir().join("empty.img");
    fs::write(&empty, vec![0; 1 << 20]).expect("written");
    assert_eq!(text(&image.verify(&empty, &[], 0)), "nothing that firmware starts was found\n");
}

#[test]
fn a_hybrid_cd_starts_four_ways() {
    let image = Image::build(&(grub() + CD));
    let said = image.good("bios-cd,uefi-cd,bios-disk,uefi-disk");
    assert_eq!(said.matches("2 entries, all files there").count(), 4, "{said}");
    let catalog = 2048
        * usize::from(u16::from_le_bytes([image.bytes[17 * 2048 + 0x47], image.bytes[17 * 2048 + 0x48]]));
    image.spoilt(|bytes| bytes[catalog + 5] ^= 1, &["boot catalogue", "checksum"]);
    image.spoilt(|bytes| bytes[catalog + 43] = 0x7f, &["boot catalogue", "outside of the medium"]);
    let first =
        2048 * usize::from(u16::from_le_bytes([image.bytes[catalog + 40], image.bytes[catalog + 41]]));
    image.spoilt(|bytes| bytes[first + 12] ^= 1, &["boot information table"]);
    image.spoilt(|bytes| bytes[0x1b0 + 7] = 0x7f, &["sector 0", "it is not there"]);
    let fat = find(&image.bytes, b"FAT1", 2 << 20) / 512 * 512;
    image.spoilt(|bytes| bytes[fat..fat + 512].fill(0), &["EFI"]);
}

#[test]
fn a_directory_is_no_image() {
    let bench = Bench::new();
    let said = String::from_utf8_lossy(&bench.run(&["verify", "."], 1).stderr).into_owned();
    assert!(said.contains(". is a directory"), "{said}");
}

#[test]
fn entries_of_systemd_boot_are_read() {
    let disk = r#"
        disk main {
            gpt
            partition esp size="16MiB" type=esp { vfat tree=root }
            loader { systemd-boot source=sd partition=esp menu=boot }
        }
        output "disk.img" disk=main"#;
    let counted = MENU.replace("entry one {", "entry one version=\"2\" tries=3 {");
    let image = Image::build(&format!("image media\n{}{counted}{disk}", sd_boot()));
    let said = image.good("uefi-disk");
    assert!(
        said.contains("systemd-boot, unsigned, /EFI/BOOT/BOOTX64.EFI in partition 1 → 2 entries"),
        "{said}"
    );
    image.spoilt(
        |bytes| replace(bytes, b"/boot/initrd", b"/boot/initrq"),
        &["/loader/entries/", "`initrd` names /boot/initrq"],
    );
    // Behind the table lies the filesystem: mtools writes into it where it is.
    let settings = image.bench.dir().join("loader.conf");
    fs::write(&settings, "timeout 1\ndefault one*\n").expect("written");
    let copy = image.bench.dir().join("default.img");
    fs::copy(&image.path, &copy).expect("copied");
    let target = format!("{}@@1M", copy.display());
    run(Command::new(tool("mcopy", "mtools"))
        .args(["-o", "-i", &target])
        .arg(&settings)
        .arg("::/loader/loader.conf"));
    let said = text(&image.verify(&copy, &[], 0));
    assert!(said.contains("warning: /loader/loader.conf") && said.contains("no try is left"), "{said}");
}

#[test]
fn syslinux_is_followed_by_its_fields() {
    let text = format!(
        r#"image media
        source syslinux {{ deb "syslinux" arch=amd64 suite=bookworm }}
        source modules {{ deb "syslinux-common" arch=amd64 suite=bookworm }}
        tree loader {{ copy source=syslinux to="/"; copy source=modules to="/"; }}
        {MENU}
        disk main {{
            mbr
            partition boot size="8MiB" bootable=#true {{ vfat tree=root }}
            loader {{ syslinux tree=loader partition=boot menu=boot }}
        }}
        output "disk.img" disk=main"#
    );
    let image = Image::build(&text);
    let said = image.good("bios-disk");
    assert!(
        said.contains("SYSLINUX in the boot sector of partition 1")
            && said.contains("2 entries, all files there"),
        "{said}"
    );
    image.spoilt(|bytes| bytes[446] = 0, &["sector 0", "none is marked"]);
    let core = find(&image.bytes, &0x3eb2_02fe_u32.to_le_bytes(), (1 << 20) + 512) - 0x18;
    image.spoilt(|bytes| bytes[core + 4096] ^= 1, &["ldlinux.sys in partition 1", "checksum"]);
    image.spoilt(|bytes| replace(bytes, b"/boot/initrd", b"/boot/initrq"), &["`INITRD` names /boot/initrq"]);
}

#[test]
fn a_cd_of_grub_mkrescue_starts_four_ways() {
    let bench = Bench::new();
    let files = bench.dir().join("tree/boot/grub");
    fs::create_dir_all(&files).expect("a directory");
    fs::write(bench.dir().join("tree/boot/kernel"), "a kernel").expect("written");
    fs::write(files.join("grub.cfg"), "menuentry \"A\" {\n multiboot /boot/kernel\n}\n").expect("written");
    let path = bench.dir().join("disk.img");
    let mut rescue = Command::new(tool("grub-mkrescue", "grub-common"));
    run(rescue.arg("-o").arg(&path).arg(bench.dir().join("tree")));
    let image = Image::at(bench, path);
    let said = text(&image.verify(&image.path, &["--expect", "bios-cd,uefi-cd,bios-disk,uefi-disk"], 0));
    assert!(said.contains("1 entry, all files there") && !said.contains("error:"), "{said}");
    image.spoilt(
        |bytes| replace(bytes, b"multiboot /boot/kernel", b"multiboot /boot/kernex"),
        &["`multiboot` names /boot/kernex"],
    );
}

#[test]
fn both_branches_of_a_condition_are_read() {
    let cd = |menu: &str| {
        let bench = Bench::new();
        let files = bench.dir().join("tree/boot/grub");
        fs::create_dir_all(&files).expect("a directory");
        fs::write(bench.dir().join("tree/boot/kernel"), "a kernel").expect("written");
        fs::write(files.join("grub.cfg"), menu).expect("written");
        let path = bench.dir().join("disk.img");
        let mut rescue = Command::new(tool("grub-mkrescue", "grub-common"));
        run(rescue.arg("-o").arg(&path).arg(bench.dir().join("tree")));
        Image::at(bench, path)
    };
    let image = cd("set kernel=/boot/kernel
if [ \"$grub_platform\" = efi ]; then
    set kernel=/boot/kernel-for-efi
fi
menuentry \"A\" { multiboot $kernel; }
if [ -e /boot/other ]; then
    menuentry \"B\" { multiboot /boot/other; }
else
    menuentry \"C\" { multiboot /boot/kernel; }
fi
menuentry \"D\" { multiboot /boot/kernel; }
");
    let said = text(&image.verify(&image.path, &["--expect", "bios-cd,uefi-cd,bios-disk,uefi-disk"], 0));
    assert!(!said.contains("error:"), "{said}");
    for (line, path) in [(5, "/boot/kernel-for-efi"), (7, "/boot/other")] {
        let warned = |said: &str| {
            said.starts_with(&format!("warning: line {line} of /boot/grub/grub.cfg"))
                && said.contains(&format!("names {path} under a condition, and there is no such file"))
        };
        assert!(said.lines().any(warned), "{path}: {said}");
    }
    assert!(said.contains("4 entries, all files there but 2 under conditions"), "{said}");

    // What is missing in every branch is missing.
    let image = cd("if [ \"$grub_platform\" = efi ]; then
    set kernel=/boot/one
else
    set kernel=/boot/two
fi
menuentry \"A\" { multiboot $kernel; }
");
    let said = text(&image.verify(&image.path, &[], 1));
    for path in ["/boot/one", "/boot/two"] {
        let error =
            |line: &str| line.starts_with("error: line 6 ") && line.contains(&format!("names {path}, and"));
        assert!(said.lines().any(error), "{path}: {said}");
    }
}

#[test]
fn a_unified_kernel_image_is_looked_into() {
    let stub = file("/usr/lib/systemd/boot/efi/linuxx64.efi.stub", "systemd-boot-efi");
    let bench = Bench::new();
    let manifest = format!(
        r#"image media
        tree parts {{
            copy "{}" to="/stub"
            copy "kernel" to="/linux"
            file "/initrd" {{ content "an initrd" }}
            file "/osrel" {{ content "ID=imgc\n" }}
        }}
        archive uki tree=parts {{ uki cmdline="quiet" }}
        tree esp {{ copy archive=uki to="/EFI/BOOT/BOOTX64.EFI" }}
        disk main {{ gpt; partition esp size="40MiB" type=esp {{ vfat fat="32" tree=esp }}; }}
        output "disk.img" disk=main"#,
        stub.display()
    );
    fs::write(bench.dir().join("kernel"), kernel()).expect("written");
    let manifest = project(bench.dir(), &manifest, &[]);
    let path = bench.build(&manifest, &[])["disk.img"].path.clone();
    let path = bench.dir().join(path);
    let image = Image::at(bench, path);
    let said = image.good("uefi-disk");
    let wanted = "UEFI x64 from disk: unified kernel image, unsigned, /EFI/BOOT/BOOTX64.EFI in partition 1";
    assert!(said.contains(wanted) && !said.contains(".cmdline"), "{said}");
    let linux = find(&image.bytes, &kernel()[..4096], 1 << 20);
    image.spoilt(|bytes| bytes[linux..linux + 4096].fill(0), &["BOOTX64.EFI", "`.linux` holds no kernel"]);
    let pe = find(&image.bytes, b"PE\0\0d\x86", 1 << 20);
    image.spoilt(|bytes| bytes[pe] = b'X', &["BOOTX64.EFI", "no PE image"]);
    // A section that has another name is none of the kernel's.
    let name = find(&image.bytes, b".cmdline", pe);
    let mut bytes = image.bytes.clone();
    bytes[name..name + 8].copy_from_slice(b".gmdline");
    let copy = image.bench.dir().join("without.img");
    fs::write(&copy, bytes).expect("written");
    let said = text(&image.verify(&copy, &[], 0));
    assert!(said.contains("no section `.cmdline`"), "{said}");
}

#[test]
fn isolinux_is_followed_from_the_catalogue_to_its_files() {
    let text = format!(
        r#"image media
        source isolinux {{ deb "isolinux" arch=amd64 suite=bookworm }}
        source modules {{ deb "syslinux-common" arch=amd64 suite=bookworm }}
        tree loader {{ copy source=isolinux to="/"; copy source=modules to="/"; }}
        {MENU}
        disk main {{
            mbr
            partition iso size=fit listed=#false {{ iso9660 tree=root }}
            loader {{ syslinux tree=loader partition=iso menu=boot }}
        }}
        output "disk.img" disk=main"#
    );
    let image = Image::build(&text);
    let said = image.good("bios-cd,bios-disk");
    assert!(said.contains("ISOLINUX in ") && said.contains("isolinux.bin"), "{said}");
    assert!(said.contains("2 entries, all files there"), "{said}");
    let catalog = 2048
        * usize::from(u16::from_le_bytes([image.bytes[17 * 2048 + 0x47], image.bytes[17 * 2048 + 0x48]]));
    let first =
        2048 * usize::from(u16::from_le_bytes([image.bytes[catalog + 40], image.bytes[catalog + 41]]));
    image.spoilt(|bytes| bytes[first + 12] ^= 1, &["isolinux.bin", "boot information table"]);
    image.spoilt(|bytes| bytes[first + 1000] ^= 1, &["isolinux.bin", "checksum"]);
    image.spoilt(|bytes| replace(bytes, b"/boot/initrd", b"/boot/initrq"), &["names /boot/initrq"]);
    image.spoilt(|bytes| replace(bytes, b"ldlinux.c32", b"Xdlinux.c32"), &["ldlinux.c32", "missing"]);
}

#[test]
fn shim_is_followed_to_what_it_starts() {
    let text = format!(
        r#"{}
        source shim {{ deb "shim-signed" arch=amd64 suite=bookworm }}
        tree esp {{ copy "usr/lib/shim/shimx64.efi.signed" source=shim to="/EFI/BOOT/BOOTX64.EFI" }}
        disk main {{
            gpt
            partition esp size="40MiB" type=esp {{ vfat fat="32" tree=esp }}
            partition root size=fit slack="4MiB" type=linux {{ ext4 tree=root }}
            loader {{ grub platform=x86_64-efi source=uefi partition=root esp=esp menu=boot efi-path="/EFI/BOOT/grubx64.efi" }}
        }}
        output "disk.img" disk=main"#,
        grub()
    );
    let image = Image::build(&text);
    let said = image.good("uefi-disk");
    let wanted = "UEFI x64 from disk: shim, signed, /EFI/BOOT/BOOTX64.EFI in partition 1 → GRUB 2, unsigned, /EFI/BOOT/grubx64.efi in partition 1 → /boot/grub/grub.cfg in partition 2 → 2 entries, all files there";
    assert!(said.contains(wanted), "{said}");
    // Its short name goes, and so does the file.
    image.spoilt(
        |bytes| replace(bytes, b"GRUBX64 EFI", b"GRUBX65 EFI"),
        &["/EFI/BOOT/grubx64.efi in partition 1", "is not there"],
    );
}

#[test]
fn loaders_that_want_the_same_place_are_refused() {
    let disk = r#"
        disk main {
            gpt
            partition esp size="32MiB" type=esp { vfat tree=root }
            loader { systemd-boot source=sd partition=esp menu=boot }
            loader { grub platform=x86_64-efi source=uefi partition=esp menu=boot }
        }
        output "disk.img" disk=main"#;
    let bench = Bench::new();
    let manifest = project(bench.dir(), &(grub() + &sd_boot() + disk), FILES);
    let output = bench.run(&["build", &manifest.to_string_lossy()], 1);
    let said = String::from_utf8(output.stderr).expect("text");
    assert!(said.contains("/EFI/BOOT/BOOTX64.EFI") && said.contains("another loader"), "{said}");
    assert!(said.contains("grub platform=x86_64-efi"), "the second loader is shown: {said}");
}

/// Whatever is written into a medium that starts, there is an answer, and soon.
#[test]
fn spoilt_media_are_answered_for() {
    for text in [grub() + DISK, grub() + CD] {
        let image = Image::build(&text);
        let used: Vec<usize> = (0..image.bytes.len() / 512)
            .filter(|at| image.bytes[at * 512..][..512].iter().any(|byte| *byte != 0))
            .collect();
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut next = |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state % below as u64).expect("small")
        };
        let mut bytes = image.bytes.clone();
        for round in 0..150 {
            let places: Vec<usize> =
                (0..1 + round % 40).map(|_| used[next(used.len())] * 512 + next(512)).collect();
            for at in &places {
                bytes[*at] = [0, 0xff, 0x7f, 1][next(4)];
            }
            let report = imgc_formats::verify::verify(&bytes);
            assert!(report.findings.len() <= 200 && report.paths.len() < 50, "{report:#?}");
            places.iter().for_each(|at| bytes[*at] = image.bytes[*at]);
        }
        assert!(!imgc_formats::verify::verify(&bytes).is_broken(), "everything was put back");
    }
}
