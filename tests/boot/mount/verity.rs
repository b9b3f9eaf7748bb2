//! dm-verity: the kernel opens what imgc sealed, runs from it, and finds a byte that was changed.

use std::fs;

use sha2::{Digest, Sha256};

use super::{guest::Guest, seen::parts};

/// The partitions that are sealed, and their filesystems. The last two have their hashes behind them.
const SEALED: [(&str, &str); 5] = [
    ("squashfs", "squashfs"),
    ("erofs", "erofs"),
    ("ext4", "ext4"),
    ("inside", "squashfs"),
    ("beside", "ext4"),
];

/// Where in the file that no filesystem compresses a byte is changed: in its second block of 4096 bytes, which the guest reads.
const CHANGED: usize = 5000;

#[test]
fn a_kernel_runs_from_sealed_roots_and_finds_one_changed_byte() {
    let guest = Guest::new(false, true);
    let good = &guest.files["sealed.img"];
    let mut bytes = fs::read(good).expect("readable");
    let places = change(&mut bytes, &guest.noise[CHANGED..CHANGED + 64]);
    assert_eq!(places, SEALED.len(), "the file lies as it is in every filesystem, once");
    let bad = guest.bench.dir().join("damaged.img");
    fs::write(&bad, &bytes).expect("written");

    let mut script = String::new();
    assert_eq!(guest.offsets.keys().collect::<Vec<_>>(), ["beside", "inside"]);
    for (name, filesystem) in SEALED {
        let offset = guest.offsets.get(name).map(u64::to_string).unwrap_or_default();
        for (word, disk) in [("sealed", "vda"), ("damaged", "vdb")] {
            let hash = &guest.hashes[name];
            script.push_str(&format!(
                "check {word}-{name} {word} {name} {filesystem} {hash} {disk} {offset}\n"
            ));
        }
    }
    // A root hash that is another opens nothing.
    let wrong = &guest.hashes["erofs"];
    script.push_str(&format!("check wrong-hash forged squashfs squashfs {wrong} vda\n"));
    script.push_str(&format!("become squashfs squashfs {} vda\n", guest.hashes["squashfs"]));
    let mut vm = guest.start(&[good, &bad], &[], "vdb8", &script);
    vm.expect("END wrong-hash\n");
    vm.expect("/dev/mapper/squashfs / squashfs ro");
    vm.expect("SEALED-ROOT-OK");
    let parts = parts(&vm.text());
    assert_eq!(vm.exit(), 0);

    let hash: String = Sha256::digest(&guest.noise).iter().map(|byte| format!("{byte:02x}")).collect();
    for (name, _) in SEALED {
        let good = &parts[&format!("sealed-{name}")];
        assert!(good.complaints().is_empty(), "{name}: {:#?}", good.complaints());
        let said = good.other.join("\n");
        assert!(
            said.contains("SEALED-MARKER") && said.contains(&format!("{hash}  /noise")),
            "{name}: {said}"
        );
        let bad = &parts[&format!("damaged-{name}")];
        let said = bad.other.join("\n");
        assert!(
            bad.done && said.contains("SEALED-MARKER"),
            "{name}: what was not changed can be read: {said}"
        );
        let found = bad.kernel.iter().any(|line| line.contains("verity") && line.contains("is corrupted"));
        assert!(found, "{name}: the kernel finds it: {:#?}", bad.kernel);
    }
    assert!(parts["wrong-hash"].done, "{:#?}", parts["wrong-hash"].other);
}

/// Changes one byte wherever these are found, and says how often.
fn change(bytes: &mut [u8], what: &[u8]) -> usize {
    let starts = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(what));
    let found: Vec<usize> = starts.collect();
    found.iter().for_each(|at| bytes[*at] ^= 1);
    found.len()
}
