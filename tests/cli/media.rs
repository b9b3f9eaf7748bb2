//! CDs and disks in one, as xorriso, sgdisk, sfdisk and checkisomd5 see them.

use std::{fs, path::Path, process::Command};

use imgc_tests::{
    imgc::Bench,
    tools::{run, tool},
};

use crate::project;

/// What each medium holds.
const TREES: &str = r#"
image media
tree root {
    file "/boot/loader.bin" size="4KiB" dense=#true
    file "/COPYING" { content "free\n" }
}
tree efi { file "/EFI/BOOT/BOOTX64.EFI" { content "MZ" } }
"#;

fn medium(disk: &str) -> (Bench, std::path::PathBuf) {
    let text = format!("{TREES}\ndisk medium {{\n{disk}\n}}\noutput \"medium.iso\" disk=medium\n");
    let bench = Bench::new();
    let manifest = project(bench.dir(), &text, &[]);
    let made = bench.build(&manifest, &[]);
    let path = bench.dir().join(&made["medium.iso"].path);
    assert_eq!(fs::metadata(&path).expect("the medium").len() % (1 << 20), 0, "a medium is whole MiB");
    (bench, path)
}

/// What xorriso says of a medium, without runs of spaces.
fn xorriso(path: &Path) -> String {
    let mut command = Command::new(tool("xorriso", "xorriso"));
    command.arg("-indev").arg(path).args(["-report_el_torito", "plain", "-report_el_torito", "as_mkisofs"]);
    let output = command.args(["-report_system_area", "plain", "-pvd_info"]).output().expect("xorriso");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ") + "\n").collect()
}

fn says(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.lines().any(|said| said == *line), "`{line}` is missing in\n{text}");
    }
}

fn checksum(path: &Path) -> bool {
    let mut check = Command::new(tool("checkisomd5", "isomd5sum"));
    check.arg(path).output().expect("checkisomd5").status.success()
}

#[test]
fn a_cd_with_a_gpt_has_a_catalogue_a_checksum_and_partitions() {
    let (bench, path) = medium(
        r#"
        gpt
        partition iso size=fit listed=#false {
            iso9660 volume-id="MEDIUM" copyright-file="/COPYING" publisher="ME" expiration-time=1000000000 tree=root
        }
        partition esp size=fit type=esp { vfat tree=efi }
        partition persistence size="8MiB" { ext4 label="persistence" }
        loader { media-checksum partition=iso }
        loader { el-torito partition=iso esp=esp platform=efi }
        loader { el-torito partition=iso image="/boot/loader.bin" boot-info-table=#true }"#,
    );
    let said = xorriso(&path);
    says(
        &said,
        &[
            "El Torito cat path : /boot/boot.cat",
            "El Torito img path : 1 /boot/loader.bin",
            "El Torito img opts : 1 boot-info-table",
            "El Torito boot img : 2 UEFI y none 0x0000 0x00 2048 512",
            "-e '--interval:appended_partition_1_start_512s_size_2048d:all::'",
            "-appended_part_as_gpt",
            "System area summary: MBR protective-msdos-label cyl-align-off GPT",
            "GPT start and size : 1 2048 2048",
            "Publisher Id : ME",
            "CopyrightFile: COPYING.;1",
            "Expir. Time : 2001090901464000",
        ],
    );
    let verdict = run(Command::new(tool("sgdisk", "gdisk")).arg("-v").arg(&path));
    let verdict = String::from_utf8_lossy(&verdict).into_owned();
    assert!(verdict.contains("No problems found"), "{verdict}");
    run(Command::new(tool("sfdisk", "fdisk")).arg("-V").arg(&path));
    assert!(checksum(&path));
    let mut bytes = fs::read(&path).expect("the medium");
    let free = bytes.windows(5).position(|text| text == b"free\n").expect("the file");
    bytes[free] = b'F';
    fs::write(bench.dir().join("spoilt.iso"), &bytes).expect("written");
    assert!(!checksum(&bench.dir().join("spoilt.iso")));
}

#[test]
fn a_cd_with_an_mbr_lists_the_volume_from_sector_0_on() {
    let (_bench, path) = medium(
        r#"
        mbr
        partition iso size=fit start="0B" type="17" bootable=#true { iso9660 volume-id="MEDIUM" tree=root }
        partition esp size=fit type="ef" { vfat tree=efi }
        loader { el-torito partition=iso image="/boot/loader.bin" load-segment=0x7c0 sectors=8 }
        loader { el-torito partition=iso esp=esp platform=efi }"#,
    );
    says(
        &xorriso(&path),
        &[
            "El Torito boot img : 2 UEFI y none 0x0000 0x00 2048 512",
            "-iso_mbr_part_type 0x17",
            "--mbr-force-bootable",
            "MBR partition : 1 0x80 0x17 0 2048",
            "MBR partition : 2 0x00 0xef 2048 2048",
        ],
    );
    run(Command::new(tool("sfdisk", "fdisk")).arg("-V").arg(&path));
    assert!(!checksum(&path), "it has none");
}

#[test]
fn a_cd_alone_has_no_table() {
    let (bench, path) = medium(
        r#"
        bare
        partition iso size=fit { iso9660 volume-id="MEDIUM" boot-catalog="/other/place" tree=root }
        loader { el-torito partition=iso image="/boot/loader.bin" load-segment=0x7c0 sectors=8 }
        loader { el-torito partition=iso image="/COPYING" platform=efi }
        loader { media-checksum partition=iso }"#,
    );
    let said = xorriso(&path);
    says(
        &said,
        &[
            "El Torito cat path : /other/place",
            "El Torito img path : 1 /boot/loader.bin",
            "El Torito img path : 2 /COPYING",
        ],
    );
    assert!(
        said.lines().any(|line| line.starts_with("El Torito boot img : 1 BIOS y none 0x07c0 0x00 8 ")),
        "{said}"
    );
    assert!(
        said.lines().any(|line| line.starts_with("El Torito boot img : 2 UEFI y none 0x0000 0x00 1 ")),
        "{said}"
    );
    assert!(fs::read(&path).expect("the medium")[..32768].iter().all(|byte| *byte == 0));
    assert!(checksum(&path));
    assert_eq!(bench.out().join("medium.iso"), path, "the ending chooses the plain format");
}

/// What checkisomd5 says is what its own tool implants, where the volume is long enough for that to be right.
#[test]
fn the_checksum_is_that_of_implantisomd5() {
    let disk =
        |loader: &str| format!("bare\npartition iso size=fit {{ iso9660 tree=root padding=2000 }}\n{loader}");
    let (_ours, ours) = medium(&disk("loader { media-checksum partition=iso }"));
    let (_theirs, theirs) = medium(&disk(""));
    run(Command::new(tool("implantisomd5", "isomd5sum")).arg("--force").arg(&theirs));
    let sums = |path: &Path| {
        let said = run(Command::new(tool("checkisomd5", "isomd5sum")).arg("--md5sumonly").arg(path));
        let said = String::from_utf8_lossy(&said).into_owned();
        let (path, sums) = said.split_once(':').expect("a sum");
        assert!(path.ends_with("medium.iso"), "{said}");
        sums.to_owned()
    };
    assert_eq!(sums(&ours), sums(&theirs));
}
