//! Archives: one suite at one mirror, whose release file is believed; which of them a request means.

use std::{collections::BTreeMap, rc::Rc, sync::atomic::AtomicBool};

use imgc_image::{Failure, Problem};
use imgc_plan::lock::Request;
use pgp::composed::SignedPublicKey;

use super::{
    date, keyring,
    options::ResolveOptions,
    release::Release,
    signature::{Signed, Verified},
    sources::{Entry, Sources},
};
use crate::fetch::{
    mirror::{self, shown},
    small,
};

/// The most bytes that a release file may have. Debian's has 150 KB.
const RELEASE_LIMIT: u64 = 16 << 20;

/// One suite at one mirror.
#[derive(Debug)]
pub(super) struct Archive {
    /// The mirror's base.
    pub base: String,
    /// The suite.
    pub suite: String,
    /// What its release file says.
    pub release: Release,
}

/// The archives of one resolution: each is opened once.
pub(super) struct Archives<'a> {
    /// What the caller wants.
    pub options: &'a ResolveOptions,
    /// The host's configuration.
    pub sources: &'a Sources,
    /// Who is told what goes on.
    pub events: &'a dyn Fn(String),
    /// Whether to end.
    pub stop: &'a AtomicBool,
    /// What was opened, by base and suite; `None`: the mirror has no such suite.
    pub known: BTreeMap<(String, String), Option<Rc<Archive>>>,
}

impl Archives<'_> {
    /// The archive that a request means: at the mirror that it names, or the caller, or the host's apt.
    pub(super) fn find(&mut self, request: &Request) -> Result<Rc<Archive>, Failure> {
        match (&request.mirror, self.options.mirrors.as_slice()) {
            (Some(mirror), _) => self.at(std::slice::from_ref(mirror), request),
            (None, []) => self.of_host(request),
            (None, mirrors) => self.at(mirrors, request),
        }
    }

    fn at(&mut self, bases: &[String], request: &Request) -> Result<Rc<Archive>, Failure> {
        let sources = self.sources;
        let host = || sources.candidates(None).first().map(|candidate| candidate.suite);
        let suite = request.suite.as_deref().or_else(host).ok_or_else(|| {
            Problem::new("no-suite", format!("it is not said which suite {} comes from", request.package))
                .help("say it at the source in the manifest, such as `suite=bookworm`")
        })?;
        for base in bases {
            if let Some(archive) = self.open(base, suite, sources.entry(base))? {
                return Ok(archive);
            }
        }
        let bases: Vec<_> = bases.iter().map(|base| shown(base)).collect();
        Err(Problem::new("suite-unknown", format!("there is no suite {suite} at {}", bases.join(", ")))
            .help("the mirror's directory `dists` shows which suites it has")
            .into())
    }

    /// The first of the host's archives that is Debian's; else the first whose entry names the suite, but only when none of them
    /// failed: the one that did may be Debian's, and a third party must not stand in for it.
    fn of_host(&mut self, request: &Request) -> Result<Rc<Archive>, Failure> {
        let sources = self.sources;
        let candidates = sources.candidates(request.suite.as_deref());
        let (mut first, mut failed) = (None, None);
        for candidate in &candidates {
            let opened = self.open(&candidate.entry.base, candidate.suite, Some(candidate.entry));
            match opened {
                Ok(Some(archive)) if archive.release.is_debian() => return Ok(archive),
                Err(Failure::Interrupted) => return Err(Failure::Interrupted),
                Ok(archive) if candidate.exact => first = first.or(archive),
                Ok(_) => {}
                Err(failure) if candidate.exact && failed.is_none() => failed = Some(failure),
                Err(failure) => (self.events)(format!(
                    "{} is not used for {}: {failure}",
                    shown(&candidate.entry.base),
                    candidate.suite
                )),
            }
        }
        match failed {
            Some(failure) => Err(failure),
            None => first.ok_or_else(|| no_mirror(request, candidates.is_empty()).into()),
        }
    }

    /// Opens a suite at a mirror; `None` when the mirror does not have it.
    fn open(
        &mut self,
        base: &str,
        suite: &str,
        entry: Option<&Entry>,
    ) -> Result<Option<Rc<Archive>>, Failure> {
        let base = base.trim_end_matches('/');
        let key = (base.to_owned(), suite.to_owned());
        if let Some(known) = self.known.get(&key) {
            return Ok(known.clone());
        }
        demand_online(self.options, base, suite)?;
        (self.events)(format!("reading the release file of {suite} at {}", shown(base)));
        let text = match small::read(base, &format!("dists/{suite}/InRelease"), RELEASE_LIMIT, self.stop)? {
            Some(bytes) => Some(self.believe(&bytes, base, suite, entry)?),
            None => self.without_signature(base, suite)?,
        };
        let archive = text.map(|text| read(&text, base, suite, entry)).transpose()?.map(Rc::new);
        self.known.insert(key, archive.clone());
        Ok(archive)
    }

    /// What a suite without `InRelease` says, if that is allowed.
    fn without_signature(&self, base: &str, suite: &str) -> Result<Option<String>, Failure> {
        let Some(bytes) = small::read(base, &format!("dists/{suite}/Release"), RELEASE_LIMIT, self.stop)?
        else {
            return Ok(None);
        };
        if !self.options.allow_unsigned {
            return Err(unsigned(base, suite, "it has no InRelease").into());
        }
        (self.events)(format!("warning: {suite} at {} is not signed", shown(base)));
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// The text of an `InRelease` whose signature is good, or need not be.
    fn believe(
        &self,
        bytes: &[u8],
        base: &str,
        suite: &str,
        entry: Option<&Entry>,
    ) -> Result<String, Failure> {
        let signed = match Signed::read(bytes) {
            Ok(signed) => signed,
            Err(_) if self.options.allow_unsigned => {
                (self.events)(format!("warning: {suite} at {} is not signed", shown(base)));
                return Ok(String::from_utf8_lossy(bytes).into_owned());
            }
            Err(why) => return Err(unsigned(base, suite, &why).into()),
        };
        match self.verify(&signed, base, suite, entry) {
            Ok(Verified { text, signer }) => {
                (self.events)(format!("{suite} at {} is signed by {signer}", shown(base)));
                Ok(text)
            }
            Err(problem) if self.options.allow_unsigned => {
                (self.events)(format!("warning: {}", problem.message));
                Ok(signed.unchecked())
            }
            Err(problem) => Err(problem.into()),
        }
    }

    fn verify(
        &self,
        signed: &Signed,
        base: &str,
        suite: &str,
        entry: Option<&Entry>,
    ) -> Result<Verified, Problem> {
        let options = self.options;
        let ring = keyring::load(&options.apt_root, entry.map(|entry| &entry.signed_by), &options.keyrings)?;
        let keys: &[SignedPublicKey] = &ring.keys;
        signed.verify(keys, date::now()).map_err(|reasons| {
            let message = format!(
                "the release file of {suite} at {} has no good signature: {}",
                shown(base),
                reasons.join("; ")
            );
            Problem::new("release-signature", message).help(format!(
                "keys were taken from {}; give another keyring with `--keyring FILE`, or take the archive without a \
                 signature with `--allow-unsigned`",
                ring.names.join(", ")
            ))
        })
    }
}

/// Refuses what needs a network when there must be none.
pub(super) fn demand_online(options: &ResolveOptions, base: &str, suite: &str) -> Result<(), Problem> {
    if !options.offline || mirror::is_local(base) {
        return Ok(());
    }
    let message = format!("finding packages of {suite} needs {}, and nothing may be fetched", shown(base));
    Err(Problem::new("offline", message)
        .help("run without `--offline`, or name a mirror on this machine with `--mirror DIRECTORY`"))
}

fn unsigned(base: &str, suite: &str, why: &str) -> Problem {
    Problem::new(
        "release-unsigned",
        format!("the release file of {suite} at {} is not signed: {why}", shown(base)),
    )
    .help("take the archive without a signature with `--allow-unsigned`, if you trust the way to it")
}

fn no_mirror(request: &Request, nothing: bool) -> Problem {
    let suite = request.suite.as_deref().unwrap_or("any suite");
    let message = if nothing {
        format!("there is no mirror to look for {} at: this host's apt names none", request.package)
    } else {
        format!("none of the mirrors that this host's apt names is Debian's and has {suite}")
    };
    Problem::new("no-mirror", message)
        .help("give a mirror with `--mirror URL`, or with `mirror=` at the source in the manifest")
}

/// Reads a release file that is believed, and holds it against what was asked for and against the clock.
fn read(text: &str, base: &str, suite: &str, entry: Option<&Entry>) -> Result<Archive, Problem> {
    let at = format!("{suite} at {}", shown(base));
    let release = Release::parse(text).map_err(|why| {
        Problem::new("release-damaged", format!("the release file of {at} is damaged: {why}"))
            .help("try another mirror with `--mirror URL`")
    })?;
    // Otherwise who stands between could answer with another, older suite that Debian signed as well.
    if release.is_debian() && !release.is_about(suite) {
        let message = format!("the release file of {at} is that of {}", release.names.join(" or "));
        return Err(Problem::new("suite-mismatch", message).help("try another mirror with `--mirror URL`"));
    }
    let checked = entry.is_none_or(|entry| entry.check_valid_until);
    if let Some(end) = release.valid_until.filter(|end| checked && *end <= date::now()) {
        let message = format!("the release file of {at} was valid until {}", date::day(end));
        return Err(Problem::new("release-expired", message).help(
            "the mirror is no longer kept up, or this machine's clock is wrong; for an archive of the past say \
             `Check-Valid-Until: no` at its entry in apt's configuration",
        ));
    }
    Ok(Archive { base: base.to_owned(), suite: suite.to_owned(), release })
}
