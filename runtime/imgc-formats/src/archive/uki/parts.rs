//! The parts of an image as a tree has them, and what cannot be one.

use imgc_image::{Bytes, BytesBuilder, Content, Entry, Failure, Node, Problem, Reader, Store, Tree};
use imgc_plan::{Data, Record};

use crate::pe::{EFI_APPLICATION, Pe, machine_name};

/// The most bytes of a part that is text, or a signature.
const SMALL: u64 = 1 << 20;

/// Sections that are files as they are, in the order in which they lie in the image. The kernel comes after them: an older one
/// that is decompressed in place then overwrites nothing.
const SECTIONS: &[(&str, &str)] = &[
    ("osrel", ".osrel"),
    ("cmdline", ".cmdline"),
    ("uname", ".uname"),
    ("pcrpkey", ".pcrpkey"),
    ("splash", ".splash"),
    ("dtb", ".dtb"),
    ("ucode", ".ucode"),
    ("pcrsig", ".pcrsig"),
    ("initrd", ".initrd"),
    ("linux", ".linux"),
];

/// What else a tree may have.
const OTHERS: &[&str] = &["stub", "sbat", "initrd.d", "signature"];

/// A part that becomes a section.
#[derive(Debug)]
pub struct Part {
    /// The section's name.
    pub section: &'static str,
    /// What is in it; not empty.
    pub content: Content,
}

/// All parts, checked.
#[derive(Debug)]
pub struct Parts {
    /// The code to which everything is added.
    pub stub: Content,
    /// What takes the place of the stub's `.sbat`.
    pub sbat: Option<Content>,
    /// The sections, in order.
    pub sections: Vec<Part>,
    /// An Authenticode signature in DER.
    pub signature: Option<Vec<u8>>,
}

impl Parts {
    /// Takes the parts out of a tree and options.
    ///
    /// # Errors
    /// Everything that cannot be, at once; or that contents cannot be read.
    pub fn of(options: &Record, tree: &Tree, store: &dyn Store) -> Result<Self, Failure> {
        let mut problems: Vec<Problem> = tree.entries().iter().filter_map(refusal).collect();
        let mut sections = Vec::new();
        for (file, section) in SECTIONS {
            let said = options.get(*file).and_then(Data::as_text);
            let content = match (said, *file) {
                (Some(text), _) => Some(text_content(text, store)?),
                (None, "initrd") => initrd(tree, store)?,
                (None, file) => content(tree, file),
            };
            sections.extend(content.map(|content| Part { section, content }));
        }
        for name in ["stub", "linux"].into_iter().filter(|name| tree.get(name.as_bytes()).is_none()) {
            let problem = Problem::new(
                "image-part-missing",
                format!("a unified kernel image needs the file `/{name}`"),
            );
            problems.push(problem.help(match name {
                "stub" => {
                    "Debian's package `systemd-boot-efi` has `usr/lib/systemd/boot/efi/linuxx64.efi.stub`"
                }
                _ => "copy a kernel there",
            }));
        }
        if !problems.is_empty() {
            return Err(problems.into());
        }
        let stub = content(tree, "stub").unwrap_or_else(Content::empty);
        let machine = machine_of(&stub, "`/stub`", store)?;
        for part in &sections {
            problems.extend(check(part, machine, store)?);
        }
        let signature = match content(tree, "signature") {
            None => None,
            Some(content) => Some(read_small(&content, "`/signature`", store)?),
        };
        let sbat = content(tree, "sbat");
        if problems.is_empty() { Ok(Self { stub, sbat, sections, signature }) } else { Err(problems.into()) }
    }
}

/// Why an entry cannot be part of an image.
fn refusal(entry: &Entry) -> Option<Problem> {
    let path = &entry.path;
    let known = |name: &[u8]| {
        let mut names = SECTIONS.iter().map(|(file, _)| *file).chain(OTHERS.iter().copied());
        names.any(|known| known.as_bytes() == name)
    };
    let (top, below) = match path.0.iter().position(|byte| *byte == b'/') {
        Some(slash) => (&path.0[..slash], true),
        None => (&path.0[..], false),
    };
    let list = top == b"initrd.d";
    let message = match &entry.node {
        Node::Dir if path.0.is_empty() || (list && !below) => return None,
        _ if !known(top) => format!("`{path}` is no part of a unified kernel image"),
        _ if below && !list => {
            format!("`{path}` lies in a directory that is no part of a unified kernel image")
        }
        Node::File { content, .. } if list == below && !content.is_empty() => return None,
        Node::File { .. } if list == below => format!("`{path}` is empty"),
        _ if list && !below => format!("`{path}` is no directory"),
        _ => format!("`{path}` is no file"),
    };
    let help = "its parts are `/stub`, `/linux`, `/initrd`, `/initrd.d/*`, `/cmdline`, `/osrel`, `/uname`, `/splash`, `/dtb`, `/ucode`, \
                `/sbat`, `/pcrpkey`, `/pcrsig` and `/signature`; take other entries out of its tree";
    Some(Problem::new("image-part-unknown", message).help(help))
}

fn content(tree: &Tree, name: &str) -> Option<Content> {
    match &tree.get(name.as_bytes())?.node {
        Node::File { content, .. } => Some(content.clone()),
        _ => None,
    }
}

fn text_content(text: &str, store: &dyn Store) -> Result<Content, Failure> {
    let mut out = BytesBuilder::new(store);
    out.put(0, text.as_bytes())?;
    Ok(out.finish(text.len() as u64)?.into())
}

/// `/initrd` and the files of `/initrd.d`, each at a multiple of 4 bytes: where the kernel looks for the next archive
/// (Documentation/driver-api/early-userspace/buffer-format.rst).
fn initrd(tree: &Tree, store: &dyn Store) -> Result<Option<Content>, Failure> {
    let more = tree.entries().iter().filter(|entry| entry.parent() == Some(b"initrd.d"));
    let more = more.filter_map(|entry| match &entry.node {
        Node::File { content, .. } => Some(content.clone()),
        _ => None,
    });
    let all: Vec<Content> = content(tree, "initrd").into_iter().chain(more).collect();
    if all.len() < 2 {
        return Ok(all.into_iter().next());
    }
    let mut out = BytesBuilder::new(store);
    let mut end = 0u64;
    for content in &all {
        let at = end.next_multiple_of(4);
        out.content(at, content, 0, content.len());
        end = at + content.len();
    }
    let joined: Bytes = out.finish(end)?;
    Ok(Some(joined.into()))
}

/// What a section's content contradicts.
fn check(part: &Part, machine: u16, store: &dyn Store) -> Result<Option<Problem>, Failure> {
    let magic: (&[u8], &str, &str) = match part.section {
        ".linux" => {
            let found = machine_of(&part.content, "`/linux`", store)?;
            if found == machine {
                return Ok(None);
            }
            let message =
                format!("`/linux` is for {}, and `/stub` for {}", machine_name(found), machine_name(machine));
            return Ok(Some(
                Problem::new("image-part-odd", message).help("take both for the same architecture"),
            ));
        }
        ".splash" => (b"BM", "`/splash` is no BMP image", "systemd's stub shows BMP only"),
        ".dtb" => (&[0xd0, 0x0d, 0xfe, 0xed], "`/dtb` is no device tree blob", "compile it with dtc"),
        ".cmdline" | ".uname" | ".osrel" => {
            let bytes = read_small(&part.content, &format!("`/{}`", &part.section[1..]), store)?;
            let text = std::str::from_utf8(&bytes).is_ok_and(|text| !text.contains('\0'));
            let message = format!("`/{}` is not text in UTF-8", &part.section[1..]);
            return Ok((!text).then(|| Problem::new("image-part-odd", message)));
        }
        _ => return Ok(None),
    };
    let (magic, message, help) = magic;
    let mut head = vec![0; magic.len().min(usize::try_from(part.content.len()).unwrap_or(usize::MAX))];
    Reader::new(&part.content.to_bytes(), store).read_at(0, &mut head)?;
    Ok((head != magic).then(|| Problem::new("image-part-odd", message).help(help)))
}

/// The machine of a part that is an EFI application.
fn machine_of(content: &Content, name: &str, store: &dyn Store) -> Result<u16, Failure> {
    let bytes = content.to_bytes();
    let pe = Pe::read(&Reader::new(&bytes, store)).map_err(|error| match error.of("image-part-odd", name) {
        Failure::Problems(problems) => Failure::Problems(
            problems
                .into_iter()
                .map(|problem| problem.help("an EFI application is needed; compressed ones are unpacked by `copy … decompress=#true`"))
                .collect(),
        ),
        other => other,
    })?;
    if pe.subsystem() != EFI_APPLICATION {
        return Err(Problem::new("image-part-odd", format!("{name} is no EFI application")).into());
    }
    Ok(pe.machine())
}

fn read_small(content: &Content, name: &str, store: &dyn Store) -> Result<Vec<u8>, Failure> {
    if content.len() > SMALL {
        let message = format!("{name} has {} bytes, and at most {SMALL} can be right", content.len());
        return Err(Problem::new("image-part-odd", message).into());
    }
    Ok(Reader::new(&content.to_bytes(), store).read_all(SMALL)?)
}
