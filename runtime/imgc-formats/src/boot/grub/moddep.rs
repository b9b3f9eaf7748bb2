//! Which modules need which (`moddep.lst`), and the order in which they go into a core image.

use std::collections::{BTreeMap, BTreeSet};

use imgc_image::{Failure, Problem};

use super::package::Package;

/// For each module those that it needs.
pub struct Dependencies(BTreeMap<String, Vec<String>>);

impl Dependencies {
    /// Reads them from the package.
    ///
    /// # Errors
    /// When the list is missing or not text.
    pub fn read(package: &Package<'_>) -> Result<Self, Failure> {
        Ok(Self::parse(&package.read_text("moddep.lst")?))
    }

    /// Reads lines of the form `name: needed needed`. Lines without a colon say nothing.
    pub fn parse(text: &str) -> Self {
        let lines = text.lines().filter_map(|line| line.split_once(':'));
        let owned = |names: &str| names.split_whitespace().map(str::to_owned).collect();
        Self(lines.map(|(name, needed)| (name.trim().to_owned(), owned(needed))).collect())
    }

    /// These modules and all that they need, each once, what is needed before what needs it. It is the order of
    /// grub-mkimage: depth first, and what a module needs from the last to the first. Circles do no harm.
    pub fn closure<'n>(&self, wanted: impl IntoIterator<Item = &'n str>) -> Vec<String> {
        enum Task {
            Visit(String),
            Emit(String),
        }
        let mut seen = BTreeSet::new();
        let mut order = Vec::new();
        for name in wanted {
            // A stack of our own: a hostile list must not exhaust that of the thread.
            let mut tasks = vec![Task::Visit(name.to_owned())];
            while let Some(task) = tasks.pop() {
                match task {
                    Task::Emit(name) => order.push(name),
                    Task::Visit(name) if !seen.insert(name.clone()) => {}
                    Task::Visit(name) => {
                        let needed = self.0.get(&name).map(Vec::as_slice).unwrap_or_default();
                        tasks.push(Task::Emit(name));
                        tasks.extend(needed.iter().cloned().map(Task::Visit));
                    }
                }
            }
        }
        order
    }
}

/// Refuses modules that the package does not have, all at once.
///
/// # Errors
/// The names of those modules.
pub fn all_there(package: &Package<'_>, modules: &[String]) -> Result<(), Failure> {
    let missing: Vec<Problem> = modules
        .iter()
        .filter(|name| !package.has(&format!("{name}.mod")))
        .map(|name| {
            Problem::new("grub-module-missing", format!("the GRUB package has no module `{name}`"))
                .help("the modules of a package are its files `*.mod`")
        })
        .collect();
    if missing.is_empty() { Ok(()) } else { Err(missing.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needed_modules_come_first_and_from_the_last() {
        let deps = Dependencies::parse(
            "normal: boot net\nnet: priority_queue boot\nboot:\npriority_queue:\nrubbish\n",
        );
        assert_eq!(deps.closure(["normal", "boot"]), ["boot", "priority_queue", "net", "normal"]);
        assert_eq!(deps.closure(["nothing"]), ["nothing"]);
    }

    #[test]
    fn circles_and_long_chains_end() {
        let deps = Dependencies::parse("a: b\nb: c\nc: a b c\n");
        assert_eq!(deps.closure(["a"]), ["c", "b", "a"]);
        let chain: String = (0..200_000).map(|at| format!("m{at}: m{}\n", at + 1)).collect();
        assert_eq!(Dependencies::parse(&chain).closure(["m0"]).len(), 200_001);
    }
}
