//! Which archive a request means, by the host's configuration of apt.

use std::{fs, path::Path};

use super::{
    super::ResolveOptions,
    rig::{Deb, Gpg, Mirror, Ring, codes, deb, pinned, problem, problems, request},
};

const OURS: [Deb; 1] = [deb("tool", "1", "amd64", "")];
const THEIRS: [Deb; 2] = [deb("tool", "999", "amd64", ""), deb("extra", "5", "amd64", "")];

/// A host whose apt knows Debian's suite bookworm and a third party's, which comes first.
struct Host {
    root: tempfile::TempDir,
    gpg: Gpg,
    key: String,
    third_key: String,
    debian: Mirror,
    third: Mirror,
    options: ResolveOptions,
}

fn host() -> Host {
    let gpg = Gpg::new();
    let keys = [gpg.key("ed25519", "sign", &[]), gpg.key("ed25519", "sign", &[])];
    let (debian, third) = (Mirror::new(), Mirror::new());
    debian.publish(&gpg, &keys[0], "bookworm", &OURS, "");
    third.publish(&gpg, &keys[1], "bookworm", &THEIRS, "Origin: Third\n");
    let root = tempfile::tempdir().unwrap();
    let ring = |key: &str, name: &str| {
        let path = root.path().join("usr/share/keyrings").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::copy(gpg.export(key, Ring::Binary), path).unwrap();
    };
    ring(&keys[0], "debian.gpg");
    ring(&keys[1], "third.gpg");
    let lines = format!(
        "deb [signed-by=/usr/share/keyrings/third.gpg] file://{} bookworm main\n\
         deb [signed-by=/usr/share/keyrings/debian.gpg] file:{} bookworm main\n",
        third.path().display(),
        debian.path().display()
    );
    apt(root.path(), &lines);
    let options = ResolveOptions { apt_root: root.path().into(), ..ResolveOptions::default() };
    let [key, third_key] = keys;
    Host { root, gpg, key, third_key, debian, third, options }
}

fn apt(root: &Path, lines: &str) {
    fs::create_dir_all(root.join("etc/apt")).unwrap();
    fs::write(root.join("etc/apt/sources.list"), lines).unwrap();
}

#[test]
fn a_third_party_is_not_taken_for_debian() {
    let host = host();
    for suite in ["bookworm", ""] {
        let pins = pinned(&[request("tool", "amd64", suite)], &host.options);
        assert_eq!(pins[0].version, "1", "{suite}");
    }
    // Not even for what only it has.
    assert_eq!(problem(&[request("extra", "amd64", "bookworm")], &host.options).code, "package-unknown");
    // Nor when Debian's archive cannot be believed, as its key does not sign for Debian.
    host.debian.publish(&host.gpg, &host.third_key, "bookworm", &OURS, "");
    assert_eq!(problem(&[request("extra", "amd64", "bookworm")], &host.options).code, "release-signature");
    // Without Debian the first that names the suite is what is meant.
    apt(
        host.root.path(),
        &format!(
            "deb [signed-by=/usr/share/keyrings/third.gpg] file://{} bookworm main\n",
            host.third.path().display()
        ),
    );
    assert_eq!(pinned(&[request("extra", "amd64", "bookworm")], &host.options)[0].version, "5");
}

#[test]
fn a_suite_that_apt_does_not_name_is_found_at_the_same_mirror() {
    let host = host();
    host.debian.publish(&host.gpg, &host.key, "trixie", &[deb("tool", "2", "amd64", "")], "");
    host.third.publish(&host.gpg, &host.key, "trixie", &THEIRS, "Origin: Third\n");
    let pins =
        pinned(&[request("tool", "amd64", "trixie"), request("tool", "amd64", "bookworm")], &host.options);
    assert_eq!(pins.iter().map(|pin| pin.version.as_str()).collect::<Vec<_>>(), ["2", "1"]);
    let found = problem(&[request("tool", "amd64", "sid")], &host.options);
    assert_eq!(found.code, "no-mirror");
    assert!(found.message.contains("sid"), "{}", found.message);
}

#[test]
fn a_host_without_apt_needs_a_mirror() {
    let host = host();
    apt(host.root.path(), "");
    let found = problem(&[request("tool", "amd64", "bookworm")], &host.options);
    assert_eq!(found.code, "no-mirror");
    let help = found.help.unwrap();
    assert!(help.contains("`--mirror URL`") && help.contains("`mirror=`"), "{help}");
    // A mirror alone does not say which suite, nor whose signature counts.
    let mirrors = vec![host.debian.path().display().to_string()];
    let options = ResolveOptions { mirrors, ..host.options.clone() };
    let requests = [request("tool", "amd64", ""), request("tool", "amd64", "bookworm")];
    assert_eq!(codes(&problems(&requests, &options)), ["no-suite", "keyring-missing"]);
    // What Debian's own package installs is taken by default.
    let ring = host.root.path().join("usr/share/keyrings");
    fs::rename(ring.join("debian.gpg"), ring.join("debian-archive-keyring.gpg")).unwrap();
    assert_eq!(pinned(&requests[1..], &options)[0].version, "1");
    fs::create_dir_all(host.root.path().join("etc/apt/trusted.gpg.d")).unwrap();
    fs::remove_file(ring.join("debian-archive-keyring.gpg")).unwrap();
    let asc = host.gpg.export(&host.key, Ring::Armored);
    fs::copy(asc, host.root.path().join("etc/apt/trusted.gpg.d/debian.asc")).unwrap();
    assert_eq!(pinned(&requests[1..], &options)[0].version, "1");
}

#[test]
fn a_request_may_name_its_mirror() {
    let host = host();
    let mut named = request("tool", "amd64", "bookworm");
    named.mirror = Some(format!("file://{}/", host.third.path().display()));
    assert_eq!(
        pinned(&[named.clone()], &host.options)[0].version,
        "999",
        "with the key of apt's entry for it"
    );
    // The lock could not tell the two apart.
    let found = problem(&[named, request("tool", "amd64", "bookworm")], &host.options);
    assert_eq!(found.code, "lock-conflict");
}

#[test]
fn an_entry_may_pin_a_key_by_its_fingerprint_or_hold_it() {
    let host = host();
    let base = host.debian.path().display();
    let trusted = host.root.path().join("etc/apt/trusted.gpg");
    fs::copy(host.gpg.export(&host.key, Ring::Binary), trusted).unwrap();
    let requests = [request("tool", "amd64", "bookworm")];
    apt(host.root.path(), &format!("deb [signed-by={}] file://{base} bookworm main\n", host.key));
    assert_eq!(pinned(&requests, &host.options)[0].version, "1");
    apt(host.root.path(), &format!("deb [signed-by={}] file://{base} bookworm main\n", "0".repeat(40)));
    assert_eq!(problem(&requests, &host.options).code, "keyring-missing");
    apt(host.root.path(), "");
    fs::remove_file(host.root.path().join("etc/apt/trusted.gpg")).unwrap();
    let key = fs::read_to_string(host.gpg.export(&host.key, Ring::Armored)).unwrap();
    let key: String = key
        .lines()
        .map(|line| if line.is_empty() { " .\n".to_owned() } else { format!(" {line}\n") })
        .collect();
    let dir = host.root.path().join("etc/apt/sources.list.d");
    fs::create_dir(&dir).unwrap();
    let text =
        format!("Types: deb\nURIs: file://{base}\nSuites: bookworm\nComponents: main\nSigned-By:\n{key}");
    fs::write(dir.join("debian.sources"), text).unwrap();
    assert_eq!(pinned(&requests, &host.options)[0].version, "1");
}
