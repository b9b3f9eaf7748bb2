//! What a compilation is told: the outside, and what the command line says.

use imgc_plan::lock::Lock;

/// The only door to the outside.
pub trait World {
    /// Reads a file; the path is relative to the manifest's directory, or absolute.
    ///
    /// # Errors
    /// What the system says.
    fn read(&self, path: &str) -> std::io::Result<Vec<u8>>;

    /// The text of a template that comes with imgc, by its name such as `iso/bootable`.
    fn template(&self, name: &str) -> Option<&str>;

    /// The names of the templates that come with imgc.
    fn templates(&self) -> Vec<&str>;
}

/// What a compilation is told beside the manifest.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Params by `--set`, each name once. Paths are taken as they are: the driver makes them absolute.
    pub params: Vec<(String, String)>,
    /// `SOURCE_DATE_EPOCH`, in seconds since 1970.
    pub epoch: Option<i64>,
    /// The lock file, if there is one.
    pub lock: Option<Lock>,
    /// The files of the outputs that are wanted; empty: all.
    pub only: Vec<String>,
}
