//! Digests of small artifacts that need no package: whoever changes a byte changes `tests/ref/digests.txt` with it, and says
//! so under "Changes of bytes" in the changelog. `IMGC_BLESS=1` writes the file anew.

use std::fs;

use imgc_tests::imgc::{Bench, root};

/// A disk with everything that first light can put on one without a package.
const DISK: &str = r#"
image pinned
tree files {
    file "/README.txt" mode="0640" owner="1000:1000" { content "pinned\n" }
    file "/sparse" size="3MiB"
    dir "/empty" mode="1777"
    symlink "/link" to="README.txt"
    hardlink "/again" to="/README.txt"
    device "/console" kind=char major=5 minor=1 mode="0600"
    fifo "/pipe"
}
tree plain { file "/A long name.txt" { content "short\n" } }
disk gpt {
    gpt
    partition plain size="40MiB" { vfat label="PLAIN" tree=plain }
    partition files size=fit slack="25%" { ext4 label="files" tree=files }
}
disk mbr size="64MiB" {
    mbr
    partition old size="16MiB" bootable=#true { ext2 profile=hurd tree=files }
    partition one size="8MiB" role=logical { vfat fat="16" tree=plain }
    partition two size=fill role=logical { ext3 tree=files }
}
disk large sector-size=4096 { gpt; partition files size=fit { ext4 tree=files }; }
output "gpt.img" disk=gpt
output "gpt.qcow2" disk=gpt { qcow2 compress=zlib }
output "gpt-zstd.qcow2" disk=gpt { qcow2 compress=zstd cluster-size="4KiB" }
output "gpt-old.qcow2" disk=gpt { qcow2 compat="0.10" }
output "mbr.img" disk=mbr
output "large.img" disk=large
"#;

#[test]
fn small_artifacts_have_the_digests_that_are_pinned() {
    let bench = Bench::new();
    let manifest = bench.dir().join("image.kdl");
    fs::write(&manifest, DISK).expect("written");
    let mut found = String::new();
    for (name, artifact) in bench.build(&manifest, &[]) {
        found.push_str(&format!("{}  {name}\n", artifact.sha256));
    }
    for example in ["every-filesystem", "custom-loader"] {
        for (name, artifact) in bench.build(&root().join("examples").join(example).join("image.kdl"), &[]) {
            found.push_str(&format!("{}  {name}\n", artifact.sha256));
        }
    }
    let pins = root().join("tests/ref/digests.txt");
    if std::env::var_os("IMGC_BLESS").is_some() {
        fs::write(&pins, &found).expect("written");
    }
    let pinned = fs::read_to_string(&pins).unwrap_or_default();
    assert!(
        found == pinned,
        "bytes changed. If that is meant: IMGC_BLESS=1, and a line under \"Changes of bytes\" in CHANGELOG.md.\npinned:\n{pinned}\nfound:\n{found}"
    );
}
