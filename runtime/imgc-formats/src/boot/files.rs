//! The files that a loader lays over a filesystem: plain ones, of 0:0, at one time.

use imgc_image::{BytesBuilder, Content, Entry, Failure, Meta, Node, Problem, Store, Tree, TreeBuilder};
use imgc_plan::{kind::OptionProblem, tree::BytePath};

/// Collects files by their absolute paths: all of them 0644.
pub struct Files<'a> {
    store: &'a dyn Store,
    epoch: i64,
    builder: TreeBuilder,
}

impl<'a> Files<'a> {
    /// Starts with nothing; `epoch` is the time of all files, in seconds since 1970.
    pub fn new(store: &'a dyn Store, epoch: i64) -> Self {
        Self { store, epoch, builder: TreeBuilder::new() }
    }

    /// Points at a content.
    pub fn point(&mut self, path: &str, content: &Content) {
        self.push(path, content.clone(), false);
    }

    /// Writes bytes of our own making.
    ///
    /// # Errors
    /// When the store cannot take them.
    pub fn write(&mut self, path: &str, bytes: &[u8]) -> Result<(), Failure> {
        let content = self.keep(bytes)?;
        self.push(path, content, false);
        Ok(())
    }

    /// As [`Files::write`], for a file that is read by where it lies: every byte of it takes up room.
    ///
    /// # Errors
    /// As [`Files::write`].
    pub fn write_dense(&mut self, path: &str, bytes: &[u8]) -> Result<(), Failure> {
        let content = self.keep(bytes)?;
        self.push(path, content, true);
        Ok(())
    }

    /// Adds an entry that was made elsewhere.
    pub fn entry(&mut self, entry: Entry) {
        self.builder.push(entry);
    }

    fn keep(&self, bytes: &[u8]) -> Result<Content, Failure> {
        let mut out = BytesBuilder::new(self.store);
        out.put(0, bytes)?;
        Ok(Content::from(out.finish(bytes.len() as u64)?))
    }

    fn push(&mut self, path: &str, content: Content, dense: bool) {
        self.builder.push(Entry {
            path: BytePath(path.trim_start_matches('/').as_bytes().to_vec()),
            meta: Meta::new(0o644, self.epoch),
            xattrs: Box::default(),
            link: None,
            node: Node::File { content, dense },
        });
    }

    /// Makes the tree.
    ///
    /// # Errors
    /// When a path is there twice: a mistake of the loader.
    pub fn finish(self) -> Result<Tree, Failure> {
        self.builder
            .finish(self.epoch)
            .map_err(|path| Failure::Bug(format!("a loader's files have the path {path} twice")))
    }
}

/// Reads an option that is a directory: absolute, without repeated and trailing slashes, of characters that no configuration
/// takes for its own. Empty for the root.
///
/// # Errors
/// What is wrong with it.
pub fn directory(option: &'static str, text: &str) -> Result<String, OptionProblem> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'_' | b'-' | b'+');
    let message = match BytePath::absolute(text.as_bytes()) {
        Ok(path) if text.bytes().all(plain) => {
            let clean = path.to_string();
            return Ok(if clean == "/" { String::new() } else { clean });
        }
        Ok(_) => format!("a loader's directory cannot be `{text}`"),
        Err(message) => message,
    };
    let help = "an absolute path such as `/boot/loader`, of letters, digits and `.`, `_`, `-`, `+`";
    Err(OptionProblem { option: Some(option), message, help: Some(help.to_owned()) })
}

/// Turns a complaint about an option into one of a running step.
pub fn as_problem(found: OptionProblem) -> Problem {
    let problem = Problem::new("loader-option", found.message);
    match found.help {
        Some(help) => problem.help(help),
        None => problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_clean_and_absolute() {
        for (text, clean) in [("/", ""), ("//boot//x/", "/boot/x"), ("/EFI/BOOT", "/EFI/BOOT")] {
            assert_eq!(directory("d", text), Ok(clean.to_owned()));
        }
        for text in ["", "boot", "/a/../b", "/a b", "/a\nb", "/a;b", "/a{b", "/é"] {
            assert_eq!(directory("d", text).expect_err("refused").option, Some("d"), "{text}");
        }
    }
}
