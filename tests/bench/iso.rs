//! The benchmark of CDs: imgc beside xorriso and grub-mkrescue, on a large tree and on a small one.

use std::{fs, path::PathBuf, process::Command};

use crate::{
    Args,
    measure::{Sample, best, run},
    tree,
};

/// A volume without a loader, and one that starts under BIOS and UEFI, from CDs and sticks.
const MANIFEST: &str = r#"
image bench
param tree type=path
source tree { dir "{{tree}}" { keep "owner" "mode" "mtime" "xattrs" "links" } }
source pc { dir "/usr/lib/grub/i386-pc" }
source efi { dir "/usr/lib/grub/x86_64-efi" }
tree root { copy source=tree to="/" }
menu boot { entry off { power-off } }
disk medium {
    gpt
    partition iso size=fit listed=#false { iso9660 volume-id="BENCH" tree=root }
    partition esp size=fit type=esp { vfat }
    loader { grub platform=i386-pc source=pc partition=iso menu=boot }
    loader { grub platform="x86_64-efi" source=efi partition=iso esp=esp menu=boot }
}
output "plain.iso" tree=root { iso9660 volume-id="BENCH" }
output "boot.iso" disk=medium
"#;

/// The small tree: files, bytes.
const SMALL: (u64, u64) = (200, 4 << 20);

/// Measures both trees.
pub fn main(args: &Args) {
    for (tool, package) in [("xorriso", "xorriso"), ("grub-mkrescue", "grub-common"), ("mformat", "mtools")] {
        imgc_tests::tools::tool(tool, package);
    }
    for (file, package) in [("i386-pc", "grub-pc-bin"), ("x86_64-efi", "grub-efi-amd64-bin")] {
        imgc_tests::tools::file(&format!("/usr/lib/grub/{file}/kernel.img"), package);
    }
    for (name, (files, bytes)) in [("iso-large", (args.files, args.bytes)), ("iso-small", SMALL)] {
        let room = Room::new(args, name, files, bytes);
        println!("\ntree: {files} files, {} MB; least of {} runs\n", bytes >> 20, args.runs);
        room.measure(args.runs);
    }
}

/// A tree and what is made of it.
struct Room {
    dir: PathBuf,
    tree: PathBuf,
    imgc: PathBuf,
}

impl Room {
    fn new(args: &Args, name: &str, files: u64, bytes: u64) -> Self {
        let dir = args.dir.join(name);
        fs::create_dir_all(dir.join("out")).expect("a directory");
        let tree = tree::make(&dir.join("tree"), files, bytes);
        let imgc = std::env::current_exe().expect("this program's path").with_file_name("imgc");
        assert!(imgc.exists(), "{} is not there: run `cargo build --release -p imgc` first", imgc.display());
        fs::write(dir.join("image.kdl"), MANIFEST).expect("the manifest");
        Self { dir, tree, imgc }
    }

    fn measure(&self, runs: u32) {
        println!("| what | seconds | peak memory |\n|---|---:|---:|");
        let row = |what: &str, run: &mut dyn FnMut() -> Sample| {
            let sample = best(runs, run);
            println!("| {what} | {:.2} | {} MB |", sample.seconds, sample.peak_kib >> 10);
            sample.seconds
        };
        let plain = row("imgc build, volume alone, empty cache", &mut || self.imgc("plain.iso", true));
        let full =
            row("imgc build, volume alone, cache full, output gone", &mut || self.imgc("plain.iso", false));
        let xorriso = row("xorriso -as mkisofs -R -J", &mut || self.xorriso());
        let boot = row("imgc build, with GRUB, empty cache", &mut || self.imgc("boot.iso", true));
        let rescue = row("grub-mkrescue", &mut || self.rescue());
        let copy = row("cp --sparse=always of the volume", &mut || self.copy());
        println!("\n| ratio | measured |\n|---|---:|");
        println!("| xorriso to imgc, empty cache | {:.1} |", xorriso / plain);
        println!("| xorriso to imgc, cache full | {:.1} |", xorriso / full);
        println!("| grub-mkrescue to imgc, empty cache | {:.1} |", rescue / boot);
        println!("| imgc, empty cache, to cp | {:.1} |", plain / copy);
        let size = |name: &str| fs::metadata(self.dir.join("out").join(name)).map_or(0, |found| found.len());
        println!(
            "\nvolume: {} bytes by imgc, {} by xorriso; with GRUB: {} by imgc, {} by grub-mkrescue",
            size("plain.iso"),
            size("xorriso.iso"),
            size("boot.iso"),
            size("rescue.iso")
        );
    }

    /// `imgc build` of one output, with an empty or a full cache.
    fn imgc(&self, output: &str, cold: bool) -> Sample {
        let cache = self.dir.join("cache");
        if cold {
            let _ = fs::remove_dir_all(&cache);
        }
        self.gone(output);
        let mut command = Command::new(&self.imgc);
        command.arg("build").arg(self.dir.join("image.kdl"));
        command.arg("--set").arg(format!("tree={}", self.tree.display()));
        command.args(["--progress", "none", "--only", output]);
        run(command.arg("-o").arg(self.dir.join("out")).arg("--cache").arg(cache))
    }

    /// Rock Ridge and Joliet, as imgc makes them.
    fn xorriso(&self) -> Sample {
        let mut command = Command::new("xorriso");
        command.args(["-as", "mkisofs", "-quiet", "-R", "-J", "-V", "BENCH", "-o"]);
        run(command.arg(self.gone("xorriso.iso")).arg(&self.tree))
    }

    fn rescue(&self) -> Sample {
        let mut command = Command::new("grub-mkrescue");
        run(command.arg("-o").arg(self.gone("rescue.iso")).arg(&self.tree))
    }

    fn copy(&self) -> Sample {
        let mut command = Command::new("cp");
        command.arg("--sparse=always").arg(self.dir.join("out/plain.iso"));
        run(command.arg(self.gone("copy.iso")))
    }

    /// The path of an artifact that is not there now.
    fn gone(&self, name: &str) -> PathBuf {
        let path = self.dir.join("out").join(name);
        let _ = fs::remove_file(&path);
        path
    }
}
