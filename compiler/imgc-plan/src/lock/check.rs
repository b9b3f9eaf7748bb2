//! What names, versions and paths may look like: they come from files and networks, and go into paths and terminals.

type Checked = Result<(), String>;

/// Checks a binary package's name: Debian Policy 5.6.7, lower case letters, digits, `+`, `-` and `.`.
///
/// # Errors
/// A sentence that says what is wrong.
pub fn check_package(name: &str) -> Checked {
    let start = name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    let rest = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.".contains(c));
    demand(start && rest && name.len() >= 2, || {
        format!(
            "`{}` is no package name: those are lower case letters, digits, `+`, `-` and `.`",
            shown(name)
        )
    })
}

/// Checks an architecture's name, such as `amd64` or `hurd-i386`.
///
/// # Errors
/// A sentence that says what is wrong.
pub fn check_arch(arch: &str) -> Checked {
    let start = arch.starts_with(|c: char| c.is_ascii_lowercase());
    let rest = arch.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    demand(start && rest, || {
        format!("`{}` is no architecture: those are lower case letters, digits and `-`", shown(arch))
    })
}

/// Checks a suite's name, such as `bookworm`, `bookworm-updates` or `stretch/updates`.
///
/// # Errors
/// A sentence that says what is wrong.
pub fn check_suite(suite: &str) -> Checked {
    let letters = suite.chars().all(|c| c.is_ascii_alphanumeric() || "+-._~/".contains(c));
    demand(letters && plain_segments(suite), || format!("`{}` is no suite, such as bookworm", shown(suite)))
}

/// Checks a version: Debian Policy 5.6.12.
///
/// # Errors
/// A sentence that says what is wrong.
pub fn check_version(version: &str) -> Checked {
    let letters = version.chars().all(|c| c.is_ascii_alphanumeric() || "+-.~:".contains(c));
    demand(letters && !version.is_empty(), || {
        format!("`{}` is no version: those are letters, digits, `.`, `+`, `-`, `~` and `:`", shown(version))
    })
}

/// Checks that a glob over package names can stand on one line.
///
/// # Errors
/// A sentence that says what is wrong.
pub fn check_follow(glob: &str) -> Checked {
    let letters = glob.chars().all(|c| c.is_ascii_graphic());
    demand(letters && !glob.is_empty(), || format!("`{}` is no pattern for package names", shown(glob)))
}

/// Checks a path below a mirror's base: relative, `/` between plain names, no `..`.
///
/// # Errors
/// A sentence that says what is wrong.
pub fn check_path(path: &str) -> Checked {
    let letters = path.chars().all(|c| c.is_ascii_graphic() && !"\\?#".contains(c));
    demand(letters && plain_segments(path), || {
        format!("`{}` is no path below a mirror: it must be relative, without `..`", shown(path))
    })
}

pub(super) fn check_sha256(hex: &str) -> Checked {
    let digits = hex.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'));
    demand(digits && hex.len() == 64, || {
        format!("`{}` is no SHA-256: that is 64 hexadecimal digits in lower case", shown(hex))
    })
}

fn plain_segments(path: &str) -> bool {
    path.split('/').all(|segment| !matches!(segment, "" | "." | ".."))
}

fn demand(holds: bool, message: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(message()) }
}

/// Hostile text for a message: escaped, and not longer than a line.
fn shown(text: &str) -> String {
    let mut out: String = text.chars().take(80).flat_map(char::escape_debug).collect();
    if text.chars().nth(80).is_some() {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_names_pass_and_hostile_ones_do_not() {
        for good in ["libstdc++6", "grub-pc-bin", "0ad", "linux-image-6.1.0-56-cloud-amd64"] {
            assert_eq!(check_package(good), Ok(()));
        }
        for bad in ["", "x", "-grub", "Grub", "a b", "a/b", "..", "a\u{1b}[31m"] {
            assert!(check_package(bad).is_err(), "{bad}");
        }
        assert_eq!(check_arch("hurd-i386"), Ok(()));
        assert!(check_arch("../amd64").is_err());
        assert_eq!(check_suite("stretch/updates"), Ok(()));
        for bad in ["", "/", "../x", "a/../b", "a//b", "a b", "a/"] {
            assert!(check_suite(bad).is_err(), "{bad}");
        }
        assert_eq!(check_path("pool/main/g/gcc-12/libstdc++6_12.2.0-14+deb12u1_amd64.deb"), Ok(()));
        for bad in ["/etc/passwd", "pool/../../etc", "pool//x", "", "a\\b", "a b", "a?b", "./a"] {
            assert!(check_path(bad).is_err(), "{bad}");
        }
        assert_eq!(check_version("1:2.06-13+deb12u2~x"), Ok(()));
        assert!(check_version("1 2").is_err());
    }

    #[test]
    fn messages_escape_what_a_terminal_would_obey() {
        let message = check_package("a\u{1b}[31m").unwrap_err();
        assert!(!message.contains('\u{1b}'), "{message}");
        assert!(check_package(&"A".repeat(5000)).unwrap_err().len() < 300);
    }
}
