//! Whole resolutions against small archives that are signed by gpg, from a directory and over HTTP.

mod choice;
mod hostile;
mod rig;
mod trust;

use imgc_plan::{lock::Lock, step::Fetch};
use rig::{Gpg, Mirror, Ring, codes, deb, events, options, pinned, problem, request};

use super::ResolveOptions;
use crate::fetch::server::{Manner, Server};

/// A signed mirror with a suite, served over HTTP.
struct Signed {
    mirror: Mirror,
    server: Server,
    options: ResolveOptions,
    _gpg: Gpg,
}

fn signed() -> Signed {
    let gpg = Gpg::new();
    let key = gpg.key("ed25519", "sign", &[]);
    let mirror = Mirror::new();
    mirror.publish(&gpg, &key, "bookworm", &rig::DEBS, "");
    let server = Server::start(mirror.path());
    let options = options(&server.base, gpg.export(&key, Ring::Binary));
    Signed { mirror, server, options, _gpg: gpg }
}

#[test]
fn the_newest_version_is_pinned_for_each_architecture() {
    let Signed { mirror, server, options, _gpg } = signed();
    let requests = [
        request("tool", "amd64", "bookworm"),
        request("tool", "i386", "bookworm"),
        request("epoch", "amd64", "bookworm"),
        request("tilde", "amd64", "bookworm"),
    ];
    let pins = pinned(&requests, &options);
    let found: Vec<_> = pins.iter().map(|pin| (pin.name.as_str(), pin.version.as_str())).collect();
    assert_eq!(found, [("tool", "2.06-13"), ("tool", "2.06-9"), ("epoch", "1:0.9"), ("tilde", "1.0")]);
    assert_eq!(pins.iter().map(|pin| &pin.request).collect::<Vec<_>>(), requests.iter().collect::<Vec<_>>());
    // Each file once, and indexes by their digests.
    let asked = server.asked();
    assert_eq!(asked.len(), 3, "{asked:?}");
    assert_eq!(asked.iter().filter(|path| path.contains("/by-hash/SHA256/")).count(), 2, "{asked:?}");
    // From a directory the answer is the same, also for an address with a slash at its end.
    for base in [mirror.path().display().to_string(), format!("file://{}/", mirror.path().display())] {
        let local = ResolveOptions { mirrors: vec![base], offline: true, ..options.clone() };
        assert_eq!(pinned(&requests, &local), pins);
    }
    // What is pinned can be locked, and fetched.
    let lock = Lock::new(pins);
    assert_eq!(Lock::parse(&lock.print()), Ok(lock.clone()));
    for pin in &lock.pins {
        let name = format!("{} {}", pin.name, pin.version);
        let step =
            Fetch { path: pin.path.clone(), size: pin.size, sha256: pin.sha256.clone(), mirror: None, name };
        let stop = std::sync::atomic::AtomicBool::new(false);
        crate::fetch::fetch(&step, &options.mirrors, &mut Vec::new(), &stop, &|_| ()).unwrap();
    }
}

#[test]
fn a_metapackage_is_followed() {
    let Signed { options, _gpg, mirror: _mirror, .. } = signed();
    let follow = |package: &str, glob: &str| {
        let mut request = request(package, "amd64", "bookworm");
        request.follow = Some(glob.into());
        [request]
    };
    let pins = pinned(&follow("linux-image-cloud", "linux-image-*-cloud"), &options);
    assert_eq!((pins[0].name.as_str(), pins[0].version.as_str()), ("linux-image-6.1-56-cloud", "6.1-2"));
    assert_eq!(pins[0].request.package, "linux-image-cloud");
    let found = problem(&follow("linux-image-cloud", "grub-*"), &options);
    assert_eq!(found.code, "follow-nothing");
    assert!(found.help.unwrap().contains("linux-image-6.1-56-cloud, other, initramfs"));
    assert_eq!(problem(&follow("broken-meta", "linux-*"), &options).code, "follow-missing");
    assert_eq!(problem(&follow("tool", "[a"), &options).code, "package-request");
}

#[test]
fn what_is_missing_is_said_all_at_once_with_near_names() {
    let Signed { options, _gpg, mirror: _mirror, .. } = signed();
    let requests = [
        request("tol", "amd64", "bookworm"),
        request("nothing-like-it", "i386", "bookworm"),
        request("tool", "sparc", "bookworm"),
        request("tool", "amd64", "trixie"),
    ];
    let found = rig::problems(&requests, &options);
    assert_eq!(codes(&found), ["suite-unknown", "package-unknown", "package-unknown", "arch-unknown"]);
    assert!(
        found[1].message.contains("package tol in bookworm (amd64) at http://127.0.0.1"),
        "{}",
        found[1].message
    );
    assert_eq!(found[1].help.as_deref(), Some("did you mean tool?"));
    let hostile = [request("../x", "amd64", "bookworm"), request("tool", "amd64", "../../x")];
    assert_eq!(codes(&rig::problems(&hostile, &options)), ["package-request", "package-request"]);
}

#[test]
fn an_index_must_be_what_the_release_file_says() {
    let Signed { mirror, server, options, _gpg } = signed();
    let requests = [request("tool", "amd64", "bookworm")];
    let index = "dists/bookworm/main/binary-amd64/Packages.xz";
    let hashed = mirror.by_hash(index);
    // Without the file by its digest, the plain one serves.
    server.behave(&hashed, Manner::Status(404, 1));
    assert_eq!(pinned(&requests, &options).len(), 1);
    assert!(server.asked().contains(&index.to_owned()));
    // Other bytes of the same length, then a longer file.
    let good = std::fs::read(mirror.path().join(&hashed)).unwrap();
    let mut other = good.clone();
    other[20] ^= 1;
    mirror.write(&hashed, &other);
    assert_eq!(problem(&requests, &options).code, "index-mismatch");
    mirror.write(&hashed, &[good.as_slice(), b"x"].concat());
    assert_eq!(problem(&requests, &options).code, "index-mismatch");
    // A line that breaks is the machine's failure, and a missing file that of the mirror.
    mirror.write(&hashed, &good);
    server.behave(&hashed, Manner::Break(10));
    assert!(matches!(rig::run(&requests, &options), Err(imgc_image::Failure::Machine { .. })));
    for path in [hashed.as_str(), index] {
        server.behave(path, Manner::Plain);
        std::fs::remove_file(mirror.path().join(path)).unwrap();
    }
    assert_eq!(problem(&requests, &options).code, "index-gone");
}

#[test]
fn an_index_is_hostile_even_when_it_is_signed() {
    let gpg = Gpg::new();
    let key = gpg.key("ed25519", "sign", &[]);
    let mirror = Mirror::new();
    let options = options(&mirror.path().display().to_string(), gpg.export(&key, Ring::Armored));
    let requests = [request("tool", "amd64", "bookworm")];
    mirror.publish(&gpg, &key, "bookworm", &[deb("tool", "1", "amd64", "")], "");
    let good = mirror.index("bookworm", "amd64");
    for (what, hostile) in [
        ("../../etc/passwd", good.replace("Filename: ", "Filename: ../../etc/passwd")),
        ("has no `SHA256`", good.replace("SHA256: ", "X: ")),
        ("the size of tool", good.replace("Size: ", "Size: -")),
    ] {
        mirror.publish_raw(&gpg, &key, "bookworm", "amd64", &hostile, hostile.len());
        let found = problem(&requests, &options);
        assert_eq!(found.code, "index-damaged");
        assert!(found.message.contains(what), "{}", found.message);
    }
    // It unpacks to more than was said.
    mirror.publish_raw(&gpg, &key, "bookworm", "amd64", &good, good.len() - 1);
    let found = problem(&requests, &options);
    assert!(found.message.contains("unpacks to more"), "{}", found.message);
}

#[test]
fn gzip_and_a_separate_index_for_every_architecture_are_read() {
    let gpg = Gpg::new();
    let key = gpg.key("ed25519", "sign", &[]);
    let mirror = Mirror::new();
    mirror.publish(&gpg, &key, "bookworm", &rig::DEBS, "");
    let stanza = mirror.index("bookworm", "i386");
    let mut list = String::new();
    for (arch, text) in
        [("amd64", String::new()), ("i386", stanza.clone()), ("all", stanza.replace("tool", "docs"))]
    {
        list += &mirror.gzip("bookworm", arch, &text);
    }
    let release = rig::release("bookworm", "", &list).replace("amd64 i386", "all amd64 i386");
    mirror.sign(&gpg, &key, "bookworm", &release, &[]);
    let options = options(&mirror.path().display().to_string(), gpg.export(&key, Ring::Binary));
    let requests = [
        request("docs", "amd64", "bookworm"),
        request("tool", "i386", "bookworm"),
        request("docs", "all", "bookworm"),
    ];
    let names: Vec<_> = pinned(&requests, &options).into_iter().map(|pin| pin.name).collect();
    assert_eq!(names, ["docs", "tool", "docs"]);
    // Where every index holds them, there is no other to read.
    let joined = release.replace("Components:", "No-Support-for-Architecture-all: Packages\nComponents:");
    mirror.sign(&gpg, &key, "bookworm", &joined, &[]);
    assert_eq!(problem(&requests[..1], &options).code, "package-unknown");
}

#[test]
fn nothing_is_fetched_offline() {
    let Signed { server, options, _gpg, mirror: _mirror } = signed();
    let offline = ResolveOptions { offline: true, ..options };
    assert_eq!(problem(&[request("tool", "amd64", "bookworm")], &offline).code, "offline");
    assert!(server.asked().is_empty());
}

#[test]
fn what_goes_on_is_told() {
    let Signed { options, _gpg, mirror: _mirror, .. } = signed();
    let lines = events(&[request("tool", "amd64", "bookworm")], &options);
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines[0].starts_with("reading the release file of bookworm at http://127.0.0.1"));
    assert!(lines[1].contains("is signed by "));
    assert!(lines[2].starts_with("fetching the list of packages of bookworm (amd64)"));
}
