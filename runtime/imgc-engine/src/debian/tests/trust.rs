//! Whose word is taken: good and bad signatures, made by gpg.

use std::{fs, path::PathBuf};

use super::{
    super::ResolveOptions,
    rig::{self, Gpg, Mirror, Ring, deb, events, options, pinned, problem, request},
};

const DEBS: [rig::Deb; 1] = [deb("tool", "1", "amd64", "")];

fn asked() -> [imgc_plan::lock::Request; 1] {
    [request("tool", "amd64", "bookworm")]
}

/// A mirror whose release file a new key signs, and options that take the key.
fn signed(kind: &str, ring: Ring) -> (Gpg, String, Mirror, ResolveOptions) {
    let gpg = Gpg::new();
    let key = gpg.key(kind, "sign", &[]);
    let mirror = Mirror::new();
    mirror.publish(&gpg, &key, "bookworm", &DEBS, "");
    let options = options(&mirror.path().display().to_string(), gpg.export(&key, ring));
    (gpg, key, mirror, options)
}

/// The reason for which a release file is refused.
fn refusal(options: &ResolveOptions) -> String {
    let found = problem(&asked(), options);
    assert_eq!(found.code, "release-signature", "{}", found.message);
    found.message
}

#[test]
fn good_signatures_are_taken_from_binary_and_armored_keyrings() {
    for (kind, ring) in [("ed25519", Ring::Binary), ("ed25519", Ring::Armored), ("rsa3072", Ring::Binary)] {
        let (_gpg, _key, _mirror, options) = signed(kind, ring);
        assert_eq!(pinned(&asked(), &options).len(), 1);
    }
}

#[test]
fn a_subkey_signs_for_its_primary_key() {
    let gpg = Gpg::new();
    let key = gpg.key("rsa2048", "cert", &[]);
    gpg.run(&["--quick-add-key", &key, "ed25519", "sign", "never"]);
    let mirror = Mirror::new();
    mirror.publish(&gpg, &key, "bookworm", &DEBS, "");
    let options = options(&mirror.path().display().to_string(), gpg.export(&key, Ring::Binary));
    assert_eq!(pinned(&asked(), &options).len(), 1);
}

#[test]
fn one_good_signature_of_several_is_enough() {
    let gpg = Gpg::new();
    let keys = [gpg.key("ed25519", "sign", &[]), gpg.key("ed25519", "sign", &[])];
    let mirror = Mirror::new();
    mirror.publish(&gpg, &keys[0], "bookworm", &DEBS, "");
    let release = fs::read_to_string(mirror.path().join("dists/bookworm/Release")).unwrap();
    mirror.sign(&gpg, &keys[0], "bookworm", &release, &["--local-user", &keys[1]]);
    for key in &keys {
        let options = options(&mirror.path().display().to_string(), gpg.export(key, Ring::Binary));
        assert_eq!(pinned(&asked(), &options).len(), 1);
    }
}

#[test]
fn an_altered_release_file_is_refused() {
    let (_gpg, _key, mirror, options) = signed("ed25519", Ring::Binary);
    let path = mirror.path().join("dists/bookworm/InRelease");
    let good = fs::read_to_string(&path).unwrap();
    fs::write(&path, good.replace("Components: main", "Components: evil")).unwrap();
    assert!(refusal(&options).contains("it was altered"));
    // What stands around the signed text counts for nothing, or spoils it.
    fs::write(&path, format!("{good}\n\n")).unwrap();
    assert_eq!(pinned(&asked(), &options).len(), 1);
    for around in [format!("Origin: Evil\n{good}"), format!("{good}SHA256:\n 00 1 x\n")] {
        fs::write(&path, around).unwrap();
        assert_eq!(problem(&asked(), &options).code, "release-unsigned");
    }
}

#[test]
fn a_key_that_is_not_in_the_keyring_is_refused() {
    let (gpg, key, _mirror, mut options) = signed("ed25519", Ring::Binary);
    let other = gpg.key("ed25519", "sign", &[]);
    options.keyrings = vec![gpg.export(&other, Ring::Binary)];
    let message = refusal(&options);
    assert!(message.contains(&format!("key {key} is not in the keyring")), "{message}");
}

#[test]
fn an_expired_key_is_refused() {
    let gpg = Gpg::new();
    let key = gpg.key("ed25519", "sign", &["--faked-system-time", "20150101T000000"]);
    let mirror = Mirror::new();
    mirror.publish(&gpg, &gpg.key("ed25519", "sign", &[]), "bookworm", &DEBS, "");
    let release = fs::read_to_string(mirror.path().join("dists/bookworm/Release")).unwrap();
    mirror.sign(&gpg, &key, "bookworm", &release, &["--faked-system-time", "20150201T000000"]);
    let options = options(&mirror.path().display().to_string(), gpg.export(&key, Ring::Binary));
    let message = refusal(&options);
    assert!(message.contains("expired on 2016-01-01"), "{message}");
}

#[test]
fn a_revoked_key_is_refused() {
    let (gpg, key, _mirror, mut options) = signed("ed25519", Ring::Binary);
    let path = gpg.home().join(format!("openpgp-revocs.d/{key}.rev"));
    let revocation = fs::read_to_string(&path).unwrap().replace(":-----BEGIN", "-----BEGIN");
    fs::write(&path, revocation).unwrap();
    gpg.run(&["--import", path.to_str().unwrap()]);
    options.keyrings = vec![gpg.export(&key, Ring::Binary)];
    assert!(refusal(&options).contains("is revoked"));
}

#[test]
fn sha1_is_refused() {
    let (gpg, key, mirror, options) = signed("rsa2048", Ring::Binary);
    let release = fs::read_to_string(mirror.path().join("dists/bookworm/Release")).unwrap();
    mirror.sign(&gpg, &key, "bookworm", &release, &["--digest-algo", "SHA1"]);
    assert!(refusal(&options).contains("made with SHA1, which is not safe"));
}

#[test]
fn an_expired_signature_is_refused() {
    let (gpg, key, mirror, options) = signed("ed25519", Ring::Binary);
    let release = fs::read_to_string(mirror.path().join("dists/bookworm/Release")).unwrap();
    mirror.sign(&gpg, &key, "bookworm", &release, &["--default-sig-expire", "seconds=1"]);
    std::thread::sleep(std::time::Duration::from_millis(2100));
    assert!(refusal(&options).contains("a signature expired on "));
}

#[test]
fn an_unsigned_archive_must_be_allowed() {
    let (gpg, key, mirror, options) = signed("ed25519", Ring::Binary);
    let allowed = ResolveOptions { allow_unsigned: true, ..options.clone() };
    let warns =
        |options: &ResolveOptions| events(&asked(), options).iter().any(|line| line.starts_with("warning: "));
    assert!(!warns(&allowed), "a good signature is worth no warning");
    // Without a keyring, without a signature, without InRelease at all.
    let nobody = ResolveOptions { keyrings: vec![PathBuf::from("/nonexistent.gpg")], ..allowed.clone() };
    assert!(warns(&nobody));
    assert_eq!(
        problem(&asked(), &ResolveOptions { allow_unsigned: false, ..nobody }).code,
        "keyring-missing"
    );
    let dir = mirror.path().join("dists/bookworm");
    fs::copy(dir.join("Release"), dir.join("InRelease")).unwrap();
    assert_eq!(problem(&asked(), &options).code, "release-unsigned");
    assert!(warns(&allowed));
    fs::remove_file(dir.join("InRelease")).unwrap();
    assert_eq!(problem(&asked(), &options).code, "release-unsigned");
    assert!(warns(&allowed));
    drop((gpg, key));
}

#[test]
fn keyrings_that_are_none_are_named() {
    let (gpg, _key, _mirror, mut options) = signed("ed25519", Ring::Binary);
    let keybox = gpg.home().join("pubring.kbx");
    for (path, part) in [(keybox, "is a keybox"), (gpg.home().join("none.gpg"), "cannot be read")] {
        options.keyrings = vec![path];
        let found = problem(&asked(), &options);
        assert_eq!(found.code, "keyring-missing");
        assert!(found.message.contains(part), "{}", found.message);
    }
    let junk = gpg.home().join("junk.asc");
    fs::write(&junk, "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nnonsense\n").unwrap();
    options.keyrings = vec![junk];
    assert!(problem(&asked(), &options).message.contains("has no key in it"));
}

#[test]
fn a_release_file_must_be_in_date_and_about_the_suite() {
    let (gpg, key, mirror, options) = signed("ed25519", Ring::Binary);
    let publish = |fields: &str| mirror.publish(&gpg, &key, "bookworm", &DEBS, fields);
    publish("Valid-Until: Sat, 01 Jan 2000 00:00:00 UTC\n");
    let found = problem(&asked(), &options);
    assert_eq!(found.code, "release-expired");
    assert!(found.message.contains("until 2000-01-01"), "{}", found.message);
    publish("Valid-Until: Fri, 01 Jan 9999 00:00:00 UTC\n");
    assert_eq!(pinned(&asked(), &options).len(), 1);
    // A mirror that shows another suite's release file, which Debian signed as well.
    let other = mirror.path().join("dists/trixie");
    fs::create_dir(&other).unwrap();
    fs::copy(mirror.path().join("dists/bookworm/InRelease"), other.join("InRelease")).unwrap();
    assert_eq!(problem(&[request("tool", "amd64", "trixie")], &options).code, "suite-mismatch");
}
