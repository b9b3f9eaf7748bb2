//! Stanzas of fields, as Debian's control files have them (deb822(5)): read one at a time, within limits.

use std::io::{self, BufRead, Read};

/// The most bytes that one stanza may have. The largest of Debian's packages have some 100 KiB.
const LIMIT: u64 = 8 << 20;

/// One stanza's lines.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stanza {
    text: String,
}

impl Stanza {
    /// A stanza of text without empty lines.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into() }
    }

    /// The value of a field, whose name is compared without regard to case: of its first line, trimmed, and of the lines
    /// that continue it with their indentation.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        let mut lines = self.text.lines();
        let first = lines.find_map(|line| value_of(line, name))?;
        let mut value = first.trim().to_owned();
        for line in lines.take_while(|line| line.starts_with([' ', '\t', '#'])) {
            // In the middle of a value, too, a line that starts with # is a remark.
            if !line.starts_with('#') {
                value.push('\n');
                value.push_str(line.trim_end());
            }
        }
        Some(value)
    }

    /// The words of a field, none when it is not there.
    pub(crate) fn words(&self, name: &str) -> Vec<String> {
        self.get(name).unwrap_or_default().split_whitespace().map(str::to_owned).collect()
    }
}

fn value_of<'l>(line: &'l str, name: &str) -> Option<&'l str> {
    let (field, value) = line.split_once(':')?;
    field.eq_ignore_ascii_case(name).then_some(value)
}

/// Gives the stanzas of a text to `take`, each as its bytes without the empty line that ends it.
///
/// # Errors
/// What reading gives; a stanza that is too large to be one.
pub(crate) fn each<E: From<io::Error>>(
    mut reader: impl BufRead,
    mut take: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let mut stanza = Vec::new();
    loop {
        let start = stanza.len();
        let room = LIMIT - start as u64;
        let count = reader.by_ref().take(room).read_until(b'\n', &mut stanza)?;
        if stanza.len() as u64 >= LIMIT {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a stanza has more than 8 MiB").into());
        }
        if count == 0 || stanza[start..].trim_ascii().is_empty() {
            stanza.truncate(start);
            if !stanza.is_empty() {
                take(&stanza)?;
                stanza.clear();
            }
        }
        if count == 0 {
            return Ok(());
        }
    }
}

/// The stanzas of a text in memory.
pub(crate) fn all(text: &str) -> Vec<Stanza> {
    let mut out = Vec::new();
    let take = |bytes: &[u8]| -> io::Result<()> {
        out.push(Stanza::new(String::from_utf8_lossy(bytes)));
        Ok(())
    };
    each(text.as_bytes(), take)
        .expect("because memory is read without errors, and configuration files are small");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_continue_and_remarks_vanish() {
        let stanzas =
            all("\n\nTypes: deb\n# remark\nURIs: http://a\n# in between\n  http://b\t\nlast:\n\n \nX: y");
        assert_eq!(stanzas.len(), 2);
        assert_eq!(stanzas[0].words("uris"), ["http://a", "http://b"]);
        assert_eq!(stanzas[0].get("Types").as_deref(), Some("deb"));
        assert_eq!(stanzas[0].get("Last").as_deref(), Some(""));
        assert_eq!(stanzas[0].get("Nothing"), None);
        assert_eq!(stanzas[1].get("x").as_deref(), Some("y"));
    }

    #[test]
    fn a_stanza_without_end_is_refused() {
        let endless = BufReaderOf(b"Package: a line without an end ");
        let result = each(io::BufReader::new(endless), |_| Ok::<(), io::Error>(()));
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    struct BufReaderOf(&'static [u8]);

    impl Read for BufReaderOf {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            for (to, from) in buffer.iter_mut().zip(self.0.iter().cycle()) {
                *to = *from;
            }
            Ok(buffer.len())
        }
    }
}
