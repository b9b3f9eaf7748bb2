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

use super::{Filesystem, Volume};

mod read;
#[cfg(test)]
mod tests;

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

    fn check_len(&self, options: &Record, len: u64) -> Option<Problem> {
        let page = page_size(options);
        let least = MIN_PAGES * page;
        let message = format!(
            "swap space has at least {MIN_PAGES} pages, {}; there are {len} bytes",
            approximate_size(least)
        );
        let help = format!("make it \"{}\" or larger", format_size(least));
        (len / page < MIN_PAGES).then(|| Problem::new("tree-too-large", message).help(help))
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
        if let Some(problem) = self.check_len(options, len) {
            return Err(problem.into());
        }
        out.put(INFO as u64, &header(options, page, pages.min(MAX_PAGES))[INFO..])?;
        Ok(too_long(pages, page).into_iter().collect())
    }

    fn dump(&self, image: &dyn ReadAt) -> Result<String, Failure> {
        let not_swap = || Problem::new("not-this-filesystem", "this is no swap space of version 1");
        let (header, page) = find(image)?.ok_or_else(not_swap)?;
        Ok(text(&header, page))
    }

    fn open<'a>(&self, image: &'a dyn ReadAt) -> Result<Option<Box<dyn Volume + 'a>>, Failure> {
        Ok(read::open(image)?.map(|space| Box::new(space) as Box<dyn Volume + 'a>))
    }
}

/// The first page and its length, by the magic at its end.
fn find(image: &dyn ReadAt) -> Result<Option<(Vec<u8>, u64)>, Failure> {
    let mut page = MIN_PAGE;
    while page <= MAX_PAGE && image.len() >= page {
        let mut header = vec![0; usize::try_from(page).expect("because a page has at most 64 KiB")];
        image.read_at(0, &mut header)?;
        if header.ends_with(MAGIC) {
            return Ok(Some((header, page)));
        }
        page *= 2;
    }
    Ok(None)
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
