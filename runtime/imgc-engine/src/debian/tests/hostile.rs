//! Archives that lie: release files, signatures, keyrings and lists of packages with bytes changed. What is not signed is never believed.

use std::{cmp::Ordering, fs};

use imgc_grove::{Random, fuzz, spoil};
use imgc_image::Failure;

use super::{
    super::{date, keyring, relation, release::Release, signature::Signed, stanza, version},
    rig::{self, Gpg, Mirror, Ring, options, request},
};

/// A moment within the time for which what gpg signs just now is good.
fn now() -> i64 {
    date::now() + 60
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Each seed of these.
fn each(usual: u64, one: impl Fn(&mut Random)) {
    fuzz::seeds(usual).for_each(|seed| one(&mut Random(seed)));
}

#[test]
fn a_changed_release_file_says_nothing_else_than_what_was_signed() {
    let (gpg, mirror) = (Gpg::new(), Mirror::new());
    let keys = [gpg.key("ed25519", "sign", &[]), gpg.key("rsa2048", "sign", &[])];
    mirror.publish(&gpg, &keys[0], "bookworm", &rig::DEBS, "");
    let release = fs::read_to_string(mirror.path().join("dists/bookworm/Release")).unwrap();
    mirror.sign(&gpg, &keys[0], "bookworm", &release, &["--local-user", &keys[1]]);
    let good = fs::read(mirror.path().join("dists/bookworm/InRelease")).unwrap();
    let files = keys.map(|key| gpg.export(&key, Ring::Binary));
    let ring = keyring::load(mirror.path(), None, &files).unwrap();
    let meant = Signed::read(&good).unwrap().verify(&ring.keys, now()).unwrap().text;
    each(1500, |random| {
        let Ok(signed) = Signed::read(&spoil::changed(&good, random)) else { return };
        if let Ok(verified) = signed.verify(&ring.keys, now()) {
            assert_eq!(verified.text, meant);
        }
        let _ = Release::parse(&signed.unchecked());
    });
    each(3000, |random| drop(Release::parse(&text(&spoil::changed(meant.as_bytes(), random)))));
}

#[test]
fn a_changed_keyring_gives_keys_or_says_why_not() {
    let gpg = Gpg::new();
    let key = gpg.key("rsa2048", "cert", &[]);
    gpg.run(&["--quick-add-key", &key, "ed25519", "sign", "never"]);
    let goods = [Ring::Binary, Ring::Armored].map(|ring| fs::read(gpg.export(&key, ring)).unwrap());
    let file = gpg.home().join("changed");
    each(600, |random| {
        let good = &goods[random.index(goods.len())];
        fs::write(&file, spoil::changed(good, random)).unwrap();
        let _ = keyring::load(gpg.home(), None, std::slice::from_ref(&file));
    });
}

#[test]
fn a_signed_list_of_packages_that_lies_is_refused_in_words() {
    let (gpg, mirror) = (Gpg::new(), Mirror::new());
    let key = gpg.key("ed25519", "sign", &[]);
    mirror.publish(&gpg, &key, "bookworm", &rig::DEBS, "");
    let good = mirror.index("bookworm", "amd64");
    let options = options(&mirror.path().display().to_string(), gpg.export(&key, Ring::Binary));
    each(25, |random| {
        let bad = text(&spoil::changed(good.as_bytes(), random));
        mirror.publish_raw(&gpg, &key, "bookworm", "amd64", &bad, bad.len());
        match rig::run(&[request("tool", "amd64", "bookworm")], &options) {
            Ok(_) | Err(Failure::Problems(_)) => {}
            Err(other) => panic!("{other:?}"),
        }
    });
}

#[test]
fn forms_of_debian_are_read_whatever_they_hold() {
    let field = "Package: a\nDepends: libc6 (>= 2.36), b | c:any (<< 1:2~rc1-3)\nDate: Sat, 10 Jun 2023 08:51:18 UTC\n\n";
    each(5000, |random| {
        let bad = text(&spoil::changed(field.as_bytes(), random));
        for stanza in stanza::all(&bad) {
            for relation in relation::parse(&stanza.get("Depends").unwrap_or_default()) {
                relation.accepts("1:2.36-9");
            }
            let _ = date::parse(&stanza.get("Date").unwrap_or_default());
        }
        let (a, b) = bad.split_at(bad.char_indices().nth(20).map_or(bad.len(), |(at, _)| at));
        assert_eq!(version::compare(a, b), version::compare(b, a).reverse(), "{a:?} {b:?}");
        assert_eq!(version::compare(a, a), Ordering::Equal);
    });
}
