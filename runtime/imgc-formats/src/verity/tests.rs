//! Hash devices against `veritysetup`, and what cannot be hashed.

use std::{cell::Cell, fs, path::Path, process::Command, sync::Arc};

use imgc_image::{Bytes, BytesBuilder, Failure, MemoryStore, Reader, Store};
use imgc_plan::{Data, ids::uuid_bytes};

use super::{BLOCK, Device, Params, append, facts, grown_len, hash_len, left_len, write};
use crate::testing::{run, write_sparse};

const UUID: &str = "0f0e0d0c-0b0a-4908-8706-050403020100";

/// So many bytes that no two blocks of them are equal.
fn noise(len: u64) -> Vec<u8> {
    (0..len / 4).flat_map(|word| (word as u32).wrapping_mul(0x9e37_79b1).to_le_bytes()).collect()
}

fn made(data: &Bytes, salt: &[u8], store: &MemoryStore) -> Bytes {
    let params = Params { salt, uuid: Some(uuid_bytes(UUID).expect("a UUID")) };
    write(data, &params, store, &|_| Ok(())).expect("hashed")
}

fn text(facts: &Data, name: &str) -> String {
    facts.pick(name).and_then(Data::as_text).expect("a text").to_owned()
}

/// A hash device of its own with a superblock.
fn apart(salt: &[u8]) -> Device<'_> {
    Device { salt, superblock: true, appended: false }
}

/// What `veritysetup format` makes of a file, and the root hash that it prints.
fn formatted(dir: &Path, data: &Path, salt: &str) -> (Vec<u8>, String) {
    let hashes = dir.join("theirs");
    let root = format(data, &hashes, salt, &[]);
    (fs::read(&hashes).expect("their hashes"), root)
}

/// `veritysetup format` with further options: the root hash that it prints.
fn format(data: &Path, hashes: &Path, salt: &str, more: &[String]) -> String {
    let options = ["--hash=sha256", "--data-block-size=4096", "--hash-block-size=4096", "--format=1"];
    let printed = run(
        "cryptsetup-bin",
        Command::new("veritysetup")
            .arg("format")
            .args(options)
            .arg(format!("--uuid={UUID}"))
            .arg(format!("--salt={salt}"))
            .args(more)
            .args([data, hashes]),
    );
    let root = printed.lines().find_map(|line| line.strip_prefix("Root hash:")).expect("a root hash");
    root.trim().to_owned()
}

/// Compares with `veritysetup format`, and lets `veritysetup verify` judge.
fn agree(data: &Arc<Bytes>, store: &MemoryStore, salt: &[u8], salt_text: &str) {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("data");
    write_sparse(data, store, &path).expect("written");
    let hashes = made(data, salt, store);
    let ours = Reader::new(&hashes, store).read_all(1 << 30).expect("our hashes");
    let (mut theirs, root) = formatted(dir.path(), &path, salt_text);
    // Without levels it ends with the superblock; ours is whole blocks.
    assert!(theirs.len() <= ours.len());
    theirs.resize(ours.len(), 0);
    assert!(ours == theirs, "{} bytes of data with salt {salt_text}", data.len());
    let facts = facts(data, &hashes, &apart(salt), store).expect("facts");
    assert_eq!(text(&facts, "root_hash"), root);
    let own = dir.path().join("ours");
    fs::write(&own, ours).expect("written");
    run("cryptsetup-bin", Command::new("veritysetup").arg("verify").args([&path, &own]).arg(&root));
}

#[test]
fn hash_devices_are_those_of_veritysetup() {
    let store = MemoryStore::default();
    // One block has no level, 128 have one, 129 two; the last one has three.
    for (blocks, salt, salt_text) in [
        (1, &b"\xab\xcd"[..], "abcd"),
        (2, b"", "-"),
        (128, &[7; 32], &"07".repeat(32)),
        (129, &[0xff; 256], &"ff".repeat(256)),
        (128 * 128 + 5, b"\x00\x01", "0001"),
    ] {
        let noise = noise(blocks * BLOCK);
        let id = store.put(&noise).expect("stored");
        agree(&Arc::new(Bytes::blob(id, noise.len() as u64)), &store, salt, salt_text);
    }
}

#[test]
fn appended_hashes_are_those_of_veritysetup_with_and_without_a_superblock() {
    let store = MemoryStore::default();
    let dir = tempfile::tempdir().expect("a directory");
    for blocks in [1, 129, 128 * 128 + 1] {
        let noise = noise(blocks * BLOCK);
        let data = Arc::new(Bytes::blob(store.put(&noise).expect("stored"), noise.len() as u64));
        for superblock in [true, false] {
            if !superblock && blocks == 1 {
                // Nothing is behind it then, which veritysetup does not make.
                continue;
            }
            let salt = b"\xab\xcd";
            let uuid = superblock.then(|| uuid_bytes(UUID).expect("a UUID"));
            let params = Params { salt, uuid };
            let hashes = Arc::new(write(&data, &params, &store, &|_| Ok(())).expect("hashed"));
            let device = Device { salt, superblock, appended: true };
            let facts = facts(&data, &hashes, &device, &store).expect("facts");
            let whole = append(&data, &hashes, None, &store).expect("appended");
            assert_eq!(Some(whole.len()), grown_len(data.len(), superblock));
            let ours = Reader::new(&whole, &store).read_all(1 << 30).expect("read");

            let path = dir.path().join("theirs");
            fs::write(&path, &noise).expect("written");
            let mut place = vec![format!("--hash-offset={}", noise.len()), format!("--data-blocks={blocks}")];
            place.extend((!superblock).then(|| "--no-superblock".to_owned()));
            let root = format(&path, &path, "abcd", &place);
            let mut theirs = fs::read(&path).expect("theirs");
            theirs.resize(ours.len().max(theirs.len()), 0);
            assert!(ours == theirs, "{blocks} blocks, superblock: {superblock}");
            assert_eq!(text(&facts, "root_hash"), root);
            assert_eq!(facts.pick("hash_offset"), Some(&Data::from(noise.len() as u64)));
        }
    }
}

#[test]
fn what_is_left_beside_hashes_is_the_most_that_fits() {
    for superblock in [true, false] {
        for len in
            [0, 4095, 4096, 8191, 8192, 3 * BLOCK, 131 * BLOCK, 132 * BLOCK, 40_000 * BLOCK + 512, u64::MAX]
        {
            let left = left_len(len, superblock);
            assert!(left == 0 || grown_len(left, superblock).expect("small") <= len, "{len}");
            let more = grown_len(left + BLOCK, superblock);
            assert!(more.is_none_or(|more| more > len), "{len}: one block more would fit");
        }
    }
    assert_eq!(left_len(2 * BLOCK, true), BLOCK);
    assert_eq!(left_len(2 * BLOCK - 1, true), 0);
    assert_eq!(grown_len(1, true), Some(2 * BLOCK));
    assert_eq!(grown_len(u64::MAX, true), None);
}

#[test]
fn holes_in_nested_bytes_are_blocks_of_zeros() {
    let store = MemoryStore::default();
    let id = store.put(&noise(3 * BLOCK)).expect("stored");
    let mut inner = BytesBuilder::new(&store);
    inner.blob(5000, id, 0, 3 * BLOCK);
    let inner = Arc::new(inner.finish(4 << 20).expect("made"));
    let mut outer = BytesBuilder::new(&store);
    outer.nest(1 << 20, &inner);
    outer.blob(9 << 20, id, 1, 100);
    agree(&Arc::new(outer.finish(12 << 20).expect("made")), &store, b"salt", "73616c74");
}

#[test]
fn facts_are_pinned() {
    let store = MemoryStore::default();
    let data = Bytes::zeros(1 << 20);
    let hashes = made(&data, b"", &store);
    let facts = facts(&data, &hashes, &apart(b""), &store).expect("facts");
    assert_eq!(text(&facts, "root_hash"), "5d98121f8aeff2a38a3fffee013f85980078507a0ffbd99e5a8d616ecfe7db6a");
    assert_eq!(text(&facts, "data_guid"), "5d98121f-8aef-f2a3-8a3f-ffee013f8598");
    assert_eq!(text(&facts, "hash_guid"), "0078507a-0ffb-d99e-5a8d-616ecfe7db6a");
    assert_eq!(text(&facts, "salt"), "");
    assert_eq!(facts.pick("data_blocks"), Some(&Data::Int(256)));
    assert_eq!(facts.pick("hash_len"), Some(&Data::Int(16384)));
    assert_eq!(facts.pick("hash_offset"), Some(&Data::Int(0)));
}

#[test]
fn the_length_of_a_hash_device_is_known_before() {
    let store = MemoryStore::default();
    for blocks in [1, 2, 127, 128, 129, 16384, 16385, 300_000] {
        let data = Bytes::zeros(blocks * BLOCK);
        assert_eq!(hash_len(data.len(), true), Some(made(&data, b"s", &store).len()), "{blocks}");
    }
    assert_eq!(hash_len(1, true), Some(BLOCK));
    assert_eq!(hash_len(1, false), Some(0));
    assert_eq!(hash_len(2 * BLOCK, false), Some(BLOCK));
    // 2^52 blocks: 2^45 + 2^38 + 2^31 + 2^24 + 2^17 + 2^10 + 8 + 1 of hashes, 1 superblock.
    assert_eq!(hash_len(u64::MAX, true).map(|len| len / BLOCK), Some(0x2040_8102_040a));
}

#[test]
fn what_cannot_be_hashed_is_refused() {
    let store = MemoryStore::default();
    let params = Params { salt: b"", uuid: Some([0; 16]) };
    for (len, expected) in
        [(0, "verity-of-nothing"), (4095, "verity-unaligned"), (1 << 20 | 512, "verity-unaligned")]
    {
        match write(&Bytes::zeros(len), &params, &store, &|_| Ok(())) {
            Err(Failure::Problems(problems)) => assert_eq!(problems[0].code, expected),
            other => panic!("{other:?}"),
        }
    }
    let (one, two) = (Bytes::zeros(BLOCK), Bytes::zeros(2 * BLOCK));
    assert!(matches!(facts(&one, &made(&two, b"", &store), &apart(b""), &store), Err(Failure::Bug(_))));
    assert!(matches!(facts(&two, &made(&two, b"a", &store), &apart(b"b"), &store), Err(Failure::Bug(_))));
    assert!(matches!(facts(&two, &Bytes::zeros(2 * BLOCK), &apart(b""), &store), Err(Failure::Bug(_))));
}

#[test]
fn progress_counts_all_data_and_can_end_the_work() {
    let store = MemoryStore::default();
    let data = Bytes::zeros((100 << 20) + BLOCK);
    let done = Cell::new(0);
    let params = Params { salt: b"", uuid: Some([0; 16]) };
    write(&data, &params, &store, &|more| {
        done.set(done.get() + more);
        Ok(())
    })
    .expect("hashed");
    assert_eq!(done.get(), data.len());
    let ended = write(&data, &params, &store, &|_| Err(Failure::Interrupted));
    assert!(matches!(ended, Err(Failure::Interrupted)));
}
