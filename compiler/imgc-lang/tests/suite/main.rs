//! The compiler against manifests: diagnostics as carets, plans as goldens. Mutated ones are in `tests/hostile`.

mod boots;
mod cases;
mod chains;
mod facts;
mod goldens;
mod kinds;
mod law;
mod networks;

use std::path::PathBuf;

use imgc_lang::{Compilation, Settings, World};
use imgc_plan::lock::{Lock, Pin, Request};

/// A world without files, with a few templates.
struct Nothing;

const TEMPLATES: &[(&str, &str)] = &[
    (
        "test/disk",
        "template \"A disk of a tree.\"\nparam tree\nparam size type=size default=\"64MiB\"\nparam table type=choice default=gpt { choices gpt mbr }\n\
         disk main size=\"{{size}}\" { gpt; partition root size=fill { ext4 tree=\"{{tree}}\" } }\n\
         output \"{{table}}.img\" disk=main\n",
    ),
    (
        "iso/bootable",
        "param dir type=path\nparam label\ntree files { copy \"{{dir}}\" to=\"/\" }\n\
         disk media { bare; partition iso size=fit { ext4 label=\"{{label}}\" tree=files } }\n",
    ),
    ("test/loop", "use \"test/loop\"\n"),
    ("test/wrong", "image inner\nfoo\nuse \"test/disk\" tree=nothing\n"),
    ("test/syntax", "tree {\n"),
];

impl World for Nothing {
    fn read(&self, path: &str) -> std::io::Result<Vec<u8>> {
        Err(std::io::Error::new(std::io::ErrorKind::NotFound, path.to_owned()))
    }

    fn template(&self, name: &str) -> Option<&str> {
        TEMPLATES.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
    }

    fn templates(&self) -> Vec<&str> {
        TEMPLATES.iter().map(|(name, _)| *name).collect()
    }
}

fn compile(text: &str, settings: &Settings) -> Compilation {
    imgc_lang::compile("image.kdl", text, &Nothing, &kinds::Fake, settings)
}

/// Settings whose lock pins everything that a manifest asks for, at invented files.
fn pinned(text: &str, settings: Settings) -> Settings {
    let requests = compile(text, &settings).requests;
    let pin = |request: Request| Pin {
        name: request.package.clone(),
        version: "1.0-1".into(),
        size: 1000,
        sha256: imgc_plan::BlobId::of(request.package.as_bytes()).hex(),
        path: format!("pool/main/{}_{}.deb", request.package, request.arch),
        request,
    };
    let pins = requests.into_iter().map(|(request, _)| pin(request)).collect();
    Settings { lock: Some(Lock::new(pins)), ..settings }
}

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

/// Whether this run writes down what it finds instead of comparing; the result is to be read before it is committed.
fn blessing() -> bool {
    std::env::var_os("IMGC_BLESS").is_some()
}

/// The manifests of `examples/`, by the names of their folders.
fn examples() -> Vec<(&'static str, String)> {
    ["data-disk", "hello-linux", "lites"]
        .into_iter()
        .map(|name| {
            let path = folder("../../../examples").join(name).join("image.kdl");
            (name, std::fs::read_to_string(path).expect("an example"))
        })
        .collect()
}
