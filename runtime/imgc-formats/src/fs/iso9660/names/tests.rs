//! Names in every alphabet.

use imgc_plan::{Data, Record};

use super::*;

fn rules(level: i64, relaxed: bool, rock_ridge: bool) -> Rules {
    let names = if relaxed { "relaxed" } else { "strict" };
    let pairs =
        [("level", Data::Int(level)), ("names", names.into()), ("rock-ridge", Data::Bool(rock_ridge))];
    let record: Record = pairs.map(|(name, value)| (name.to_owned(), value)).into();
    Rules::plain(&Options::of(&record))
}

fn files(rules: Rules, names: &[&str]) -> Vec<String> {
    let names: Vec<(&[u8], bool)> =
        names.iter().map(|name| (name.trim_end_matches('/').as_bytes(), name.ends_with('/'))).collect();
    rules.assign(&names).iter().map(|id| id.escape_ascii().to_string()).collect()
}

#[test]
fn strict_names_have_d_characters_one_dot_and_a_version() {
    let names = ["README", "a.tar.gz", ".bashrc", "é日.c", "x.", "dir.d/", "vmlinuz-6.1.0-13-amd64"];
    let wanted =
        ["README.;1", "A_TAR.GZ;1", "_BASHRC.;1", "__.C;1", "X.;1", "DIR_D", "VMLINUZ_6_1.0_13_AMD64;1"];
    assert_eq!(files(rules(3, false, true), &names), wanted);
    let wanted = ["README.;1", "A_TAR.GZ;1", "_BASHRC.;1", "__.C;1", "X.;1", "DIR_D", "VMLINUZ_.0_1;1"];
    assert_eq!(files(rules(1, false, true), &names), wanted);
}

#[test]
fn relaxed_names_keep_ascii_and_level_4_keeps_bytes() {
    let names = ["Read me.txt", "a.tar.gz", "semi;colon", "x.d/", "é"];
    let wanted = ["Read me.txt;1", "a.tar.gz;1", "semi_colon.;1", "x.d", "_.;1"];
    assert_eq!(files(rules(3, true, true), &names), wanted);
    let wanted = ["Read me.txt", "a.tar.gz", "semi_colon", "x.d", "\\xc3\\xa9"];
    assert_eq!(files(rules(4, false, true), &names), wanted);
    let long = "l".repeat(255);
    assert_eq!(files(rules(4, false, true), &[&long])[0].len(), 193);
    assert_eq!(files(rules(4, false, false), &[&long])[0].len(), 207);
}

#[test]
fn names_that_collide_get_numbers_and_exact_ones_stay() {
    let names = ["a", "A", "a_1", "A.", "FOO/", "foo", "x".repeat(255).as_str()].map(str::to_owned);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let ids = files(rules(2, false, true), &names);
    assert_eq!(ids[..6], ["A_2.;1", "A.;1", "A_1.;1", "A_3.;1", "FOO", "FOO_1.;1"]);
    assert_eq!(ids[6], format!("{}.;1", "X".repeat(30)));
}

#[test]
fn ten_thousand_alike_are_all_different_and_short_enough() {
    let names: Vec<String> =
        (0..10_000).map(|n| format!("{}{n:05}.configuration", "same".repeat(9))).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for (level, most) in [(1, 14), (2, 33), (3, 33)] {
        let ids = files(rules(level, false, true), &names);
        assert!(ids.iter().all(|id| id.len() <= most), "{:?}", ids.iter().max_by_key(|id| id.len()));
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
        assert_eq!(
            ids[9_999],
            ["SAM_9999.CON;1", "SAMESAMESAMESAMES_9999.CONFIGUR;1"][usize::from(level > 1)]
        );
    }
}

fn joliet(names: &[&[u8]], units: usize) -> Vec<String> {
    let names: Vec<(&[u8], bool)> = names.iter().map(|name| (*name, false)).collect();
    let text = |id: &[u8]| {
        let units: Vec<u16> = id.chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
        String::from_utf16(&units).unwrap()
    };
    Rules::joliet(units).assign(&names).iter().map(|id| text(id)).collect()
}

#[test]
fn joliet_names_are_ucs_2() {
    let names: [&[u8]; 6] =
        [b"a.tar.gz", "日本\u{1F600}".as_bytes(), b"caf\xe9", b"a*b?", "caf\u{e9}".as_bytes(), b"a_b_"];
    assert_eq!(joliet(&names, 64), ["a.tar.gz", "日本_", "café", "a_b__1", "café_1", "a_b_"]);
    // Readers look up the case of letters and dots at the end as nothing.
    let names: [&[u8]; 6] =
        [b"README", b"Readme", b"a", b"a.", "\u{c4}.txt".as_bytes(), "\u{e4}.TXT".as_bytes()];
    assert_eq!(joliet(&names, 64), ["README", "Readme_1", "a", "a_1.", "\u{c4}.txt", "\u{e4}_1.TXT"]);
    let long = format!("{}.text", "ä".repeat(100));
    assert_eq!(joliet(&[long.as_bytes()], 64), [format!("{}.text", "ä".repeat(59))]);
    assert_eq!(joliet(&[long.as_bytes()], 103), [format!("{}.text", "ä".repeat(98))]);
}

#[test]
fn the_dot_sorts_before_everything() {
    let mut ids = vec!["FOO_1.A;1", "FOO.B;1", "FOO1.A;1", "FOO.;1", "FOO.B2;1", "FO"];
    ids.sort_by_key(|id| order(id.as_bytes(), false));
    assert_eq!(ids, ["FO", "FOO.;1", "FOO.B;1", "FOO.B2;1", "FOO1.A;1", "FOO_1.A;1"]);
}
