//! The second room: each filesystem's writer beside the tool that makes it, on many files, tiny files and big files.
//!
//! imgc's time is that of a whole cold build (read, name, write, hash the artifact); the tool's is its own. Both read the
//! same tree from the page cache and use all cores they can.

use std::{fs, os::unix::fs::MetadataExt, path::Path, process::Command};

use crate::{
    measure::{Sample, try_best, try_run},
    tree,
};

/// What is measured: a kind with its options, the tool, and the shell command that does the same.
struct Pair {
    /// The output's name.
    name: &'static str,
    /// The child node of the output.
    node: &'static str,
    /// The tool, and its package.
    tool: (&'static str, &'static str),
    /// The command. `$T` is the tree, `$O` the file to make, `$K` the length of imgc's file in KiB and a tenth more, `$N` a number of
    /// inodes that suffices, `$P` the processors.
    command: &'static str,
}

static PAIRS: [Pair; 6] = [
    Pair {
        name: "ext4",
        node: "ext4",
        tool: ("mke2fs", "e2fsprogs"),
        command: "exec mke2fs -q -F -t ext4 -b 4096 -N $N -d $T $O ${K}k",
    },
    Pair {
        name: "vfat",
        node: "vfat",
        tool: ("mcopy", "mtools"),
        command: "truncate -s ${K}K $O && mkfs.vfat -F 32 $O >/dev/null && exec mcopy -s -Q -i $O $T/* ::",
    },
    Pair {
        name: "squashfs",
        node: "squashfs compress=zstd level=15",
        tool: ("mksquashfs", "squashfs-tools"),
        command: "exec mksquashfs $T $O -noappend -no-progress -quiet -comp zstd -Xcompression-level 15 -processors $P",
    },
    Pair {
        name: "erofs",
        node: "erofs",
        tool: ("mkfs.erofs", "erofs-utils"),
        command: "exec mkfs.erofs --quiet $O $T",
    },
    Pair {
        name: "erofs-lz4hc",
        node: "erofs compress=lz4hc level=9",
        tool: ("mkfs.erofs", "erofs-utils"),
        command: "exec mkfs.erofs --quiet -zlz4hc,9 $O $T",
    },
    Pair {
        name: "iso",
        node: "iso9660",
        tool: ("xorriso", "xorriso"),
        command: "exec xorriso -no_rc -as mkisofs -quiet -iso-level 3 -R -J -joliet-long -o $O $T",
    },
];

/// What is asked for.
pub struct Sizes {
    /// Files of the first tree, and their bytes in all.
    pub files: (u64, u64),
    /// Files of the second tree, of 100 bytes or so each.
    pub tiny: u64,
    /// Bytes of each of the six files of the third tree.
    pub big: u64,
    /// How often each is run; the fastest counts.
    pub runs: u32,
}

/// Runs everything and prints the tables.
pub fn print(dir: &Path, sizes: &Sizes) {
    for Pair { tool, .. } in &PAIRS {
        imgc_tests::tools::tool(tool.0, tool.1);
    }
    imgc_tests::tools::tool("veritysetup", "cryptsetup-bin");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next()?.parse().ok());
    println!("{cores} cores, {} GiB of memory; least of {} runs\n", memory.unwrap_or(0u64) >> 20, sizes.runs);
    let trees = [
        (format!("{} files, {} MB", sizes.files.0, sizes.files.1 >> 20), "files", sizes.files),
        (format!("{} tiny files", sizes.tiny), "tiny", (sizes.tiny, sizes.tiny * 100)),
        (format!("6 files of {} MB", sizes.big >> 20), "big", (6, 6 * sizes.big)),
    ];
    for (what, name, (files, bytes)) in trees {
        let tree = tree::make(&dir.join(name), files, bytes);
        let bench = Bench { dir, tree: &tree, files, runs: sizes.runs, cores };
        println!("### {what}\n\n{HEAD}");
        PAIRS.iter().for_each(|pair| bench.row(pair));
        if let Err(why) = bench.verity() {
            println!("| verity of ext4 / veritysetup | {} | | | | | | |", short(&why));
        }
        println!();
    }
}

const HEAD: &str = "| | imgc | the tool | times faster | imgc, size | the tool, size | imgc, peak | the tool, peak |\n\
                    |---|---:|---:|---:|---:|---:|---:|---:|";

struct Bench<'a> {
    dir: &'a Path,
    tree: &'a Path,
    files: u64,
    runs: u32,
    cores: usize,
}

impl Bench<'_> {
    /// A row of the table. A tool that fails leaves its columns empty, and the row says why.
    fn row(&self, pair: &Pair) {
        let output = format!("output \"{}\" tree=data {{ {} }}", pair.name, pair.node);
        let ours = try_best(self.runs, || cold(self.dir, self.tree, pair.name, &output));
        let made = self.dir.join("out").join(pair.name);
        let len = fs::metadata(&made).map_or(0, |found| found.len());
        let size = |file: &Path| fs::metadata(file).map_or(0, |found| found.blocks() * 512);
        let other = self.dir.join("theirs");
        let theirs = match &ours {
            Err(_) => Err("not run, for the size of the file to make is not known".into()),
            Ok(_) => try_best(self.runs, || {
                let _ = fs::remove_file(&other);
                try_run(&mut self.shell(pair, &other, len))
            }),
        };
        let faster = match (&ours, &theirs) {
            (Ok(ours), Ok(theirs)) => format!("{:.1}", theirs.seconds / ours.seconds),
            _ => String::new(),
        };
        let [ours, theirs] =
            [(ours, &made), (theirs, &other)].map(|(sample, file)| columns(sample, size(file)));
        println!(
            "| {} / {} | {} | {} | {faster} | {} | {} | {} | {} |",
            pair.name, pair.tool.0, ours[0], theirs[0], ours[1], theirs[1], ours[2], theirs[2]
        );
        let _ = fs::remove_file(&other);
        let _ = fs::remove_file(&made);
    }

    fn shell(&self, pair: &Pair, to: &Path, len: u64) -> Command {
        // FAT32 has at least 65,525 clusters.
        let kib = ((len + len / 10) / 4096 * 4).max(36 << 10);
        let mut command = Command::new("sh");
        command.args(["-c", pair.command]).env("T", self.tree).env("O", to);
        command.env("K", kib.to_string()).env("P", self.cores.to_string());
        command.env("N", (self.files + self.files / 8 + 1000).to_string());
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("MTOOLS_SKIP_CHECK", "1");
        command
    }

    /// A disk with hashes of an ext4, less the same disk without, beside `veritysetup format` of that ext4.
    fn verity(&self) -> Result<(), String> {
        let part = "partition data size=fit type=linux { ext4 tree=data }";
        let hashes = "partition hashes size=fit type=linux { verity of=data }";
        let disk = |parts: &str| format!("disk main {{ gpt; {parts} }}\noutput \"disk.img\" disk=main");
        let without = try_best(self.runs, || cold(self.dir, self.tree, "disk.img", &disk(part)))?;
        let with = try_best(self.runs, || {
            cold(self.dir, self.tree, "disk.img", &disk(&format!("{part}\n{hashes}")))
        })?;
        cold(self.dir, self.tree, "ext4", "output \"ext4\" tree=data { ext4 }")?;
        let (data, theirs) = (self.dir.join("out/ext4"), self.dir.join("theirs"));
        let sample = try_best(self.runs, || {
            let _ = fs::remove_file(&theirs);
            try_run(
                Command::new("veritysetup")
                    .arg("format")
                    .args([&data, &theirs])
                    .env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin"),
            )
        })?;
        let more = (with.seconds - without.seconds).max(0.01);
        println!(
            "| verity of ext4 / veritysetup | {more:.2} s more | {:.2} s | {:.1} | | | {} MB | {} MB |",
            sample.seconds,
            sample.seconds / more,
            with.peak_kib >> 10,
            sample.peak_kib >> 10
        );
        let _ = fs::remove_file(&theirs);
        let _ = fs::remove_file(&data);
        Ok(())
    }
}

/// Seconds, size and peak, or instead of the seconds why there are none.
fn columns(sample: Result<Sample, String>, size: u64) -> [String; 3] {
    match sample {
        Ok(sample) => [
            format!("{:.2} s", sample.seconds),
            format!("{} MB", size >> 20),
            format!("{} MB", sample.peak_kib >> 10),
        ],
        Err(why) => [short(&why), String::new(), String::new()],
    }
}

/// The end of what a command said, as it fits into a table.
fn short(why: &str) -> String {
    let line = why.lines().rev().take(2).collect::<Vec<_>>();
    let line: String = line.into_iter().rev().collect::<Vec<_>>().join("; ").replace('|', "/");
    format!("failed: {}", line.chars().take(120).collect::<String>())
}

/// A cold build of one output of a tree.
///
/// # Errors
/// What imgc said.
pub fn cold(dir: &Path, tree: &Path, name: &str, output: &str) -> Result<Sample, String> {
    let manifest = dir.join("bench.kdl");
    let text = format!(
        "image bench\nsource tree {{ dir \"{}\" }}\ntree data {{ copy source=tree to=\"/\" }}\n{output}\n",
        tree.display()
    );
    fs::write(&manifest, text).expect("the manifest");
    for part in ["cache", "out"] {
        let _ = fs::remove_dir_all(dir.join(part));
    }
    let mut command = Command::new(crate::rivals::imgc());
    command.arg("build").arg(manifest).args(["--progress", "none", "--only", name]);
    command.arg("-o").arg(dir.join("out")).arg("--cache").arg(dir.join("cache"));
    try_run(&mut command)
}
