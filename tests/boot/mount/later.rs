//! What is newer than the kernel that most machines have, or not in it: Zstandard in erofs, as Linux 6.12 and erofs-utils 1.8 see it, and
//! UDF.

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use imgc_tests::{
    imgc::finish,
    tools::{run, tool},
};

use super::{
    forest::{noise, prose},
    guest::Guest,
    kinds::{ALL, LATER, Mounted, UDF_BRIDGE},
    look::{look, make},
};

/// What the later kernel looks at, too.
const ALSO: [&str; 6] = ["ext4", "fat32", "exfat", "squashfs-zstd", "erofs-lz4hc", "iso"];

/// Debian trixie's erofs-utils, which run beside the system's own with libraries of their own.
struct Tools(PathBuf);

impl Tools {
    fn of(guest: &Guest) -> Self {
        let dir = guest.bench.dir().join("tools");
        fs::create_dir_all(&dir).expect("a directory");
        run(Command::new(tool("tar", "tar")).arg("-xf").arg(&guest.files["tools.tar"]).arg("-C").arg(&dir));
        Self(dir)
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.0.join("ld-linux-x86-64.so.2"));
        command.arg("--library-path").arg(&self.0).arg(self.0.join(name));
        command
    }
}

#[test]
fn linux_6_12_and_erofs_utils_1_8_read_zstandard_in_erofs() {
    let guest = Guest::new(true, false);
    let also = ALL.into_iter().filter(|mounted| ALSO.contains(&mounted.name));
    let mut all: Vec<Mounted> = LATER.into_iter().chain([UDF_BRIDGE]).chain(also).collect();
    // This kernel has 64 bits for all times.
    all.iter_mut().for_each(|mounted| mounted.holds.wraps = false);
    assert_eq!(all.len(), LATER.len() + 1 + ALSO.len());
    let mut outputs = String::new();
    for Mounted { name, node, .. } in LATER {
        writeln!(outputs, "output \"{name}.img\" tree=hostile-Wide {{ {node} }}").expect("a String takes it");
    }
    let made = make(&guest, &all, &outputs);
    let tools = Tools::of(&guest);
    for Mounted { name, .. } in LATER {
        let image = &made.files[&format!("{name}.img")];
        let said = finish(tools.command("fsck.erofs").args(["-d3", "--extract"]).arg(image), 0).stderr;
        let said = String::from_utf8_lossy(&said);
        assert!(said.trim_end().ends_with("No errors found") && !said.contains("<E>"), "{name}: {said}");
    }
    mkfs_is_read(&guest, &tools);
    look(&guest, &made, &all, None);
}

/// What mkfs.erofs compresses by Zstandard comes out of `imgc inspect` as it went in.
fn mkfs_is_read(guest: &Guest, tools: &Tools) {
    let dir = guest.bench.dir().join("mkfs");
    fs::create_dir_all(&dir).expect("a directory");
    let files = [("prose", prose(700_001, 1)), ("noise", noise(300_000, 2)), ("zeros", vec![0; 2_000_000])];
    for (name, content) in &files {
        fs::write(dir.join(name), content).expect("written");
    }
    let image = guest.bench.dir().join("mkfs.img");
    for ways in [&["-zzstd"][..], &["-zzstd,level=9", "-C65536"], &["-zzstd", "-Elegacy-compress"]] {
        let _ = fs::remove_file(&image);
        run(tools.command("mkfs.erofs").arg("--quiet").args(ways).args([&image, &dir]));
        for (name, content) in &files {
            assert!(cat(guest, &image, name) == *content, "{ways:?} {name}");
        }
    }
}

fn cat(guest: &Guest, image: &Path, name: &str) -> Vec<u8> {
    let image = image.to_str().expect("text");
    guest.bench.run(&["inspect", image, "cat", &format!("/{name}")], 0).stdout
}
