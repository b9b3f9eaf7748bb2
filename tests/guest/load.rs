//! Loads modules of the kernel, each after those that its own `.modinfo` says it depends on: packages bring no `modules.dep`.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    fs,
    path::PathBuf,
    process::Command,
};

/// Where the modules lie.
const MODULES: &str = "/modules";

/// Loads these modules.
pub fn load(names: impl Iterator<Item = String>) -> Result<(), Box<dyn Error>> {
    let builtin = fs::read_to_string(format!("{MODULES}/builtin"))?;
    let mut loader = Loader {
        files: BTreeMap::new(),
        done: builtin.lines().filter_map(|line| Some(name_of(line.rsplit('/').next()?))).collect(),
    };
    for entry in fs::read_dir(MODULES)? {
        let path = entry?.path();
        let name = path.file_name().ok_or("a module without a name")?.to_string_lossy().into_owned();
        loader.files.insert(name_of(&name), path);
    }
    names.into_iter().try_for_each(|name| loader.load(&name))
}

struct Loader {
    files: BTreeMap<String, PathBuf>,
    /// Built into the kernel, or loaded.
    done: BTreeSet<String>,
}

impl Loader {
    fn load(&mut self, name: &str) -> Result<(), Box<dyn Error>> {
        let name = name.replace('-', "_");
        if !self.done.insert(name.clone()) {
            return Ok(());
        }
        let path = self.files.get(&name).ok_or_else(|| format!("there is no module {name}"))?.clone();
        for needed in depends(&fs::read(&path)?) {
            self.load(&needed)?;
        }
        let status = Command::new("/bin/busybox").arg("insmod").arg(&path).status()?;
        if status.success() { Ok(()) } else { Err(format!("{} is not taken", path.display()).into()) }
    }
}

/// `depends=` in a module's `.modinfo`: names with commas between.
fn depends(module: &[u8]) -> Vec<String> {
    let field = b"\0depends=";
    let start = module
        .windows(field.len())
        .position(|bytes| bytes == field)
        .map_or(module.len(), |at| at + field.len());
    let list = module[start..].split(|byte| *byte == 0).next().unwrap_or_default();
    let list = String::from_utf8_lossy(list);
    list.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// The name of a module, of its file.
fn name_of(file: &str) -> String {
    file.split('.').next().unwrap_or_default().replace('-', "_")
}
