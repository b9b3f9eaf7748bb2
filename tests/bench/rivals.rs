//! The commands that are measured, each making the same disk: GPT, FAT32, ext4 with the tree.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::measure::{Sample, run};

/// Where everything is.
pub struct Rivals {
    dir: PathBuf,
    tree: PathBuf,
    imgc: PathBuf,
}

/// The imgc that was built beside this program.
pub fn imgc() -> PathBuf {
    let imgc = std::env::current_exe().expect("this program's path").with_file_name("imgc");
    assert!(imgc.exists(), "{} is not there: run `cargo build --release -p imgc` first", imgc.display());
    imgc
}

impl Rivals {
    /// Prepares the directories and the configuration of genimage.
    pub fn new(dir: &Path, tree: &Path) -> Self {
        let rivals = Self { dir: dir.to_owned(), tree: tree.to_owned(), imgc: imgc() };
        rivals.clear("out");
        rivals
    }

    fn clear(&self, name: &str) -> PathBuf {
        let path = self.dir.join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a directory");
        path
    }

    fn command(&self, output: &str) -> Command {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the checkout");
        let mut command = Command::new(&self.imgc);
        command.arg("build").arg(root.join("examples/data-disk/image.kdl"));
        command.arg("--set").arg(format!("tree={}", self.tree.display()));
        command.args(["--progress", "none", "--only", output]);
        command.arg("-o").arg(self.dir.join("out")).arg("--cache").arg(self.dir.join("cache"));
        command
    }

    /// `imgc build` of one output, with an empty or a full cache.
    pub fn imgc(&self, output: &str, cold: bool) -> Sample {
        if cold {
            self.clear("cache");
        }
        let _ = fs::remove_file(self.dir.join("out").join(output));
        run(&mut self.command(output))
    }

    /// `imgc build` when everything is there.
    pub fn imgc_again(&self, output: &str) -> Sample {
        run(&mut self.command(output))
    }

    /// A plain copy of the finished image.
    pub fn copy(&self) -> Sample {
        let to = self.dir.join("copy.img");
        let _ = fs::remove_file(&to);
        run(Command::new("cp").arg("--sparse=always").arg(self.dir.join("out/data.img")).arg(&to))
    }

    /// `qemu-img convert -c` of the finished image.
    pub fn convert(&self) -> Sample {
        let to = self.dir.join("out/convert.qcow2");
        let _ = fs::remove_file(&to);
        let from = self.dir.join("out/data.img");
        run(Command::new("qemu-img").args(["convert", "-c", "-f", "raw", "-O", "qcow2"]).arg(from).arg(&to))
    }

    /// genimage with mkfs.vfat, mcopy and, for ext4, what it calls by itself (genext2fs) or mke2fs below it.
    pub fn genimage(&self, mke2fs: bool) -> Sample {
        let work = self.clear("genimage");
        let small = work.join("small");
        fs::create_dir_all(small.join("Reports")).expect("a directory");
        fs::write(small.join("README.txt"), "Files for every machine live here.\r\n").expect("a file");
        fs::write(small.join("Reports/Quarter 1.txt"), "Long names and folders work.\r\n").expect("a file");
        let room = fs::metadata(self.dir.join("out/data.img")).expect("the image").len() - (80 << 20);
        let config = format!(
            "image files.vfat {{ vfat {{ label = \"EXCHANGE\" }} size = 64M srcpath = \"{small}\" }}\n\
             image data.ext4 {{ ext4 {{ label = \"data\" use-mke2fs = {mke2fs} }} size = {room} srcpath = \"{tree}\" }}\n\
             image disk.img {{ hdimage {{ partition-table-type = gpt }}\n\
             partition files {{ image = files.vfat partition-type-uuid = F }}\n\
             partition data {{ image = data.ext4 partition-type-uuid = L }} }}\n",
            small = small.display(),
            tree = self.tree.display(),
            room = room / 4096 * 4096,
        );
        fs::write(work.join("genimage.cfg"), config).expect("the configuration");
        let mut command = Command::new("genimage");
        command.arg("--config").arg(work.join("genimage.cfg")).arg("--rootpath").arg(&small);
        command.arg("--inputpath").arg(&work).arg("--outputpath").arg(work.join("out"));
        command.arg("--tmppath").arg(work.join("tmp"));
        let sample = run(&mut command);
        self.clear("genimage");
        sample
    }

    /// The size of a file that was made.
    pub fn size(&self, name: &str) -> u64 {
        fs::metadata(self.dir.join("out").join(name)).map_or(0, |found| found.len())
    }
}
