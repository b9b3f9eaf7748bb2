//! Secure boot with Microsoft's keys: Debian's shim, GRUB and kernel come up, and nothing does that one of them did not sign.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use imgc_tests::{
    build::{Artifacts, build_manifest},
    imgc::{Bench, binary, root},
    kernel::kernel,
    qemu::{Bus, Firmware, Machine, Vm},
    tools::{run, tool},
};

fn manifest() -> PathBuf {
    root().join("tests/boot/secure/image.kdl")
}

/// The disks with bookworm's chain.
fn disk(name: &str) -> PathBuf {
    static MADE: OnceLock<Artifacts> = OnceLock::new();
    MADE.get_or_init(|| build_manifest(&manifest(), &[])).file(name)
}

/// A machine with secure boot on, as it leaves the factory.
fn start(image: &Path, bus: Bus) -> Vm {
    let mut vm = Machine::new(Firmware::UefiSecure).disk(image, "raw", bus).start();
    vm.reject("Kernel panic").reject("grub>");
    vm
}

/// The kernel comes up, and says that firmware enforced signatures and that it is locked for that.
fn comes_up(mut vm: Vm, version: &str) {
    vm.expect("secureboot: Secure boot enabled");
    vm.expect(&format!(r"IMGC-SECURE-OK {version}\S+ none \[integrity\] confidentiality"));
    assert_eq!(vm.exit(), 0);
}

#[test]
fn the_chain_of_bookworm_starts_from_disks_and_cds() {
    comes_up(start(&disk("main.img"), Bus::Virtio), r"6\.1\.");
    comes_up(start(&disk("cd.iso"), Bus::Cdrom), r"6\.1\.");
    comes_up(start(&disk("single.img"), Bus::Usb), r"6\.1\.");
}

#[test]
fn the_chain_of_trixie_starts() {
    let made = build_manifest(&manifest(), &[("later", "true")]);
    comes_up(start(&made.file("main.img"), Bus::Virtio), r"6\.12\.");
}

/// The disk with one partition, and one of its files without its signature.
fn without_signature(path: &str, dir: &Path) -> PathBuf {
    let (image, file) = (dir.join("image"), dir.join("file"));
    fs::copy(disk("single.img"), &image).expect("copied");
    let part = format!("{}@@1M", image.display());
    let mtool = |name: &str| {
        let mut command = Command::new(tool(name, "mtools"));
        command.env("MTOOLS_SKIP_CHECK", "1").args(["-o", "-i", &part]);
        command
    };
    let inside = format!("::{path}");
    run(mtool("mcopy").arg(&inside).arg(&file));
    run(Command::new(tool("sbattach", "sbsigntool")).arg("--remove").arg(&file));
    run(mtool("mcopy").arg(&file).arg(&inside));
    image
}

#[test]
fn the_same_disk_with_an_unsigned_grub_does_not_start() {
    let dir = tempfile::tempdir().expect("a directory");
    let image = without_signature("/EFI/BOOT/grubx64.efi", dir.path());
    let mut vm = start(&image, Bus::Virtio);
    vm.reject("IMGC-SECURE-OK").reject("GNU GRUB").reject("Booting");
    vm.expect(r"Verification failed: \(0x1A\) Security Violation");
}

#[test]
fn the_same_disk_with_an_unsigned_kernel_does_not_start() {
    let dir = tempfile::tempdir().expect("a directory");
    let image = without_signature("/boot/vmlinuz", dir.path());
    let mut vm = start(&image, Bus::Virtio);
    vm.reject("IMGC-SECURE-OK").reject("secureboot: ");
    vm.expect("bad shim signature");
    vm.expect("you need to load the kernel first");
}

#[test]
fn the_disk_starts_where_nobody_asks_for_signatures() {
    let mut vm = Machine::new(Firmware::Uefi).disk(&disk("main.img"), "raw", Bus::Virtio).start();
    vm.reject("Kernel panic").reject("grub>");
    vm.expect(r"IMGC-SECURE-OK 6\.1\.\S+ \[none\] integrity confidentiality");
    assert_eq!(vm.exit(), 0);
}

#[test]
fn verify_follows_the_chain() {
    let output = Command::new(binary()).arg("verify").arg(disk("main.img")).output().expect("it runs");
    let said = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success(), "{said}");
    for step in ["shim, signed", "GRUB 2, signed, /EFI/BOOT/grubx64.efi", "1 entry, all files there"] {
        assert!(said.contains(step), "{step}: {said}");
    }
}

/// What a build says that is refused.
fn complaint(nodes: &str, tree: &str) -> String {
    let bench = Bench::new();
    let dir = bench.dir();
    fs::copy(root().join("tests/boot/secure/imgc.lock"), dir.join("imgc.lock")).expect("copied");
    fs::write(dir.join("unsigned"), kernel()).expect("written");
    fs::write(dir.join("prose"), "this is no program").expect("written");
    let text = fs::read_to_string(manifest()).expect("readable");
    let (sources, _) = text.split_once("tree loader").expect("sources first");
    let text = format!(
        "{sources}\
         tree loader {{ copy source=shim to=\"/\"; copy source=grub to=\"/\" }}\n\
         tree root {{ copy \"unsigned\" to=\"/unsigned\"; copy \"prose\" to=\"/prose\"\n\
         copy \"boot/vmlinuz-*\" source=kernel to=\"/signed\"; symlink \"/link\" to=\"unsigned\" }}\n\
         {tree}\n\
         disk main {{ gpt\n partition esp size=\"8MiB\" type=esp {{ vfat }}\n {nodes}\n }}\n\
         output \"x.img\" disk=main\n"
    );
    let path = dir.join("refused.kdl");
    fs::write(&path, text).expect("written");
    let output = bench.run(&["build", path.to_str().expect("text"), "-o", "out"], 1);
    String::from_utf8(output.stderr).expect("text")
}

#[test]
fn what_secure_boot_would_refuse_is_not_built() {
    let loader =
        "loader { grub platform=x86_64-efi secure-boot=#true tree=loader partition=root esp=esp menu=boot }";
    let ext4 = format!("partition root size=fit slack=\"4MiB\" type=linux {{ ext4 tree=root }}\n {loader}");
    let menu = r#"menu boot {
        entry good { linux "/signed" }
        entry bare { linux "/unsigned" }
        entry far { chainload "/link" }
        entry odd { linux "/prose" }
    }"#;
    let said = complaint(&ext4, menu);
    for (path, entry) in [("`/unsigned` has no", "entry bare"), ("`/link` has no", "entry far")] {
        assert!(said.contains(path) && said.contains(entry), "{path}: {said}");
    }
    assert!(said.contains("`/prose`, which the menu starts, is no EFI application"), "{said}");
    assert!(!said.contains("/signed`") && said.contains("3 errors"), "{said}");
    let menu = "menu boot { entry old { multiboot \"/signed\" } }";
    let said = complaint(&ext4, menu);
    assert!(said.contains("a multiboot kernel carries no signature") && said.contains("entry old"), "{said}");
    let menu = "menu boot { entry good { linux \"/signed\" } }";
    let exfat = format!("partition root size=\"64MiB\" type=basic-data {{ exfat tree=root }}\n {loader}");
    let said = complaint(&exfat, menu);
    assert!(said.contains("has no module `exfat`") && said.contains("refused.kdl:"), "{said}");
    let plain = ext4.replace("tree=loader", "tree=root");
    let said = complaint(&plain, menu);
    assert!(said.contains("needs a signed `shimx64.efi`"), "{said}");
}
