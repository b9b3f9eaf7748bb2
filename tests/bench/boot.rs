//! The README's own example, from `imgc build` to the line that only the booted system prints.

use std::{path::Path, time::Instant};

use imgc_tests::{
    imgc::{Bench, root},
    qemu::{Bus, Machine},
};

/// A copy of the store in which the packages are, and nothing else was built.
fn fetched(manifest: &Path) -> Bench {
    let bench = Bench::new();
    bench.run(&["fetch", manifest.to_str().expect("UTF-8")], 0);
    bench
}

fn build(bench: &Bench, manifest: &Path) -> (std::path::PathBuf, f64) {
    let start = Instant::now();
    let made = bench.build(manifest, &[]);
    let seconds = start.elapsed().as_secs_f64();
    (bench.dir().join(&made["lites.qcow2"].path), seconds)
}

/// Prints the seconds of each part: with the packages fetched and nothing else, after a change, and the boot.
pub fn main(runs: u32) {
    let manifest = root().join("examples/lites/image.kdl");
    let mut best = [f64::INFINITY; 3];
    for _ in 0..runs.max(1) {
        let bench = fetched(&manifest);
        let (disk, cold) = build(&bench, &manifest);
        let (_, again) = build(&bench, &manifest);
        let start = Instant::now();
        let mut vm = Machine::bios(&disk, "qcow2", Bus::Ide).memory(256).start();
        vm.expect("LITES-STUB-OK");
        let boot = start.elapsed().as_secs_f64();
        for (best, now) in best.iter_mut().zip([cold, again, boot]) {
            *best = best.min(now);
        }
    }
    let [cold, again, boot] = best;
    println!("examples/lites, least of {runs} runs: lites-boot.img and lites.qcow2\n");
    println!("| what | seconds |\n|---|---:|");
    println!("| imgc build, packages fetched | {cold:.2} |");
    println!("| imgc build, nothing changed | {again:.2} |");
    println!("| QEMU (TCG), start to the server's line | {boot:.2} |");
    println!("| build and boot | {:.2} |", cold + boot);
}
