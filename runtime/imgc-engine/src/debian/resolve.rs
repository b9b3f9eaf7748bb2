//! Resolving: from requests to pins, by the newest versions that the archives' signed indexes have.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    sync::atomic::AtomicBool,
};

use globset::{Glob, GlobMatcher};
use imgc_image::{Failure, Problem};
use imgc_plan::lock::{self, Pin, Request};

use super::{
    archive::{Archive, Archives},
    index::{self, Index, Package},
    nearest::Nearest,
    options::ResolveOptions,
    relation::{self, Relation},
    sources::Sources,
    version,
};
use crate::fetch::mirror::shown;

/// Finds the newest version of each package that is asked for: one pin for each request, in their order. Each release file and
/// index is fetched once. `events` is told in lines what goes on.
///
/// # Errors
/// Every problem of every request at once (`package-unknown`, `suite-unknown`, `no-mirror`, `release-signature`, …); the first
/// failure of the machine; interruption.
pub fn resolve(
    requests: &[Request],
    options: &ResolveOptions,
    events: &dyn Fn(String),
    stop: &AtomicBool,
) -> Result<Vec<Pin>, Failure> {
    let mut problems: Vec<Problem> = requests.iter().filter_map(|request| check(request).err()).collect();
    if !problems.is_empty() {
        return Err(problems.into());
    }
    let sources = Sources::read(&options.apt_root);
    sources.notes.iter().for_each(|note| events(note.clone()));
    let mut archives = Archives { options, sources: &sources, events, stop, known: BTreeMap::new() };
    let mut groups: Groups<'_> = BTreeMap::new();
    for (place, request) in requests.iter().enumerate() {
        if let Some(archive) = keep(archives.find(request), &mut problems)? {
            let key = (archive.base.clone(), archive.suite.clone(), request.arch.clone());
            groups.entry(key).or_insert_with(|| (archive, Vec::new())).1.push((place, request));
        }
    }
    let mut pins: Vec<Option<Pin>> = vec![None; requests.len()];
    for (archive, asked) in groups.values() {
        let arch = &asked[0].1.arch;
        let Some(indexes) = keep(index::fetch(archive, arch, options, events, stop), &mut problems)? else {
            continue;
        };
        let shelf = Shelf { archive, indexes };
        for (place, answer) in
            keep(shelf.answer(asked).map_err(Failure::from), &mut problems)?.into_iter().flatten()
        {
            pins[place] = keep(answer.map_err(Failure::from), &mut problems)?;
        }
    }
    problems.extend(conflicts(&pins));
    if problems.is_empty() { Ok(pins.into_iter().flatten().collect()) } else { Err(unique(problems).into()) }
}

/// Requests by mirror, suite and architecture, each with its place.
type Groups<'r> = BTreeMap<(String, String, String), (Rc<Archive>, Vec<(usize, &'r Request)>)>;

/// Puts problems aside, so that others are found too; other failures end the work.
fn keep<T>(result: Result<T, Failure>, problems: &mut Vec<Problem>) -> Result<Option<T>, Failure> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Failure::Problems(found)) => {
            problems.extend(found);
            Ok(None)
        }
        Err(other) => Err(other),
    }
}

/// Several requests may stumble over the same archive: that is one problem.
fn unique(problems: Vec<Problem>) -> Vec<Problem> {
    let mut out: Vec<Problem> = Vec::new();
    for problem in problems {
        if !out.contains(&problem) {
            out.push(problem);
        }
    }
    out
}

/// Checks what a request says before it goes into paths.
fn check(request: &Request) -> Result<(), Problem> {
    let wrong = |message| Problem::new("package-request", message);
    lock::check_package(&request.package).map_err(wrong)?;
    lock::check_arch(&request.arch).map_err(wrong)?;
    request.suite.as_deref().map_or(Ok(()), lock::check_suite).map_err(wrong)?;
    request.follow.as_deref().map_or(Ok(()), lock::check_follow).map_err(wrong)?;
    matcher(request).map(drop)
}

fn matcher(request: &Request) -> Result<Option<GlobMatcher>, Problem> {
    let glob = request.follow.as_deref().map(|glob| {
        Glob::new(glob).map(|glob| glob.compile_matcher()).map_err(|error| {
            Problem::new(
                "package-request",
                format!("`{glob}` is no pattern for package names: {}", error.kind()),
            )
        })
    });
    glob.transpose()
}

/// Requests that have one place in the lock but different answers.
fn conflicts(pins: &[Option<Pin>]) -> Vec<Problem> {
    let pins: Vec<&Pin> = pins.iter().flatten().collect();
    let mut out = Vec::new();
    for (place, pin) in pins.iter().enumerate() {
        let other = pins[..place].iter().find(|other| other.request.same_pin(&pin.request));
        if let Some(other) = other.filter(|other| other.sha256 != pin.sha256) {
            let message = format!(
                "{} is asked for at two mirrors that have different ones: {} and {}",
                pin.request.package, other.version, pin.version
            );
            out.push(Problem::new("lock-conflict", message).help(
                "a lock file names no mirrors: name the same `mirror=` at both sources, or other suites",
            ));
        }
    }
    out
}

/// The packages of one archive and architecture.
struct Shelf<'a> {
    archive: &'a Archive,
    indexes: Vec<Index>,
}

type Answers = Vec<(usize, Result<Pin, Problem>)>;

impl Shelf<'_> {
    /// Answers requests with one pass over the indexes, and a second one only to say what was probably meant.
    fn answer(&self, asked: &[(usize, &Request)]) -> Result<Answers, Problem> {
        let names: BTreeSet<&str> = asked.iter().map(|(_, request)| request.package.as_str()).collect();
        let globs: Vec<GlobMatcher> =
            asked.iter().filter_map(|(_, request)| matcher(request).ok().flatten()).collect();
        let wanted = |name: &str| names.contains(name) || globs.iter().any(|glob| glob.is_match(name));
        let mut packages = Vec::new();
        for index in &self.indexes {
            packages.extend(index.packages(&wanted)?);
        }
        let mut out = Vec::new();
        for (place, request) in asked {
            let found = match newest(packages.iter().filter(|package| package.name == request.package)) {
                Some(package) => self.follow(request, package, &packages),
                None => Err(self.unknown(request)?),
            };
            out.push((*place, found.map(|package| pin(request, package))));
        }
        Ok(out)
    }

    /// The package that a request means once its own is found.
    fn follow<'p>(
        &self,
        request: &Request,
        package: &'p Package,
        packages: &'p [Package],
    ) -> Result<&'p Package, Problem> {
        let Some(glob) = matcher(request)? else { return Ok(package) };
        let relations: Vec<Relation> = relation::parse(&package.depends)
            .into_iter()
            .filter(|relation| glob.is_match(&relation.name))
            .collect();
        let fits = |candidate: &&Package| {
            relations
                .iter()
                .any(|relation| relation.name == candidate.name && relation.accepts(&candidate.version))
        };
        newest(packages.iter().filter(fits)).ok_or_else(|| self.leads_nowhere(request, package, &relations))
    }

    fn leads_nowhere(&self, request: &Request, package: &Package, relations: &[Relation]) -> Problem {
        let Package { name, version, depends, .. } = package;
        let glob = request.follow.as_deref().unwrap_or_default();
        if let Some(relation) = relations.first() {
            let wanted =
                relation.versions.as_ref().map(|(_, wanted)| format!(" {wanted}")).unwrap_or_default();
            let message = format!(
                "{name} {version} depends on {}{wanted}, which {} does not have",
                relation.name,
                self.place(&request.arch)
            );
            return Problem::new("follow-missing", message)
                .help("the mirror may just be being renewed: try again in some minutes, or another mirror");
        }
        let message = format!("{name} {version} depends on nothing that `{glob}` matches");
        let mut names: Vec<String> =
            relation::parse(depends).into_iter().map(|relation| relation.name).collect();
        names.dedup();
        let help = match names.as_slice() {
            [] => "it depends on nothing: leave `follow` out".to_owned(),
            names => format!("it depends on {}", names.join(", ")),
        };
        Problem::new("follow-nothing", message).help(help)
    }

    fn unknown(&self, request: &Request) -> Result<Problem, Problem> {
        let message = format!("there is no package {} in {}", request.package, self.place(&request.arch));
        let mut near = Nearest::to(&request.package);
        for index in &self.indexes {
            index.names(&mut |name| near.offer(name))?;
        }
        let help = match near.names().as_slice() {
            [] => "packages of the component main are found, by the names of binary packages".to_owned(),
            names => format!("did you mean {}?", names.join(" or ")),
        };
        Ok(Problem::new("package-unknown", message).help(help))
    }

    fn place(&self, arch: &str) -> String {
        format!("{} ({arch}) at {}", self.archive.suite, shown(&self.archive.base))
    }
}

/// The newest; of equal versions the one with the first name and path, whatever order they stand in.
fn newest<'p>(packages: impl Iterator<Item = &'p Package>) -> Option<&'p Package> {
    packages.max_by(|a, b| {
        version::compare(&a.version, &b.version).then_with(|| (&b.name, &b.path).cmp(&(&a.name, &a.path)))
    })
}

fn pin(request: &Request, package: &Package) -> Pin {
    let Package { name, version, size, sha256, path, depends: _ } = package.clone();
    Pin { request: request.clone(), name, version, size, sha256, path }
}
