//! Images of systemd's stub as binutils and sbverify see them, and stubs and trees that are refused.

use std::{fs, path::Path, process::Command};

use imgc_image::{BytesBuilder, Content, Entry, MemoryStore, Meta, Node, Reader, TreeBuilder};
use imgc_plan::tree::BytePath;

use super::*;
use crate::{
    pe::tests::{image, put16, put32},
    testing::{code, run, write_sparse},
};

/// systemd's stub, of the Debian package `systemd-boot-efi`.
fn stub() -> Vec<u8> {
    let path = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub";
    fs::read(path).unwrap_or_else(|error| panic!("{path}: {error}; install the package systemd-boot-efi"))
}

/// A BMP and a device tree, as far as their first bytes go.
const BMP: &[u8] = b"BM and so on";
const DTB: &[u8] = b"\xd0\x0d\xfe\xed and so on";

fn tree(store: &MemoryStore, files: &[(&str, &[u8])]) -> Tree {
    let mut builder = TreeBuilder::new();
    for (path, bytes) in files {
        let mut out = BytesBuilder::new(store);
        out.put(0, bytes).expect("stored");
        let content = Content::from(out.finish(bytes.len() as u64).expect("made"));
        builder.push(Entry {
            path: BytePath(path.as_bytes().to_vec()),
            meta: Meta::new(0o644, 0),
            xattrs: Box::default(),
            link: None,
            node: Node::File { content, dense: false },
        });
    }
    builder.finish(0).expect("a tree")
}

fn options(said: &[(&str, Data)]) -> Record {
    said.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

fn pack(said: &[(&str, Data)], files: &[(&str, &[u8])]) -> Result<Vec<u8>, Failure> {
    let store = MemoryStore::default();
    let (bytes, warnings) = Uki.pack(&options(said), &tree(&store, files), &store)?;
    assert_eq!(warnings, []);
    Ok(Reader::new(&bytes, &store).read_all(64 << 20).expect("reads"))
}

/// The bytes of a section, as objcopy takes them out.
fn section(image: &Path, name: &str) -> Vec<u8> {
    let out = image.with_extension("section");
    let mut objcopy = Command::new("objcopy");
    run("binutils", objcopy.args(["-O", "binary", "--only-section", name]).arg(image).arg(&out));
    fs::read(out).expect("readable")
}

#[test]
fn binutils_find_every_section_and_the_stub_as_it_was() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("image.efi");
    let (stub, kernel) = (stub(), [image(), vec![7; 100_001]].concat());
    let files: &[(&str, &[u8])] = &[
        ("stub", &stub),
        ("linux", &kernel),
        ("initrd", b"first"),
        ("initrd.d/20-b", b"third"),
        ("initrd.d/10-a", b"second"),
        ("osrel", b"ID=imgc\n"),
        ("splash", BMP),
        ("dtb", DTB),
        ("cmdline", b"not this one"),
    ];
    let said = [("cmdline", Data::from("console=ttyS0 quiet")), ("uname", Data::from("6.1.0"))];
    let made = pack(&said, files).expect("made");
    fs::write(&path, &made).expect("written");
    let list = run("binutils", Command::new("objdump").args(["-h", "-w"]).arg(&path));
    let names: Vec<&str> = list.lines().filter_map(|line| line.split_whitespace().nth(1)).collect();
    let new = [".osrel", ".cmdline", ".uname", ".splash", ".dtb", ".initrd", ".linux"];
    assert!(names.ends_with(&new), "{list}");
    for (name, bytes) in [
        (".osrel", &b"ID=imgc\n"[..]),
        (".cmdline", b"console=ttyS0 quiet"),
        (".uname", b"6.1.0"),
        (".initrd", b"first\0\0\0second\0\0third"),
        (".linux", &kernel),
    ] {
        assert_eq!(section(&path, name), bytes, "{name}");
    }
    let plain = dir.path().join("stub.efi");
    fs::write(&plain, &stub).expect("written");
    for name in [".text", ".data", ".rela", ".sbat", ".reloc"] {
        assert_eq!(section(&path, name), section(&plain, name), "{name}");
    }
    let headers = run("binutils", Command::new("objdump").args(["-p"]).arg(&path));
    assert!(headers.contains("CheckSum\t\t00000000"), "{headers}");
    let pe = crate::pe::Pe::read(made.as_slice()).expect("an image");
    let last = pe.sections.last().expect("a section");
    assert_eq!(
        u64::from(pe.get(crate::pe::Field::SizeOfImage)),
        (u64::from(last.virtual_address) + u64::from(last.virtual_size)).next_multiple_of(512)
    );
    let mut end = 0;
    for section in &pe.sections {
        assert!(section.virtual_address >= end, "sections lie one after the other: {pe:?}");
        end = section.virtual_address + section.virtual_size;
    }
    assert_eq!(made.len() as u64, last.raw_end(), "nothing lies behind the sections");
}

#[test]
fn contents_are_pointed_at() {
    let store = MemoryStore::default();
    let (stub, kernel) = (stub(), [image(), vec![7; 5000]].concat());
    let tree = tree(&store, &[("stub", &stub), ("linux", &kernel)]);
    let (bytes, _) = Uki.pack(&Record::new(), &tree, &store).expect("made");
    let own: u64 = bytes
        .extents()
        .iter()
        .filter(|extent| match bytes.source(extent) {
            imgc_image::bytes::Ref::Blob(id) => {
                ![&stub, &kernel].iter().any(|known| *id == imgc_plan::BlobId::of(known))
            }
            imgc_image::bytes::Ref::Bytes(_) => true,
        })
        .map(|extent| extent.len)
        .sum();
    assert_eq!(own, 1024, "only the headers are ours");
}

#[test]
fn the_sbat_of_the_stub_can_be_replaced_within_its_room() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("image.efi");
    let (stub, kernel) = (stub(), image());
    let sbat = b"sbat,1,SBAT Version,sbat,1,https://example.org\nimgc,1,imgc,imgc,1,https://example.org\n";
    let files = |sbat| [("stub", stub.as_slice()), ("linux", &kernel), ("sbat", sbat)];
    fs::write(&path, pack(&[], &files(sbat)).expect("made")).expect("written");
    assert_eq!(section(&path, ".sbat"), sbat);
    assert_eq!(code(pack(&[], &files(&[b'x'; 257]))), "stub-odd");
}

#[test]
fn a_detached_signature_is_attached_and_verified() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = |name: &str| dir.path().join(name).to_str().expect("text").to_owned();
    let (stub, kernel) = (stub(), image());
    let plain = [("stub", stub.as_slice()), ("linux", &kernel), ("osrel", b"ID=imgc\n")];
    fs::write(file("image.efi"), pack(&[], &plain).expect("made")).expect("written");
    let subject = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "9", "-subj", "/CN=imgc"];
    run(
        "openssl",
        Command::new("openssl").args(subject).args(["-keyout", &file("key"), "-out", &file("crt")]),
    );
    let sign = [
        "--detached",
        "--key",
        &file("key"),
        "--cert",
        &file("crt"),
        "--output",
        &file("p7"),
        &file("image.efi"),
    ];
    run("sbsigntool", Command::new("sbsign").args(sign));
    let signature = fs::read(file("p7")).expect("readable");
    let secure = [("secure-boot", Data::Bool(true))];
    assert_eq!(code(pack(&secure, &plain)), "unsigned-image");
    let signed: Vec<(&str, &[u8])> = plain.into_iter().chain([("signature", signature.as_slice())]).collect();
    fs::write(file("signed.efi"), pack(&secure, &signed).expect("made")).expect("written");
    let verify = |name: &str| {
        let mut sbverify = Command::new("sbverify");
        sbverify.args(["--cert", &file("crt"), &file(name)]).output().expect("sbverify runs")
    };
    let said = verify("signed.efi");
    let text = String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned();
    assert!(
        said.status.success() && text.contains("Signature verification OK") && !text.contains("gaps"),
        "{text}"
    );
    let mut broken = fs::read(file("signed.efi")).expect("readable");
    let at = broken.len() - signature.len().next_multiple_of(8) - 9;
    broken[at] ^= 1;
    fs::write(file("broken.efi"), broken).expect("written");
    assert!(!verify("broken.efi").status.success(), "a changed byte breaks the signature");
    // Of another image, or in another form.
    let mut other = signed.clone();
    other[2].1 = b"ID=other\n";
    assert_eq!(code(pack(&secure, &other)), "signature-of-another-image");
    other[3].1 = b"-----BEGIN PKCS7-----\n";
    assert_eq!(code(pack(&secure, &other)), "signature-odd");
}

#[test]
fn odd_trees_are_refused() {
    let (stub, kernel) = (stub(), image());
    let both: [(&str, &[u8]); 2] = [("stub", &stub), ("linux", &kernel)];
    let with = |path: &'static str, bytes: &'static [u8]| code(pack(&[], &[both[0], both[1], (path, bytes)]));
    assert_eq!(code(pack(&[], &both[..1])), "image-part-missing");
    assert_eq!(code(pack(&[], &both[1..])), "image-part-missing");
    assert_eq!(with("vmlinuz", b"x"), "image-part-unknown");
    assert_eq!(with("osrel/x", b"x"), "image-part-unknown");
    assert_eq!(with("initrd.d/a/b", b"x"), "image-part-unknown");
    assert_eq!(with("initrd.d", b"x"), "image-part-unknown");
    assert_eq!(with("osrel", b""), "image-part-unknown");
    assert_eq!(with("splash", b"\x89PNG"), "image-part-odd");
    assert_eq!(with("dtb", b"x"), "image-part-odd");
    assert_eq!(with("cmdline", b"a\0b"), "image-part-odd");
    assert_eq!(with("osrel", b"\xff"), "image-part-odd");
    let mut other = kernel.clone();
    put16(&mut other, 0x44, 0xaa64);
    assert_eq!(code(pack(&[], &[both[0], ("linux", &other)])), "image-part-odd");
    assert_eq!(code(pack(&[], &[both[0], ("linux", b"\x1f\x8b\x08")])), "image-part-odd");
}

#[test]
fn odd_stubs_are_refused() {
    let kernel = image();
    let refused = |stub: &[u8], more: &[(&str, &[u8])]| {
        let files = [&[("stub", stub), ("linux", kernel.as_slice())], more].concat();
        match pack(&[], &files) {
            Err(Failure::Problems(problems)) => problems[0].message.clone(),
            other => panic!("it was not refused: {:?}", other.map(|made| made.len())),
        }
    };
    let change = |at: usize, value: u32| {
        let mut stub = image();
        put32(&mut stub, at, value);
        refused(&stub, &[])
    };
    // A stub of ours is one: what follows fails for its own reason.
    assert!(pack(&[], &[("stub", &image()), ("linux", &kernel)]).is_ok());
    assert!(refused(&crate::pe::tests::signed(), &[]).contains("is signed"));
    assert!(refused(&[image(), vec![1]].concat(), &[]).contains("1 bytes behind its sections"));
    assert!(change(0x58 + 36, 3).contains("FileAlignment 3"));
    assert!(change(0x58 + 32, 0).contains("SectionAlignment 0"));
    let table = 0x58 + 112 + 48;
    assert!(change(table + 20, 256).contains("within its headers"));
    assert!(change(table, u32::from_le_bytes(*b"/123")).contains("names in its table"));
    assert!(change(table + 12, u32::MAX - 100).contains("4 GiB"));
    let mut image_itself = image();
    image_itself[table..table + 8].copy_from_slice(b".linux\0\0");
    assert!(refused(&image_itself, &[]).contains("`.linux` already"));
    let text: &[u8] = b"x";
    let many = [
        ("osrel", text),
        ("cmdline", text),
        ("uname", text),
        ("initrd", text),
        ("pcrsig", text),
        ("dtb", DTB),
    ];
    assert!(refused(&image(), &many).contains("room for 5 more section headers, and 7"));
    assert!(refused(&image(), &[("sbat", text)]).contains("no section `.sbat`"));
    // Symbols that end where the file ends are left out; others are not understood.
    let symbols = |strings: u32| {
        let mut stub = [image(), vec![0; 18], strings.to_le_bytes().to_vec(), b"a\0".to_vec()].concat();
        put32(&mut stub, 0x40 + 12, 1024);
        put32(&mut stub, 0x40 + 16, 1);
        stub
    };
    assert!(pack(&[], &[("stub", &symbols(6)), ("linux", &kernel)]).is_ok());
    assert!(refused(&symbols(5), &[]).contains("behind its symbols"));
}

#[test]
fn every_changed_byte_of_a_stubs_headers_is_survived() {
    let (stub, kernel) = (image(), image());
    for at in 0..512 {
        for value in [0, 1, 0x7f, 0xff] {
            let mut stub = stub.clone();
            stub[at] = value;
            let _ = pack(&[], &[("stub", &stub), ("linux", &kernel), ("osrel", b"x")]);
        }
    }
}

#[test]
fn texts_are_checked() {
    let check = |name: &str, text: &str| Uki.check(&options(&[(name, Data::from(text))])).len();
    assert_eq!([check("cmdline", "a b"), check("uname", "6.1"), check("cmdline", "")], [0, 0, 1]);
    assert_eq!([check("cmdline", "a\nb"), check("uname", "a\0")], [1, 1]);
}

#[test]
fn the_bytes_are_pinned() {
    let store = MemoryStore::default();
    let (stub, kernel) = (image(), image());
    let files: &[(&str, &[u8])] =
        &[("stub", &stub), ("linux", &kernel), ("cmdline", b"quiet"), ("initrd", b"i"), ("initrd.d/a", b"j")];
    let (bytes, _) = Uki.pack(&Record::new(), &tree(&store, files), &store).expect("made");
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("image.efi");
    write_sparse(&Arc::new(bytes), &store, &path).expect("written");
    let digest = blake3::hash(&fs::read(path).expect("readable")).to_hex();
    assert_eq!(digest.as_str(), PINNED);
}

const PINNED: &str = "5016c73346b71984b2a082b31ee6f47e3cc87b46b0260b85104aaf443a00ccf2";
