//! Makes the tree: the same files and bytes every time, half of them compressible, in folders of 200.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A small generator (xorshift64*), so that the tree needs no crate and never changes.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}

/// Makes it, or uses the one that is there.
pub fn make(dir: &Path, files: u64, bytes: u64) -> PathBuf {
    let stamp = dir.with_extension("made");
    let wanted = format!("{files} {bytes}\n");
    if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return dir.to_owned();
    }
    let _ = fs::remove_dir_all(dir);
    let mut random = Random(0x1234_5678_9abc_def1);
    let mean = bytes / files.max(1);
    for index in 0..files {
        let folder = dir.join(format!("d{:03}/e{:02}", index / 6000, index / 200 % 30));
        if index % 200 == 0 {
            fs::create_dir_all(&folder).expect("a folder");
        }
        // Sizes spread from a quarter to seven quarters of the mean, so that their sum is what was asked for.
        let len = mean / 4 + random.next() % (mean * 3 / 2).max(1);
        fs::write(folder.join(format!("file-{index:06}.dat")), content(&mut random, len)).expect("a file");
    }
    fs::write(&stamp, wanted).expect("the stamp");
    // What is written within two seconds of a build is not trusted by a stamp: this measures the usual case.
    std::thread::sleep(std::time::Duration::from_secs(3));
    dir.to_owned()
}

/// Bytes of each name of [`tiny`].
pub const NAME: usize = 36;

/// Makes files of some ten bytes with names of [`NAME`] bytes, a thousand in a folder, or uses those that are there.
pub fn tiny(dir: &Path, files: u64) -> PathBuf {
    let stamp = dir.with_extension("made");
    let wanted = format!("{files} names of {NAME}\n");
    if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return dir.to_owned();
    }
    let _ = fs::remove_dir_all(dir);
    for index in 0..files {
        let folder = dir.join(format!("d{:04}", index / 1000));
        if index % 1000 == 0 {
            fs::create_dir_all(&folder).expect("a folder");
        }
        let name = format!("{:x<width$}.dat", format!("file-{index:07}-"), width = NAME - 4);
        fs::write(folder.join(name), format!("content {index}\n")).expect("a file");
    }
    fs::write(&stamp, wanted).expect("the stamp");
    // As in `make`.
    std::thread::sleep(std::time::Duration::from_secs(3));
    dir.to_owned()
}

fn content(random: &mut Random, len: u64) -> Vec<u8> {
    const WORDS: [&str; 16] = [
        "kernel ",
        "partition ",
        "the ",
        "of ",
        "sector\n",
        "image ",
        "00000000 ",
        "loader ",
        "tree ",
        "extent ",
        "a ",
        "size=",
        "offset ",
        "block\n",
        "and ",
        "inode ",
    ];
    let len = usize::try_from(len).expect("a small file");
    let mut out = Vec::with_capacity(len + 16);
    let text = random.next().is_multiple_of(2);
    while out.len() < len {
        if text {
            out.extend_from_slice(WORDS[(random.next() >> 60) as usize].as_bytes());
        } else {
            out.extend_from_slice(&random.next().to_le_bytes());
        }
    }
    out.truncate(len);
    out
}
