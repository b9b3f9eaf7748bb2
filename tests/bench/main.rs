//! The benchmark of the main job: imgc beside the tools it replaces, in one run on one tree, as ratios.
//!
//! `cargo run --release -p imgc-tests --bin bench -- [disk|filesystems|memory|iso|boot] [--files N] [--bytes N] [--tiny N] [--big N] [--runs N]
//! [--dir DIR]`. Needs the tools that it runs, and says so when one is missing.

mod boot;
mod filesystems;
mod iso;
mod measure;
mod memory;
mod rivals;
mod tree;

use std::{fs, path::PathBuf};

use measure::{Sample, best};

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Disk,
    Filesystems,
    Memory,
    Iso,
    Boot,
}

impl What {
    fn named(word: &str) -> Option<Self> {
        Some(match word {
            "disk" => Self::Disk,
            "filesystems" => Self::Filesystems,
            "memory" => Self::Memory,
            "iso" => Self::Iso,
            "boot" => Self::Boot,
            _ => return None,
        })
    }
}

/// What is asked for.
struct Args {
    what: What,
    tiny: u64,
    big: u64,
    files: u64,
    bytes: u64,
    runs: u32,
    dir: PathBuf,
}

fn args() -> Args {
    let mut args = Args {
        what: What::Disk,
        tiny: 1_000_000,
        big: 512 << 20,
        files: 60_000,
        bytes: 1 << 30,
        runs: 3,
        dir: std::env::temp_dir().join("imgc-bench"),
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        if let Some(what) = What::named(&word) {
            args.what = what;
            continue;
        }
        let value = words.next().unwrap_or_else(|| panic!("{word} wants a value"));
        match word.as_str() {
            "--files" => args.files = value.parse().expect("a number of files"),
            "--bytes" => args.bytes = value.parse().expect("a number of bytes"),
            "--tiny" => args.tiny = value.parse().expect("a number of files"),
            "--big" => args.big = value.parse().expect("a number of bytes"),
            "--runs" => args.runs = value.parse().expect("a number of runs"),
            "--dir" => args.dir = value.into(),
            _ => panic!("{word} is not one of --files, --bytes, --tiny, --big, --runs, --dir"),
        }
    }
    args
}

fn main() {
    let args = args();
    match args.what {
        What::Disk => disk(&args),
        What::Filesystems => {
            let Args { files, bytes, tiny, big, runs, .. } = args;
            fs::create_dir_all(&args.dir).expect("a directory");
            filesystems::print(&args.dir, &filesystems::Sizes { files: (files, bytes), tiny, big, runs });
        }
        What::Memory => {
            fs::create_dir_all(&args.dir).expect("a directory");
            memory::print(&args.dir, args.tiny, args.runs);
        }
        What::Iso => iso::main(&args),
        What::Boot => boot::main(args.runs),
    }
}

/// The main job: a disk.
fn disk(args: &Args) {
    for (tool, package) in [
        ("genimage", "genimage"),
        ("genext2fs", "genext2fs"),
        ("mcopy", "mtools"),
        ("mkfs.vfat", "dosfstools"),
        ("mke2fs", "e2fsprogs"),
        ("qemu-img", "qemu-utils"),
    ] {
        imgc_tests::tools::tool(tool, package);
    }
    let tree = tree::make(&args.dir.join("tree"), args.files, args.bytes);
    println!(
        "tree: {} files, {} MB; {} cores; least of {} runs\n",
        args.files,
        args.bytes >> 20,
        std::thread::available_parallelism().map_or(1, usize::from),
        args.runs
    );
    let rivals = rivals::Rivals::new(&args.dir, &tree);
    println!("| what | seconds | peak memory |\n|---|---:|---:|");
    let row = |what: &str, runs: u32, run: &mut dyn FnMut() -> Sample| {
        let sample = best(runs, run);
        println!("| {what} | {:.2} | {} MB |", sample.seconds, sample.peak_kib >> 10);
        sample.seconds
    };
    let runs = args.runs;
    let rows = [
        row("imgc build, raw, empty cache", runs, &mut || rivals.imgc("data.img", true)),
        row("imgc build, raw, cache full, output gone", runs, &mut || rivals.imgc("data.img", false)),
        row("imgc build, nothing changed", runs, &mut || rivals.imgc_again("data.img")),
        row("cp --sparse=always of the image", runs, &mut || rivals.copy()),
        row("genimage, as it comes (ext4 by genext2fs)", 1, &mut || rivals.genimage(false)),
        row("genimage, ext4 by mke2fs -d", 1, &mut || rivals.genimage(true)),
        row("imgc build, qcow2 zlib, empty cache", runs, &mut || rivals.imgc("data.qcow2", true)),
        row("imgc build, qcow2 zlib, cache full, output gone", runs, &mut || {
            rivals.imgc("data.qcow2", false)
        }),
        row("qemu-img convert -c of the image", runs, &mut || rivals.convert()),
    ];
    print_ratios(&rows);
    println!(
        "qcow2: {} bytes by imgc, {} by qemu-img",
        rivals.size("data.qcow2"),
        rivals.size("convert.qcow2")
    );
}

/// The ratios that the project promises something about.
fn print_ratios(seconds: &[f64; 9]) {
    println!("\n| ratio | measured | where we want to be |\n|---|---:|---:|");
    println!("| raw, cold, to cp | {:.2} | at most 1.5 |", seconds[0] / seconds[3]);
    println!("| genimage as it comes to raw, cold | {:.1} | at least 10 |", seconds[4] / seconds[0]);
    println!("| genimage with mke2fs to raw, cold | {:.1} | |", seconds[5] / seconds[0]);
    println!("| genimage with mke2fs to raw, cache full | {:.1} | |", seconds[5] / seconds[1]);
    println!("| qcow2, cold, to qemu-img convert -c | {:.2} | at most 0.25 |", seconds[6] / seconds[8]);
    println!("| qcow2, cache full, to qemu-img convert -c | {:.2} | |", seconds[7] / seconds[8]);
    println!("| no-op rebuild | {:.2} s | under 0.3 s |", seconds[2]);
}
