//! `swap`: swap space of Linux, version 1 (Linux `include/linux/swap.h`, `union swap_header`).
//!
//! ```text
//! page 0: 1024 bytes for a boot block | version, last page, bad pages | UUID | label | … | SWAPSPACE2
//! ```
//! The other pages are free, and zero.

use imgc_image::{BytesBuilder, Failure, Problem, ReadAt, Tree};
use imgc_plan::{
    Data, Family, Kind, Opt, OptType, Record,
    ids::uuid_bytes,
    kind::{Default, FilesystemTraits, OptionProblem, Traits},
    units::{approximate_size, format_size},
};

use super::Filesystem;

/// The kind `swap`.
pub struct Swap;

static KIND: Kind = Kind {
    family: Family::Filesystem,
    name: "swap",
    doc: "Swap space of Linux, ready for `swapon`. It holds no tree.",
    since: "0.1.0",
    options: &[
        Opt {
            name: "label",
            ty: OptType::Text { max: LABEL as u32 - 1 },
            default: Default::Text(""),
            doc: "The label, up to 15 bytes.",
            since: "0.1.0",
        },
        Opt { name: "uuid", ty: OptType::Uuid, default: Default::Derived, doc: "The UUID.", since: "0.1.0" },
        Opt {
            name: "page-size",
            ty: OptType::Size { min: MIN_PAGE, max: MAX_PAGE },
            default: Default::Int(MIN_PAGE as i64),
            doc: "Bytes in a page, a power of two: that of the kernel that uses it, 4 KiB nearly everywhere.",
            since: "0.1.0",
        },
    ],
    traits: Traits::Filesystem(FilesystemTraits {
        takes_tree: false,
        own_length: false,
        stamps_start: false,
        system_area: 0,
        folds_case: false,
        default_type: "swap",
    }),
};

/// The least and the largest page of a kernel, in bytes.
const MIN_PAGE: u64 = 4 << 10;
const MAX_PAGE: u64 = 64 << 10;
/// The fewest pages that mkswap makes (util-linux, `MIN_GOODPAGES`).
const MIN_PAGES: u64 = 10;
/// The most pages: their number has 32 bits.
const MAX_PAGES: u64 = u32::MAX as u64;
/// Where the fields start, after the boot block, in bytes.
const INFO: usize = 1024;
/// Bytes of the label's field; the last one stays 0.
const LABEL: usize = 16;
/// The last bytes of the first page.
const MAGIC: &[u8; 10] = b"SWAPSPACE2";
/// The version of this form.
const VERSION: u32 = 1;

impl Filesystem for Swap {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn check(&self, options: &Record) -> Vec<OptionProblem> {
        if page_size(options).is_power_of_two() {
            return Vec::new();
        }
        let message = "a page is a power of two".to_owned();
        let help = Some("write \"4KiB\", \"16KiB\" or \"64KiB\"".to_owned());
        vec![OptionProblem { option: Some("page-size"), message, help }]
    }

    fn measure(&self, options: &Record, _tree: Option<&Tree>) -> Result<u64, Failure> {
        Ok(MIN_PAGES * page_size(options))
    }

    fn write(
        &self,
        options: &Record,
        _tree: Option<&Tree>,
        len: u64,
        out: &mut BytesBuilder<'_>,
    ) -> Result<Vec<Problem>, Failure> {
        let page = page_size(options);
        let pages = len / page;
        if pages < MIN_PAGES {
            let least = MIN_PAGES * page;
            let message = format!(
                "swap space has at least {MIN_PAGES} pages, {}; there are {len} bytes",
                approximate_size(least)
            );
            let help = format!("make it \"{}\" or larger", format_size(least));
            return Err(Problem::new("tree-too-large", message).help(help).into());
        }
        out.put(INFO as u64, &header(options, page, pages.min(MAX_PAGES))[INFO..])?;
        Ok(too_long(pages, page).into_iter().collect())
    }

    fn dump(&self, image: &dyn ReadAt) -> Result<String, Failure> {
        let not_swap = || Problem::new("not-this-filesystem", "this is no swap space of version 1");
        let mut page = MIN_PAGE;
        while page <= MAX_PAGE && image.len() >= page {
            let mut buf = vec![0; usize::try_from(page).expect("because a page has at most 64 KiB")];
            image.read_at(0, &mut buf)?;
            if buf.ends_with(MAGIC) {
                return Ok(text(&buf, page));
            }
            page *= 2;
        }
        Err(not_swap().into())
    }
}

fn page_size(options: &Record) -> u64 {
    options.get("page-size").and_then(Data::as_u64).unwrap_or(MIN_PAGE)
}

/// The first page.
fn header(options: &Record, page: u64, pages: u64) -> Vec<u8> {
    let said = |name: &str| options.get(name).and_then(Data::as_text).unwrap_or_default();
    let mut header = vec![0; usize::try_from(page).expect("because a page has at most 64 KiB")];
    let last_page = u32::try_from(pages - 1).expect("because there are at most 2^32 - 1 pages");
    header[INFO..][..4].copy_from_slice(&VERSION.to_le_bytes());
    header[INFO + 4..][..4].copy_from_slice(&last_page.to_le_bytes());
    header[INFO + 12..][..16].copy_from_slice(&uuid_bytes(said("uuid")).unwrap_or_default());
    let label = said("label").as_bytes();
    let label = &label[..label.len().min(LABEL - 1)];
    header[INFO + 28..][..label.len()].copy_from_slice(label);
    let magic = header.len() - MAGIC.len();
    header[magic..].copy_from_slice(MAGIC);
    header
}

/// Pages whose number does not fit into the header are not used.
fn too_long(pages: u64, page: u64) -> Option<Problem> {
    let unused = pages.checked_sub(MAX_PAGES).filter(|unused| *unused > 0)?;
    let message = format!(
        "swap space has at most {}; {unused} pages after them are not used",
        approximate_size(MAX_PAGES * page)
    );
    Some(Problem { warning: true, ..Problem::new("swap-too-large", message) }.help("make it shorter"))
}

/// The header as text.
fn text(header: &[u8], page: u64) -> String {
    let number =
        |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().expect("because it is four bytes"));
    let uuid: String = header[INFO + 12..][..16].iter().map(|byte| format!("{byte:02x}")).collect();
    let label: &[u8] = &header[INFO + 28..][..LABEL];
    let label = label.split(|byte| *byte == 0).next().unwrap_or_default().escape_ascii();
    format!(
        "swap, pages of {page} bytes\n1024 version {}\n1028 last_page {}\n1032 nr_badpages {}\n1036 uuid {uuid}\n1052 volume \"{label}\"\n{} magic SWAPSPACE2\n",
        number(INFO),
        number(INFO + 4),
        number(INFO + 8),
        header.len() - MAGIC.len(),
    )
}

#[cfg(test)]
mod tests {
    use std::{path::Path, process::Command, sync::Arc};

    use imgc_image::{Bytes, MemoryStore, Reader};

    use super::*;
    use crate::testing::{run, write_sparse};

    const UUID: &str = "0ee0f1d2-1111-4222-8333-94a5b6c7d8e9";

    fn options(label: &str, page: i64) -> Record {
        Record::from([
            ("label".into(), Data::from(label)),
            ("uuid".into(), Data::from(UUID)),
            ("page-size".into(), Data::Int(page)),
        ])
    }

    fn make(options: &Record, len: u64, store: &MemoryStore) -> Arc<Bytes> {
        let mut out = BytesBuilder::new(store);
        assert_eq!(Swap.write(options, None, len, &mut out).expect("written"), []);
        Arc::new(out.finish(len).expect("pieces lie where they should"))
    }

    /// What a tool of util-linux says of the image.
    fn tool(program: &str, arguments: &[&str], image: &Path) -> String {
        let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
        run("util-linux", Command::new(program).env("PATH", path).args(arguments).arg(image))
    }

    #[test]
    fn tools_see_label_uuid_and_pages() {
        let dir = tempfile::tempdir().expect("a directory");
        let image = dir.path().join("swap");
        for (page, name) in [(4096, "4k page size"), (16384, "16k page size"), (65536, "64k page size")] {
            let store = MemoryStore::default();
            let bytes = make(&options("spare room", page), 16 << 20, &store);
            write_sparse(&bytes, &store, &image).expect("written");
            let blkid = tool("blkid", &["-p", "-o", "export"], &image);
            for expected in ["LABEL=spare\\ room", &format!("UUID={UUID}"), "VERSION=1", "TYPE=swap"] {
                assert!(blkid.contains(expected), "{expected} is not in {blkid}");
            }
            let label = tool("swaplabel", &[], &image);
            assert!(label.contains("LABEL: spare room") && label.contains(UUID), "{label}");
            let file = run("file", Command::new("file").arg("-b").arg(&image));
            let last = (16 << 20) / page - 1;
            assert!(file.contains("swap file") && file.contains(name), "{file}");
            assert!(file.contains(&format!("size {last} pages")), "{file}");
        }
    }

    #[test]
    fn mkswap_makes_the_same_bytes() {
        let dir = tempfile::tempdir().expect("a directory");
        let image = dir.path().join("theirs");
        std::fs::File::create(&image).and_then(|file| file.set_len(1 << 20)).expect("a file");
        tool("mkswap", &["-q", "-L", "spare", "-U", UUID], &image);
        let store = MemoryStore::default();
        let bytes = make(&options("spare", 4096), 1 << 20, &store);
        let ours = Reader::new(&bytes, &store).read_all(1 << 20).expect("read");
        assert!(ours == std::fs::read(&image).expect("read"), "not what mkswap makes");
        let id = imgc_plan::BlobId::of(&ours).hex();
        assert_eq!(&id[..16], "1faccca167855ab8");
    }

    #[test]
    fn the_dump_is_the_header() {
        let store = MemoryStore::default();
        let bytes = make(&options("x", 8192), 1 << 20, &store);
        assert_eq!(
            Swap.dump(&Reader::new(&bytes, &store)).expect("dumped"),
            "swap, pages of 8192 bytes\n1024 version 1\n1028 last_page 127\n1032 nr_badpages 0\n\
             1036 uuid 0ee0f1d211114222833394a5b6c7d8e9\n1052 volume \"x\"\n8182 magic SWAPSPACE2\n"
        );
        let zeros = Bytes::zeros(1 << 20);
        assert!(Swap.dump(&Reader::new(&zeros, &store)).is_err());
        let short = Bytes::zeros(100);
        assert!(Swap.dump(&Reader::new(&short, &store)).is_err());
    }

    #[test]
    fn sizes_that_cannot_be_are_refused_or_warned_of() {
        let store = MemoryStore::default();
        let options = options("", 4096);
        let least = Swap.measure(&options, None).expect("measured");
        assert_eq!(least, 40 << 10);
        make(&options, least, &store);
        let mut out = BytesBuilder::new(&store);
        let failure = Swap.write(&options, None, least - 1, &mut out).expect_err("refused");
        assert!(failure.to_string().contains("at least 10 pages"), "{failure}");
        let warnings = Swap.write(&options, None, 17 << 40, &mut out).expect("written");
        assert!(warnings.iter().all(|problem| problem.warning) && warnings.len() == 1, "{warnings:?}");
        let odd = Record::from([("page-size".into(), Data::Int(5000))]);
        assert_eq!(Swap.check(&odd).len(), 1);
        assert!(Swap.check(&options).is_empty());
    }
}
