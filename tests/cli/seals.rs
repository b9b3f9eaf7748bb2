//! What hashes, sums and signatures were made of does not change any more: who would change it is an error that names both.

use imgc_tests::imgc::Bench;

use crate::project;

/// What was said, without the breaks of long lines.
fn unwrapped(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr).replace('│', " ");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Runs a command on a manifest that must fail with these words.
fn refused(command: &str, text: &str, files: &[(&str, &str)], words: &[&str]) {
    let bench = Bench::new();
    let manifest = project(bench.dir(), text, files);
    let output = bench.run(&[command, manifest.to_str().expect("UTF-8")], 1);
    let shown = unwrapped(&output.stderr);
    for word in [&["stamp-of-sealed"], words].concat() {
        assert!(shown.contains(word), "no `{word}` in {shown}");
    }
    assert!(!bench.out().exists() || std::fs::read_dir(bench.out()).expect("readable").next().is_none());
}

#[test]
fn a_loader_that_writes_into_hashed_bytes_is_found_before_anything_runs() {
    let head = "image sealed\nsource own { dir \"own\" }\ntree data { file \"/a\" }\n";
    let files = &[
        ("own/boot.bin", "code"),
        ("own/app.bin", "an image for a CD of some length, longer than 64 bytes…"),
    ];
    for (disk, words) in [
        // A boot sector in a partition with hashes of its own, and in one whose hashes are elsewhere.
        (
            "mbr\npartition data size=\"16MiB\" { vfat tree=data; verity }\nloader { custom source=own partition=data boot=\"boot.bin\" boot-at=partition }",
            ["`custom` writes into `data`", "its hashes"],
        ),
        (
            "mbr\npartition data size=\"16MiB\" { ext4 tree=data }\npartition hashes size=fit type=linux { verity of=data }\nloader { grub platform=i386-pc target=partition source=own partition=data }",
            ["`grub` writes into `data`", "its hashes"],
        ),
        // A catalogue and a sum in the descriptors of a CD.
        (
            "bare\npartition cd size=fit { iso9660 tree=data; verity }\nloader { el-torito image=\"/a\" partition=cd }",
            ["`el-torito` writes into `cd`", "its hashes"],
        ),
        (
            "bare\npartition cd size=fit { iso9660 tree=data; verity }\nloader { media-checksum partition=cd }",
            ["`media-checksum` writes into `cd`", "its hashes"],
        ),
        // A table where the CD leaves room for it.
        (
            "gpt\npartition cd size=fit listed=#false { iso9660 tree=data }\npartition hashes size=fit type=linux { verity of=cd }",
            ["the table lies in the first bytes of `cd`", "this table"],
        ),
        // Two that read all of the disk.
        (
            "bare\npartition cd size=fit { iso9660 tree=data }\nloader { media-checksum partition=cd }\nloader { media-checksum partition=cd }",
            ["all of which `media-checksum` has read", "the one that has read it"],
        ),
    ] {
        let text = format!("{head}disk main {{\n{disk}\n}}\noutput \"main.img\" disk=main\n");
        refused("check", &text, files, &words);
    }
}

#[test]
fn a_stamp_that_comes_to_lie_in_hashed_bytes_is_found_in_the_build() {
    let text = "image sealed\nsource own { dir \"own\" }\ntree data { file \"/a\" { content \"a\"; }; }\ndisk main {\n\
        bare\npartition cd size=fit { iso9660 tree=data; verity }\n\
        loader { custom source=own partition=cd boot=\"boot.bin\" }\n}\noutput \"main.iso\" disk=main\n";
    let words = ["`custom` would change partition `cd`", "whose hashes in `cd`", "install custom on main"];
    refused("build", text, &[("own/boot.bin", "code")], &words);
}

/// The least that is a PE image: an MZ header of 64 bytes, a COFF header without sections, and an optional header with five
/// directories, of which the last says where the certificates lie.
fn application(signed: bool) -> Vec<u8> {
    let mut bytes = vec![0; 512];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(0, b"MZ");
    put(0x3c, &64u32.to_le_bytes());
    put(64, b"PE\0\0");
    put(68, &0x8664u16.to_le_bytes());
    put(84, &152u16.to_le_bytes());
    put(88, &0x20bu16.to_le_bytes());
    put(88 + 60, &512u32.to_le_bytes());
    put(88 + 108, &5u32.to_le_bytes());
    if signed {
        // 16 bytes at the end: their length, the revision, PKCS #7 SignedData, and eight of what no firmware would accept.
        put(88 + 112 + 32, &496u32.to_le_bytes());
        put(88 + 112 + 36, &16u32.to_le_bytes());
        put(496, &16u32.to_le_bytes());
        put(500, &0x200u16.to_le_bytes());
        put(502, &2u16.to_le_bytes());
    }
    bytes
}

#[test]
fn a_number_that_would_be_written_into_a_signed_file_is_found_in_the_build() {
    let text = "image signed\nsource own { dir \"own\" }\ntree data { copy \"app.efi\" to=\"/app.efi\" dense=#true }\ndisk main {\nmbr\n\
        partition data size=\"16MiB\" { vfat tree=data }\n\
        loader { custom source=own partition=data { stamps \"in=/app.efi offset=300 width=u32 value=disk.sectors\" } }\n\
        }\noutput \"main.img\" disk=main\n";
    let bench = Bench::new();
    let manifest = project(bench.dir(), text, &[("own/file", "nothing of use")]);
    let manifest = manifest.to_str().expect("UTF-8");
    std::fs::write(bench.dir().join("app.efi"), application(false)).expect("written");
    bench.run(&["build", manifest], 0);
    std::fs::write(bench.dir().join("app.efi"), application(true)).expect("written");
    let output = bench.run(&["build", manifest], 1);
    let shown = unwrapped(&output.stderr);
    let words = ["stamp-of-sealed", "`custom` would change the file `/app.efi`", "which is signed"];
    assert!(words.iter().all(|word| shown.contains(word)), "{shown}");
}
