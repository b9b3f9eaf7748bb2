//! The guest: Debian's kernel with an initramfs made by imgc, which does what a script says with disks made by imgc.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use imgc_tests::{
    imgc::{Bench, artifacts, root},
    qemu::{Firmware, Machine, Vm},
    tools::{run, tool},
};

use super::forest::noise;

/// Modules of the kernel that are asked for by name; what they need comes with them.
const MODULES: &str =
    "virtio_pci virtio_blk squashfs erofs isofs vfat exfat nls_cp437 nls_ascii nls_utf8 overlay dm_verity";

/// A kernel and what it starts with.
pub struct Guest {
    pub bench: Bench,
    /// What `image.kdl` made, by name.
    pub files: BTreeMap<String, PathBuf>,
    kernel: PathBuf,
    /// The kernel has UDF.
    udf: bool,
    /// Root hashes by partition, when there is a sealed disk.
    pub hashes: BTreeMap<String, String>,
    /// By partition the places of the hashes that lie behind filesystems.
    pub offsets: BTreeMap<String, u64>,
    /// A file of the sealed roots that no filesystem compresses.
    pub noise: Vec<u8>,
}

impl Guest {
    /// Makes it: bookworm's kernel or a `later` one, and a disk with `sealed` roots if asked for.
    pub fn new(later: bool, sealed: bool) -> Self {
        let bench = Bench::new();
        let program = bench.dir().join("guest");
        install(&program);
        let noise = noise(300_000, 99);
        fs::write(bench.dir().join("noise"), &noise).expect("written");
        let manifest = root().join("tests/boot/mount/image.kdl");
        let sets = [
            format!("guest={}", program.display()),
            format!("noise={}", bench.dir().join("noise").display()),
            format!("later={later}"),
            format!("sealed={sealed}"),
        ];
        let mut arguments = vec!["build", manifest.to_str().expect("text"), "--json", "--progress", "plain"];
        arguments.extend(sets.iter().flat_map(|set| ["--set", set.as_str()]));
        let output = bench.run(&arguments, 0);
        let made = artifacts(&output).into_iter();
        let files: BTreeMap<String, PathBuf> =
            made.map(|(name, artifact)| (name, bench.dir().join(artifact.path))).collect();
        run(Command::new(tool("tar", "tar")).arg("-xf").arg(&files["kernel.tar"]).arg("-C").arg(bench.dir()));
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let verity = || json["verity"].as_array().into_iter().flatten();
        let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
        let hashes =
            verity().map(|one| (text(&one["of"]), text(&one["facts"]["map"]["root_hash"]["text"]))).collect();
        let offset = |one: &serde_json::Value| {
            let offset = one["facts"]["map"]["hash_offset"]["int"].as_u64().expect("an offset");
            (offset > 0).then(|| (text(&one["of"]), offset))
        };
        let offsets = verity().filter_map(offset).collect();
        let kernel = bench.dir().join("vmlinuz");
        Self { bench, files, kernel, udf: later, hashes, offsets, noise }
    }

    /// Builds a manifest of this text in the bench.
    pub fn build(&self, name: &str, text: &str) -> BTreeMap<String, PathBuf> {
        let manifest = self.bench.dir().join(format!("{name}.kdl"));
        fs::write(&manifest, text).expect("written");
        let made = self.bench.build(&manifest, &[]);
        made.into_iter().map(|(name, artifact)| (name, self.bench.dir().join(artifact.path))).collect()
    }

    /// Starts it with these disks and further archives for its initramfs. It waits for the block device `last`.
    pub fn start(&self, disks: &[&PathBuf], archives: &[&PathBuf], last: &str, script: &str) -> Vm {
        let words = self.bench.dir().join("words");
        fs::create_dir_all(&words).expect("a directory");
        let udf = if self.udf { " udf" } else { "" };
        fs::write(words.join("words"), format!("modules='{MODULES}{udf}' last={last}\n")).expect("written");
        fs::write(words.join("script"), script).expect("written");
        let text = "image words\ntree words { copy \"words/*\" to=\"/\" }\noutput \"words.cpio\" tree=words { cpio }\n";
        let made = self.build("words", text);
        let mut initramfs = fs::read(&self.files["initramfs.cpio.zst"]).expect("readable");
        for archive in [&made["words.cpio"]].iter().chain(archives) {
            // The kernel finds plain archives only at multiples of four.
            initramfs.resize(initramfs.len().next_multiple_of(4), 0);
            initramfs.extend(fs::read(archive).expect("readable"));
        }
        let path = self.bench.dir().join("initramfs");
        fs::write(&path, initramfs).expect("written");
        let told = told(&self.kernel, &path, disks);
        let told: Vec<&str> = told.iter().map(String::as_str).collect();
        let mut vm = Machine::new(Firmware::Bios).memory(768).args(&told).start();
        vm.reject("Kernel panic").reject("FAILED load");
        vm
    }
}

/// QEMU's words for a kernel that it starts itself, and for disks.
fn told(kernel: &Path, initramfs: &Path, disks: &[&PathBuf]) -> Vec<String> {
    let text = |path: &Path| path.to_str().expect("because tests use paths that are text").to_owned();
    let mut words: Vec<String> = vec!["-kernel".into(), text(kernel), "-initrd".into(), text(initramfs)];
    // Without that check: the timers of a machine that gets no time look broken.
    words.extend(["-append", "console=ttyS0 quiet loglevel=0 panic=-1 no_timer_check"].map(str::to_owned));
    // QEMU 7.2 emulates `cmpxchg16b` with wrong flags when an interrupt comes at the wrong moment. Linux 6.12 uses it for every piece of
    // memory that it hands out, and dies of that now and then; where there is none it does without.
    words.extend(["-cpu", "max,cx16=off"].map(str::to_owned));
    for (at, disk) in disks.iter().enumerate() {
        let path = text(disk).replace(',', ",,");
        words.extend(["-drive".into(), format!("if=none,id=v{at},format=raw,snapshot=on,file={path}")]);
        words.extend(["-device".into(), format!("virtio-blk-pci,drive=v{at}")]);
    }
    words
}

/// Copies the guest's program and the libraries that it is linked with, so that it runs with nothing else.
fn install(to: &Path) {
    let program = env!("CARGO_BIN_EXE_guest");
    fs::create_dir_all(to).expect("a directory");
    fs::copy(program, to.join("guest")).expect("copied");
    let said = run(Command::new(tool("ldd", "libc-bin")).arg(program));
    for line in String::from_utf8(said).expect("text").lines() {
        let Some(path) = line.split_whitespace().find(|word| word.starts_with('/')) else { continue };
        let name = Path::new(path).file_name().expect("a name").to_str().expect("text");
        fs::copy(path, to.join(if name.starts_with("ld-") { "ld.so" } else { name })).expect("copied");
    }
}
