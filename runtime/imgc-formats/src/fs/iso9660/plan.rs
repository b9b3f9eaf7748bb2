//! The plan: what lies at which sector.
//!
//! ```text
//! 0  16           descriptors | path tables | directories | Joliet's directories | one empty sector | contents | padding
//! ```
//! UDF, where there is some, comes before the path tables: from its anchor at sector 256 on.
//! Places of directories need the lengths of all records, which do not depend on places: so directories are encoded twice,
//! by the same code.

use imgc_image::{Entry, Failure, Node, Problem, Tree, tree::compare_paths};

use super::{
    contents::{Contents, SECTOR},
    descriptor::{FILE_ID, FIRST, Sort},
    directory::{self, View},
    hierarchy::Hierarchy,
    names::Rules,
    options::{FILES, Options},
    path_table,
    survey::Survey,
    udf::{self, Layout},
};

/// A volume, laid out.
pub struct Plan<'t> {
    /// The options.
    pub options: Options,
    /// The tree.
    pub survey: Survey<'t>,
    /// Where contents are.
    pub contents: Contents<'t>,
    /// The hierarchies: plain, then Joliet.
    pub hierarchies: Vec<Placed>,
    /// The descriptors from sector 16 on, with the hierarchy that each names, by index.
    pub descriptors: Vec<(Sort, usize)>,
    /// The sector that entries without content name: nothing is in it.
    pub empty: u64,
    /// The copyright, abstract and bibliographic file, by entry.
    pub files: [Option<usize>; 3],
    /// The sector of the boot catalogue, where there is one.
    pub catalog: Option<u64>,
    /// Where UDF's own structures lie, where there are some.
    pub udf: Option<Layout>,
    /// Sectors of the volume.
    pub sectors: u64,
}

/// A hierarchy with its path tables.
pub struct Placed {
    /// The directories.
    pub hierarchy: Hierarchy,
    /// The sectors of its path tables, little-endian and big-endian.
    pub tables: (u64, u64),
}

impl<'t> Plan<'t> {
    /// Lays a tree out.
    ///
    /// # Errors
    /// Everything in it that ISO 9660 with these options cannot hold.
    pub fn new(options: Options, tree: &'t Tree) -> Result<Self, Failure> {
        let survey = Survey::of(tree, &options)?;
        let udf = if options.udf { Some(Layout::of(&survey)?) } else { None };
        let contents = Contents::of(survey.entries);
        let relocate = options.rock_ridge && !options.keep_deep;
        let plain = Hierarchy::plain(&survey, Rules::plain(&options), relocate);
        let joliet = options.joliet.map(|units| Hierarchy::joliet(&survey, Rules::joliet(units)));
        let catalog = catalog(&options, survey.entries);
        let mut descriptors = vec![(Sort::Primary, 0)];
        descriptors.extend(catalog.map(|_| (Sort::Boot, 0)));
        descriptors.extend(joliet.as_ref().map(|_| (Sort::Joliet, 1)));
        descriptors.extend((options.level == 4).then_some((Sort::Enhanced, 0)));
        let files = files(&options, &survey, &plain)?;
        let placed = |hierarchy| Placed { hierarchy, tables: (0, 0) };
        let hierarchies = std::iter::once(plain).chain(joliet).map(placed).collect();
        let mut plan = Self {
            options,
            survey,
            contents,
            hierarchies,
            descriptors,
            empty: 0,
            files,
            catalog: None,
            udf,
            sectors: 0,
        };
        // Contents alone first: places in records, which come next, have 32 bits.
        let contents = plan.contents.place(0);
        check_len(contents)?;
        plan.measure();
        plan.place();
        check_len(plan.sectors)?;
        plan.catalog = catalog.and_then(|entry| plan.contents.start(entry));
        plan.warn();
        Ok(plan)
    }

    /// What records tell of.
    pub fn view(&self) -> View<'_, 't> {
        View { options: &self.options, survey: &self.survey, contents: &self.contents, empty: self.empty }
    }

    /// Finds the lengths of all directories.
    fn measure(&mut self) {
        for index in 0..self.hierarchies.len() {
            let hierarchy = &self.hierarchies[index].hierarchy;
            let view = self.view();
            let count = |bytes: Vec<u8>| (bytes.len() as u64).div_ceil(SECTOR);
            let lengths: Vec<(u64, u64)> = (0..hierarchy.dirs.len())
                .map(|at| directory::encode(&view, hierarchy, at))
                .map(|encoded| (count(encoded.records), count(encoded.more)))
                .collect();
            for (dir, (sectors, more)) in self.hierarchies[index].hierarchy.dirs.iter_mut().zip(lengths) {
                (dir.sectors, dir.more) = (sectors, more);
            }
        }
    }

    fn place(&mut self) {
        let mut next = self.after_descriptors();
        if let Some(udf) = &self.udf {
            next = udf::PARTITION + udf.blocks;
        }
        for placed in &mut self.hierarchies {
            let sectors = path_table::sectors(&placed.hierarchy);
            placed.tables = (next, next + sectors);
            next += 2 * sectors;
        }
        for placed in &mut self.hierarchies {
            next = placed.hierarchy.place(next);
        }
        self.empty = next;
        next = self.contents.place(next + 1);
        // UDF has an anchor in the last sector, in which nothing else may be.
        let least = u64::from(self.udf.is_some());
        self.sectors = next + self.options.padding.max(least);
    }

    /// The sector after the last descriptor of ISO 9660.
    pub fn after_descriptors(&self) -> u64 {
        FIRST + self.descriptors.len() as u64 + 1
    }

    /// Adds what only the layout shows.
    fn warn(&mut self) {
        let overflows = |placed: &Placed| {
            placed.hierarchy.dirs.last().is_some_and(|dir| dir.parent >= path_table::MAX_PARENT)
        };
        if self.hierarchies.iter().any(overflows) {
            let message = "path tables cannot name the parents of all directories, as more than 65535 hold others; \
                           systems that go by path tables will not find some of them";
            let problem = Problem::new("too-many-directories", message).help("use fewer directories");
            self.survey.losses.push(Problem { warning: true, ..problem });
        }
    }

    /// The length in bytes.
    pub fn len(&self) -> u64 {
        self.sectors * SECTOR
    }
}

/// The entries of the files that the descriptors name, which must be there under names that are short enough.
fn files(options: &Options, survey: &Survey<'_>, plain: &Hierarchy) -> Result<[Option<usize>; 3], Failure> {
    let entries = survey.entries;
    let (mut files, mut problems) = ([None; 3], Vec::new());
    for ((slot, name), option) in files.iter_mut().zip(&options.files).zip(FILES) {
        let Some(name) = name else { continue };
        let found = entries.binary_search_by(|entry| compare_paths(&entry.path.0, name.as_bytes())).ok();
        *slot = found.filter(|at| matches!(entries[*at].node, Node::File { .. }));
        let wrong = match slot.map(|at| plain.root_file(survey, at).map_or(0, |id| id.len())) {
            None => format!("`{option}` names /{name}, and the tree has no such file"),
            Some(len) if len > FILE_ID => {
                format!(
                    "`{option}` names /{name}, whose name on the volume has {len} bytes; {FILE_ID} can be said"
                )
            }
            Some(_) => continue,
        };
        problems.push(Problem::new("descriptor-file", wrong).help("put such a file into the root directory"));
    }
    if problems.is_empty() { Ok(files) } else { Err(problems.into()) }
}

/// The entry that is the boot catalogue: a dense file of one sector, at the path where it is looked for. Any other file there is
/// one that came with a tree, and tells of another volume.
fn catalog(options: &Options, entries: &[Entry]) -> Option<usize> {
    let path = options.catalog.as_ref()?;
    let at = entries.binary_search_by(|entry| compare_paths(&entry.path.0, &path.0)).ok()?;
    let sector = matches!(&entries[at].node, Node::File { content, dense: true } if content.len() == SECTOR);
    sector.then_some(at)
}

fn check_len(sectors: u64) -> Result<(), Problem> {
    if sectors <= u32::MAX.into() {
        return Ok(());
    }
    let message =
        format!("the tree needs {sectors} sectors of {SECTOR} bytes, and ISO 9660 counts up to {}", u32::MAX);
    Err(Problem::new("tree-too-large", message).help("leave something out of the tree"))
}
