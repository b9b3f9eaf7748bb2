//! Keys by the names that a manifest gives them.

/// A key that has a name of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedKey {
    /// Its name.
    pub name: &'static str,
    /// What QEMU calls it (`QKeyCode` of its QMP reference).
    pub code: &'static str,
    /// What a terminal sends for it (ECMA-48 and xterm's control sequences); empty: nothing.
    pub sends: &'static str,
}

const fn key(name: &'static str, code: &'static str, sends: &'static str) -> NamedKey {
    NamedKey { name, code, sends }
}

/// The keys that have names. Letters, digits and other signs are named by themselves.
pub const NAMED: &[NamedKey] = &[
    key("enter", "ret", "\r"),
    key("esc", "esc", "\x1b"),
    key("tab", "tab", "\t"),
    key("space", "spc", " "),
    key("backspace", "backspace", "\x7f"),
    key("up", "up", "\x1b[A"),
    key("down", "down", "\x1b[B"),
    key("right", "right", "\x1b[C"),
    key("left", "left", "\x1b[D"),
    key("home", "home", "\x1b[H"),
    key("end", "end", "\x1b[F"),
    key("insert", "insert", "\x1b[2~"),
    key("delete", "delete", "\x1b[3~"),
    key("page-up", "pgup", "\x1b[5~"),
    key("page-down", "pgdn", "\x1b[6~"),
    key("f1", "f1", "\x1bOP"),
    key("f2", "f2", "\x1bOQ"),
    key("f3", "f3", "\x1bOR"),
    key("f4", "f4", "\x1bOS"),
    key("f5", "f5", "\x1b[15~"),
    key("f6", "f6", "\x1b[17~"),
    key("f7", "f7", "\x1b[18~"),
    key("f8", "f8", "\x1b[19~"),
    key("f9", "f9", "\x1b[20~"),
    key("f10", "f10", "\x1b[21~"),
    key("f11", "f11", "\x1b[23~"),
    key("f12", "f12", "\x1b[24~"),
];

/// Keys that are held while another is pressed, with QEMU's names.
pub const HELD: &[(&str, &str)] =
    &[("ctrl", "ctrl"), ("alt", "alt"), ("shift", "shift"), ("super", "meta_l")];

/// The signs of a US keyboard besides letters and digits: without and with shift, and what QEMU calls the key.
const SIGNS: &[(char, char, &str)] = &[
    ('-', '_', "minus"),
    ('=', '+', "equal"),
    ('[', '{', "bracket_left"),
    (']', '}', "bracket_right"),
    (';', ':', "semicolon"),
    ('\'', '"', "apostrophe"),
    ('`', '~', "grave_accent"),
    ('\\', '|', "backslash"),
    (',', '<', "comma"),
    ('.', '>', "dot"),
    ('/', '?', "slash"),
];

/// What stands above the digits of a US keyboard, from 0 on.
const ABOVE_DIGITS: &str = ")!@#$%^&*(";

/// The keys, by QEMU's names, that are down together for a key of a manifest such as `down`, `a` or `ctrl-alt-delete`;
/// `None` when there is no such key.
pub fn codes(name: &str) -> Option<Vec<String>> {
    let (held, last) = split(name)?;
    let mut codes: Vec<String> = held.iter().map(|(_, code)| (*code).to_owned()).collect();
    match NAMED.iter().find(|key| key.name == last) {
        Some(key) => codes.push(key.code.to_owned()),
        None => codes.extend(sign(last.chars().next()?)?),
    }
    Some(codes)
}

/// What a terminal sends for such a key; `None` when there is no such key, or no terminal sends it.
pub fn sends(name: &str) -> Option<String> {
    let (held, last) = split(name)?;
    let named = NAMED.iter().find(|key| key.name == last);
    let plain = named.map_or(last, |key| key.sends);
    match held[..] {
        [] => Some(plain.to_owned()),
        // ECMA-6: a control character is the letter without its upper bits.
        [("ctrl", _)] if named.is_none() => {
            let sign = last.chars().next().filter(char::is_ascii_alphabetic)?.to_ascii_uppercase();
            Some(char::from(sign as u8 & 0x1f).to_string())
        }
        [("alt", _)] => Some(format!("\x1b{plain}")),
        _ => None,
    }
}

/// The keys that type a sign on a US keyboard; `None` when it cannot be typed.
pub fn sign(sign: char) -> Option<Vec<String>> {
    let shifted = |code: String| Some(vec!["shift".to_owned(), code]);
    match sign {
        'a'..='z' | '0'..='9' => Some(vec![sign.to_string()]),
        'A'..='Z' => shifted(sign.to_ascii_lowercase().to_string()),
        '\n' | '\r' => Some(vec!["ret".to_owned()]),
        '\t' => Some(vec!["tab".to_owned()]),
        ' ' => Some(vec!["spc".to_owned()]),
        _ => {
            if let Some((plain, _, code)) =
                SIGNS.iter().find(|(plain, above, _)| sign == *plain || sign == *above)
            {
                let code = (*code).to_owned();
                return if sign == *plain { Some(vec![code]) } else { shifted(code) };
            }
            ABOVE_DIGITS.find(sign).and_then(|digit| shifted(digit.to_string()))
        }
    }
}

/// The keys that are held, and the last one, which is named or one sign.
fn split(name: &str) -> Option<(Vec<(&'static str, &'static str)>, &str)> {
    let (mut held, mut rest) = (Vec::new(), name);
    while let Some((first, after)) =
        rest.split_once('-').filter(|(first, after)| !first.is_empty() && !after.is_empty())
    {
        let Some(found) = HELD.iter().find(|(name, _)| *name == first) else { break };
        held.push(*found);
        rest = after;
    }
    let one_sign = rest.chars().count() == 1 && rest.chars().next().and_then(sign).is_some();
    (one_sign || NAMED.iter().any(|key| key.name == rest)).then_some((held, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_the_codes_of_a_us_keyboard() {
        for (name, expected) in [
            ("down", &["down"][..]),
            ("enter", &["ret"]),
            ("page-up", &["pgup"]),
            ("a", &["a"]),
            ("A", &["shift", "a"]),
            ("-", &["minus"]),
            ("_", &["shift", "minus"]),
            ("(", &["shift", "9"]),
            ("ctrl-alt-delete", &["ctrl", "alt", "delete"]),
            ("ctrl--", &["ctrl", "minus"]),
        ] {
            assert_eq!(codes(name).expect(name), expected, "{name}");
        }
        for name in ["", "ctrl-", "ctrl", "downn", "é", "ctrl-downn", "-a"] {
            assert_eq!(codes(name), None, "{name}");
        }
    }

    #[test]
    fn keys_are_what_terminals_send() {
        assert_eq!(sends("down").as_deref(), Some("\x1b[B"));
        assert_eq!(sends("ctrl-c").as_deref(), Some("\x03"));
        assert_eq!(sends("alt-x").as_deref(), Some("\x1bx"));
        assert_eq!(sends("ctrl-alt-delete"), None);
    }

    #[test]
    fn every_ascii_sign_can_be_typed() {
        for byte in 0x20..0x7f {
            assert!(sign(char::from(byte)).is_some(), "{:?}", char::from(byte));
        }
    }
}
