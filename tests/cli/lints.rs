//! What can be made, but hardly starts: warnings and errors at the line that asks for it, before a machine says so.

use imgc_tests::{
    imgc::Bench,
    tools::{file, run, tool},
};

use crate::project;

/// Runs a command on a manifest, and gives what it says.
fn said(bench: &Bench, command: &[&str], text: &str, code: i32) -> String {
    let files = &[("own/vmlinuz", "a kernel\n"), ("own/initrd", "an initrd\n")];
    let manifest = project(bench.dir(), text, files);
    let output = bench.run(&[command, &[manifest.to_str().expect("UTF-8")]].concat(), code);
    String::from_utf8(output.stderr).expect("text")
}

fn esp(size: &str, filesystem: &str) -> String {
    format!(
        "image esp\ntree esp {{ file \"/EFI/BOOT/BOOTX64.EFI\" {{ content \"MZ\" }}; }}\ndisk main {{\ngpt\n\
         partition esp {size} type=esp {{ {filesystem} tree=esp }}\n}}\noutput \"esp.img\" disk=main\n"
    )
}

#[test]
fn an_esp_that_uefi_does_not_promise_to_read_is_warned_of() {
    for (size, filesystem, bits) in [
        ("size=\"2MiB\"", "vfat", "FAT12"),
        ("size=fit", "vfat", "FAT12"),
        ("size=\"64MiB\"", "vfat", "FAT16"),
        ("size=\"64MiB\"", "vfat fat=\"16\"", "FAT16"),
    ] {
        let bench = Bench::new();
        let text = esp(size, filesystem);
        // Told again when nothing has to run.
        for _ in 0..2 {
            let shown = said(&bench, &["build"], &text, 0);
            let words = ["esp-not-fat32", bits, "fat=\"32\"", "33MiB", "partition esp size"];
            assert!(words.iter().all(|word| shown.contains(word)), "{size} {filesystem}: {shown}");
        }
        let bench = Bench::new();
        said(&bench, &["build", "--deny-warnings"], &text, 1);
        assert!(!bench.out().join("esp.img").exists());
    }
    for (size, filesystem) in [("size=\"33MiB\"", "vfat fat=\"32\""), ("size=\"600MiB\"", "vfat")] {
        said(&Bench::new(), &["build", "--deny-warnings"], &esp(size, filesystem), 0);
    }
    // With sectors of 4096 bytes FAT32 begins elsewhere.
    let large = esp("size=\"64MiB\"", "vfat").replace("disk main {", "disk main sector-size=4096 {");
    let shown = said(&Bench::new(), &["build"], &large, 0);
    assert!(shown.contains("esp-not-fat32") && shown.contains("260MiB"), "{shown}");
    let large = large.replace("64MiB", "260MiB").replace("vfat", "vfat fat=\"32\"");
    let bench = Bench::new();
    said(&bench, &["build", "--deny-warnings"], &large, 0);
    // A CD is a removable medium.
    let cd =
        esp("size=fit", "vfat").replace("gpt\n", "gpt\npartition cd size=fit listed=#false { iso9660 }\n");
    said(&Bench::new(), &["build", "--deny-warnings"], &cd, 0);
}

#[test]
fn an_esp_without_fat_is_warned_of_before_anything_runs() {
    for filesystem in ["exfat", "ext4"] {
        let text = esp("size=\"64MiB\"", filesystem);
        let shown = said(&Bench::new(), &["check"], &text, 0);
        let words = ["esp-not-fat", filesystem, "to read FAT only", "vfat fat=\"32\""];
        assert!(words.iter().all(|word| shown.contains(word)), "{shown}");
        said(&Bench::new(), &["build", "--deny-warnings"], &text, 1);
    }
}

#[test]
fn too_small_for_the_width_that_is_asked_for_is_an_error() {
    let shown = said(&Bench::new(), &["build"], &esp("size=\"16MiB\"", "vfat fat=\"32\""), 1);
    assert!(shown.contains("fat=\"32\"") && shown.contains("esp"), "{shown}");
}

/// GRUB's directory for a BIOS, as a source.
fn grub() -> String {
    let kernel = file("/usr/lib/grub/i386-pc/kernel.img", "grub-pc-bin");
    format!("source grub {{ dir \"{}\" }}\n", kernel.parent().expect("a directory").display())
}

const MENU: &str = "source own { dir \"own\" }\ntree root { copy source=own to=\"/\" }\n\
    menu boot timeout=\"1s\" { entry only { linux \"/vmlinuz\" } }\n";

#[test]
fn a_font_or_theme_that_is_in_no_tree_is_an_error_where_it_is_named() {
    let text = |more: &str, tree: &str| {
        format!(
            "image look\n{}{MENU}{tree}\ndisk main {{\nmbr\npartition root size=fit slack=\"4MiB\" {{ ext4 tree=root }}\n\
             loader {{ grub platform=i386-pc source=grub partition=root menu=boot {more} }}\n}}\noutput \"look.img\" disk=main\n",
            grub()
        )
    };
    for (more, path) in [
        ("font=\"/boot/unicode.pf2\"", "/boot/unicode.pf2"),
        ("font=\"/vmlinuz\" theme=\"/themes/none.txt\"", "/themes/none.txt"),
    ] {
        let shown = said(&Bench::new(), &["build"], &text(more, ""), 1);
        let named = more.rsplit('=').next().expect("a path");
        assert!(shown.contains("boot-file-missing") && shown.contains(&format!("`{path}`")), "{shown}");
        assert!(shown.contains(named), "the line is shown: {shown}");
    }
    said(&Bench::new(), &["build", "--deny-warnings"], &text("font=\"/vmlinuz\" theme=\"/initrd\"", ""), 0);
}

#[test]
fn a_menu_in_which_nothing_is_left_to_start_is_warned_of() {
    let boot = file("/usr/lib/systemd/boot/efi/systemd-bootx64.efi", "systemd-boot-efi");
    let boot = format!("source sd {{ dir \"{}\" }}\n", boot.parent().expect("a directory").display());
    let grub = format!(
        "{}disk main {{\nmbr\npartition root size=fit slack=\"4MiB\" {{ ext2 tree=root }}\n\
         loader {{ grub platform=i386-pc source=grub partition=root menu=boot }}\n}}\n",
        grub()
    );
    let sd = format!(
        "{boot}disk main {{\ngpt\npartition esp size=\"40MiB\" type=esp {{ vfat fat=\"32\" tree=root }}\n\
         loader {{ systemd-boot source=sd partition=esp menu=boot }}\n}}\n"
    );
    let (a, b, old) = (
        "entry a tries=2 { linux \"/vmlinuz\" }",
        "entry b tries=2 { linux \"/vmlinuz\" }",
        "entry old { linux \"/vmlinuz\" }",
    );
    for (disk, default, entries, warned) in [
        (&grub, "", [a, old].as_slice(), false),
        (&grub, "", &[a, b], true),
        // What is before the default never starts by itself.
        (&grub, "default=a", &[old, a], true),
        (&grub, "default=old", &[a, old], false),
        (&sd, "", &[a, b], true),
        (&sd, "default=a", &[old, a], false),
        (&sd, "", &[a], true),
    ] {
        let text = format!(
            "image counts\nsource own {{ dir \"own\" }}\ntree root {{ copy source=own to=\"/\" }}\n\
             menu boot timeout=\"1s\" {default} {{\n{}\n}}\n{disk}output \"counts.img\" disk=main\n",
            entries.join("\n")
        );
        let shown = said(&Bench::new(), &["check"], &text, 0);
        assert_eq!(shown.contains("tries-without-fallback"), warned, "{text}\n{shown}");
    }
}

#[test]
fn what_a_loader_cannot_express_is_an_error_at_the_entry() {
    let vfat = "gpt\npartition esp size=\"40MiB\" type=esp { vfat fat=\"32\" tree=root }";
    let root = "mbr\npartition root size=\"16MiB\" bootable=#true { ext2 tree=root }";
    let disk = |head: &str, loader: &str| {
        format!("disk main {{\n{head}\nloader {{ {loader} menu=boot }}\n}}\noutput \"a.img\" disk=main\n")
    };
    let grub = disk(root, "grub platform=i386-pc source=own partition=root");
    let sd = disk(vfat, "systemd-boot source=own partition=esp");
    let syslinux = disk(root, "syslinux source=own partition=root");
    let refind = disk(vfat, "refind source=own partition=esp");
    let limine = disk(vfat, "limine source=own partition=esp");
    let u_boot = disk(root, "u-boot partition=root");
    let ipxe = "tree net { copy source=own to=\"/\"; loader { ipxe menu=boot }; }\noutput \"net.tar\" tree=net { tar }\n".to_owned();
    let all = [&grub, &sd, &syslinux, &refind, &limine, &u_boot, &ipxe];
    let check = |rest: &str, entry: &str, code: &str| {
        let text = format!(
            "image words\nsource own {{ dir \"own\" }}\ntree root {{ copy source=own to=\"/\" }}\n\
             menu boot timeout=\"1s\" {{\n{entry}\n}}\n{rest}"
        );
        let shown = said(&Bench::new(), &["check"], &text, i32::from(!code.is_empty()));
        assert!(shown.contains(code), "{code} of {entry}: {shown}");
        // The place is the entry, or the text in it.
        assert!(code.is_empty() || shown.contains("entry "), "{shown}");
    };
    for rest in all {
        check(rest, r#"entry a title="A title" { linux "/vmlinuz" "root=/dev/vda1" }"#, "");
        check(rest, r#"entry a title="two\nlines" { linux "/vmlinuz" }"#, "bad-text");
        check(rest, r#"entry a { linux "/vmlinuz" "two\nlines" }"#, "bad-text");
        check(rest, r#"entry a { linux "/vm\nlinuz" }"#, "bad-text");
    }
    for (rest, entry) in [
        (&grub, r#"entry a { linux "/vmlinuz" "it's" }"#),
        (&grub, r#"entry a { linux "/vmlinuz" "one\"" }"#),
        (&grub, r#"entry a title="--id" { linux "/vmlinuz" }"#),
        (&sd, r#"entry a { linux "/vmlinuz" "\"quoted\"" }"#),
        (&sd, r#"entry a title="\"quoted\"" { linux "/vmlinuz" }"#),
        (&syslinux, r#"entry a title="hot ^key" { linux "/vmlinuz" }"#),
        (&syslinux, r#"entry a title="Größe" { linux "/vmlinuz" }"#),
        (&refind, r#"entry a title="a \"quote\"" { linux "/vmlinuz" }"#),
        (&refind, r#"entry a { linux "/vmlinuz" "a=\"b c\"" }"#),
        (&limine, r#"entry a { linux "/vmlinuz" "${x}" }"#),
        (&limine, r#"entry a title="/slash" { linux "/vmlinuz" }"#),
        (&ipxe, r#"entry a { linux "/vmlinuz" "a && b" }"#),
        (&ipxe, r#"entry a title="${net0/mac}" { linux "/vmlinuz" }"#),
    ] {
        check(rest, entry, "unsupported-entry");
    }
}

#[test]
fn what_is_not_warned_of_is_fat32() {
    let bench = Bench::new();
    let text = esp("size=\"33MiB\"", "vfat fat=\"32\"");
    said(&bench, &["build"], &text, 0);
    // The oracle agrees on what is FAT32.
    let disk = bench.out().join("esp.img");
    let whole = std::fs::read(&disk).expect("the disk");
    let part = bench.dir().join("esp");
    std::fs::write(&part, &whole[1 << 20..][..33 << 20]).expect("written");
    let checked = run(std::process::Command::new(tool("fsck.vfat", "dosfstools")).arg("-vn").arg(&part));
    let said = String::from_utf8_lossy(&checked);
    assert!(said.contains("32 bit entries"), "{said}");
}
