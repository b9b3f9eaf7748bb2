//! The image for 64-bit ARM, of Debian's package: equal to grub-mkimage's. It is not booted.

use std::{fs, process::Command};

use imgc_tests::{
    imgc::{Bench, root},
    tools::{run, tool},
};

#[test]
fn the_image_for_arm_is_that_of_grub_mkimage() {
    let bench = Bench::new();
    let (dir, ours) = (bench.dir(), root().join("tests/boot/grub/arm64"));
    for name in ["image.kdl", "imgc.lock"] {
        fs::copy(ours.join(name), dir.join(name)).expect("copied");
    }
    let made = bench.build(&dir.join("image.kdl"), &["-o", "out"]);
    run(Command::new(tool("tar", "tar")).arg("-xf").arg(&made["package.tar"].path).arg("-C").arg(dir));
    let mut mcopy = Command::new(tool("mcopy", "mtools"));
    let part = format!("{}@@1M", made["arm64.img"].path.display());
    let image = dir.join("BOOTAA64.EFI");
    run(mcopy.env("MTOOLS_SKIP_CHECK", "1").args(["-i", &part, "::/EFI/BOOT/BOOTAA64.EFI"]).arg(&image));
    let id = "01234567-89ab-8def-8123-456789abcdef";
    let early = dir.join("early.cfg");
    let lines = format!(
        "search.file /boot/grub/{id}.id root $root\nset prefix=($root)/boot/grub\ninsmod all_video\n"
    );
    fs::write(&early, lines).expect("written");
    let theirs = dir.join("theirs");
    let mut mkimage = Command::new(tool("grub-mkimage", "grub-common"));
    mkimage.args(["-O", "arm64-efi", "-p", "(,gpt2)/boot/grub", "-d"]).arg(dir.join("arm64-efi"));
    mkimage.arg("-c").arg(&early).arg("-o").arg(&theirs);
    run(mkimage.args(["part_gpt", "ext2", "search_fs_file"]));
    assert!(fs::read(image).expect("readable") == fs::read(theirs).expect("readable"), "the images differ");
}
