//! Disks around the loader under test, of which everything else was made by tools that were not written here.

use std::{
    fs::{self, File},
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
};

use imgc_formats::{
    boot::{Loader, LoaderJob, NoFiles, StampJob},
    loader,
};
use imgc_image::{
    Bytes, Content, Entry, MemoryStore, Meta, Node, Reader, Store, Tree, TreeBuilder, build::Patch,
};
use imgc_plan::{
    Record,
    layout::{Layout, PartRole, PlacedPart},
    menu::Menu,
    step::{LoaderHome, PartHome},
    tree::BytePath,
};
use imgc_tests::tools::{file, run, tool};
use tempfile::TempDir;

const MIB: u64 = 1 << 20;

/// The length of the disk, and of the filesystem on it: 34 MiB are the least that a FAT32 takes.
const DISK: u64 = 68 * MIB;
const FILESYSTEM: u64 = 64 * MIB;

/// A raw disk in a directory of its own.
pub struct Disk {
    dir: TempDir,
}

impl Disk {
    /// A disk with this table (`mbr`, `gpt`) and filesystem (`ext2`, `ext4`, `vfat`), which holds these files, started by GRUB.
    pub fn with_grub(table: &str, filesystem: &str, menu: &Menu, files: &[(&str, Vec<u8>)]) -> Self {
        let disk = Self { dir: tempfile::tempdir().expect("a directory") };
        let layout = layout(table);
        let part = layout.parts.last().expect("a partition");
        let own = PartHome {
            name: part.name.clone(),
            number: part.number,
            type_code: part.type_code.clone(),
            filesystem: filesystem.to_owned(),
            options: Record::new(),
        };
        let home = LoaderHome::Disk { table: table.to_owned(), own, esp: None };
        let grub = loader("grub").expect("a loader");
        let options = Record::new();
        assert!(grub.check(&options).is_empty() && grub.check_menu(&options, menu, &home).is_empty());
        let store = MemoryStore::default();
        let source = package(&store);
        let job = LoaderJob {
            options: &options,
            source: Some(&source),
            menu: Some(menu),
            home: &home,
            store: &store,
        };
        disk.fill(filesystem, &grub.files(&job).expect("GRUB's files"), files, &store);
        disk.partition(table, &layout);
        disk.stamp(grub, &job, &layout);
        disk
    }

    /// The image.
    pub fn path(&self) -> PathBuf {
        self.dir.path().join("disk.img")
    }

    /// Makes the filesystem of the loader's files and others.
    fn fill(&self, filesystem: &str, tree: &Tree, files: &[(&str, Vec<u8>)], store: &MemoryStore) {
        let root = self.dir.path().join("root");
        let write = |path: &str, bytes: &[u8]| {
            let path = root.join(path.trim_start_matches('/'));
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs::write(path, bytes).expect("written");
        };
        for entry in tree.entries() {
            if let Node::File { content, .. } = &entry.node {
                write(&entry.path.to_string(), &read(&content.to_bytes(), store));
            }
        }
        files.iter().for_each(|(path, bytes)| write(path, bytes));
        let image = self.dir.path().join("fs.img");
        File::create(&image).and_then(|file| file.set_len(FILESYSTEM)).expect("made");
        if filesystem == "vfat" {
            run(Command::new(tool("mkfs.fat", "dosfstools")).args(["-F", "32"]).arg(&image));
            let mut mcopy = Command::new(tool("mcopy", "mtools"));
            mcopy.env("MTOOLS_SKIP_CHECK", "1").args(["-s", "-i"]).arg(&image);
            run(mcopy
                .args(fs::read_dir(&root).expect("readable").map(|entry| entry.expect("readable").path()))
                .arg("::/"));
        } else {
            let mut mke2fs = Command::new(tool("mke2fs", "e2fsprogs"));
            run(mke2fs.args(["-q", "-t", filesystem, "-d"]).arg(&root).arg(&image));
        }
    }

    /// Makes the table, and puts the filesystem into the last partition.
    fn partition(&self, table: &str, layout: &Layout) {
        let mut disk = File::create(self.path()).expect("made");
        disk.set_len(layout.len).expect("room");
        let mut script = format!("label: {}\n", if table == "mbr" { "dos" } else { "gpt" });
        for part in &layout.parts {
            script +=
                &format!("start={}, size={}, type={}\n", part.start / 512, part.len / 512, part.type_code);
        }
        let mut sfdisk = Command::new(tool("sfdisk", "fdisk"));
        let sfdisk = sfdisk.args(["--quiet", "--no-reread", "--no-tell-kernel"]).arg(self.path());
        let mut child = sfdisk.stdin(Stdio::piped()).spawn().expect("sfdisk starts");
        child.stdin.take().expect("asked for").write_all(script.as_bytes()).expect("it reads");
        assert!(child.wait().expect("it ends").success(), "sfdisk: {script}");
        let image = fs::read(self.dir.path().join("fs.img")).expect("readable");
        disk.seek(SeekFrom::Start(layout.parts.last().expect("a partition").start)).expect("within");
        disk.write_all(&image).expect("room");
    }

    /// Lays the loader's pieces over the disk.
    fn stamp(&self, grub: &dyn Loader, job: &LoaderJob<'_>, layout: &Layout) {
        let image = Arc::new(grub.image(job).expect("GRUB's image"));
        let stamp = StampJob {
            options: job.options,
            home: job.home,
            layout,
            disk: &Arc::new(Bytes::zeros(layout.len)),
            image: Some(&image),
            files: &NoFiles,
            store: job.store,
        };
        let pieces = grub.stamp(&stamp).expect("pieces");
        let mut disk = File::options().read(true).write(true).open(self.path()).expect("there");
        let mut before = [0; 72];
        disk.seek(SeekFrom::Start(0x1b8)).and_then(|_| disk.read_exact(&mut before)).expect("readable");
        for (at, piece) in pieces {
            let bytes = match piece {
                Patch::Data(data) => data,
                Patch::Bytes(bytes) => Reader::new(&bytes, job.store).read_all(MIB).expect("readable"),
            };
            disk.seek(SeekFrom::Start(at)).and_then(|_| disk.write_all(&bytes)).expect("written");
        }
        let mut after = [0; 72];
        disk.seek(SeekFrom::Start(0x1b8)).and_then(|_| disk.read_exact(&mut after)).expect("readable");
        assert_eq!(before, after, "the stamp leaves the disk's signature and table alone");
    }
}

/// Debian's GRUB as a source.
fn package(store: &MemoryStore) -> Tree {
    let kernel = file("/usr/lib/grub/i386-pc/kernel.img", "grub-pc-bin");
    let mut builder = TreeBuilder::new();
    for entry in fs::read_dir(kernel.parent().expect("a directory")).expect("readable") {
        let path = entry.expect("readable").path();
        let bytes = fs::read(&path).expect("readable");
        let id = store.put(&bytes).expect("stored");
        let inside = Path::new("usr/lib/grub/i386-pc").join(path.file_name().expect("a name"));
        builder.push(Entry {
            path: BytePath(inside.into_os_string().into_encoded_bytes()),
            meta: Meta::new(0o644, 0),
            xattrs: Box::default(),
            link: None,
            node: Node::File { content: Content::Blob { id, len: bytes.len() as u64 }, dense: false },
        });
    }
    builder.finish(0).expect("a tree")
}

fn layout(table: &str) -> Layout {
    let part = |name: &str, number: u32, start: u64, len: u64, code: &str| PlacedPart {
        name: name.to_owned(),
        number,
        role: PartRole::Primary,
        start,
        len,
        type_code: code.to_owned(),
        table_name: String::new(),
        uuid: None,
        bootable: false,
        attributes: 0,
    };
    let parts = if table == "mbr" {
        vec![part("root", 1, MIB, FILESYSTEM, "83")]
    } else {
        vec![
            part("bios", 1, MIB, MIB, "21686148-6449-6e6f-744e-656564454649"),
            part("root", 2, 2 * MIB, FILESYSTEM, "0fc63daf-8483-4772-8e79-3d69d8477de4"),
        ]
    };
    Layout { len: DISK, sector_size: 512, parts }
}

fn read(bytes: &Bytes, store: &MemoryStore) -> Vec<u8> {
    Reader::new(bytes, store).read_all(DISK).expect("readable")
}
