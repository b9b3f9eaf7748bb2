//! Words of GRUB's script language: splitting command lines, quoting so that nothing in a word can end it.

/// A word in single quotes, within which GRUB's lexer takes every character as it is (GRUB manual, "Quoting").
pub fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Why a command line cannot be split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenQuote;

/// Splits a command line at spaces. Double quotes hold spaces together, also within a word, and are left out: GRUB puts quotes
/// around a word with spaces when it joins the words again for the kernel.
///
/// # Errors
/// When a double quote has no partner.
pub fn words(line: &str) -> Result<Vec<String>, OpenQuote> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut within = false;
    for c in line.chars() {
        match c {
            '"' => {
                within = !within;
                word.get_or_insert_default();
            }
            ' ' if !within => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    if within { Err(OpenQuote) } else { Ok(words) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_at_spaces_outside_of_double_quotes() {
        for (line, expected) in [
            ("", &[][..]),
            (" a  b ", &["a", "b"][..]),
            (r#"x="a b" "c d"e """#, &["x=a b", "c de", ""][..]),
            ("root=device:hd0s1 $(task-create)", &["root=device:hd0s1", "$(task-create)"][..]),
        ] {
            assert_eq!(words(line).expect("even quotes"), expected, "{line}");
        }
        assert_eq!(words("a \"b"), Err(OpenQuote));
    }

    #[test]
    fn nothing_ends_a_quoted_word() {
        assert_eq!(quoted("$(reboot) \"x\" \\"), "'$(reboot) \"x\" \\'");
        assert_eq!(quoted("it's; reboot"), r"'it'\''s; reboot'");
    }
}
