//! Sources: packages are fetched and unpacked, directories and files scanned.

use std::collections::BTreeMap;

use imgc_plan::{
    Input, Op,
    lock::{Lock, Pin},
    step::{Fetch, Keep, Scan, ScanWhat, Unpack},
};

use super::{
    build::{Build, Thing},
    needs::Needs,
};
use crate::{
    compilation::Origin,
    decode::Cx,
    diagnostic::Diagnostic,
    model::source::{Origin as From, PACKAGE, Source},
};

/// What is taken over from packages: they are the same on every machine, so all that they say but their times, which
/// are the image's.
const OF_PACKAGES: Keep = Keep { mtime: false, ..Keep::ALL };

/// The pins of the packages that are needed, by source; reports those that the lock lacks.
pub fn pins<'a>(
    cx: &Cx<'_>,
    sources: &[Source],
    needs: &Needs,
    lock: Option<&'a Lock>,
) -> BTreeMap<usize, &'a Pin> {
    let mut pins = BTreeMap::new();
    for (at, source) in sources.iter().enumerate().filter(|(at, _)| needs.sources.contains(at)) {
        let From::Package { request, span } = &source.origin else { continue };
        let pin = lock.and_then(|lock| lock.find(request));
        if let Some(pin) = pin {
            pins.insert(at, pin);
        } else {
            let message = format!("the lock file does not say which `{}` is meant", request.package);
            cx.report(Diagnostic::error("package-not-pinned", *span, message).help("run `imgc lock`"));
        }
    }
    pins
}

/// The step that makes a source's tree.
pub fn lower(build: &mut Build<'_>, at: usize) -> Option<usize> {
    let source = &build.sources[at];
    let name = || (format!("source {}", source.name.value), source.name.span);
    build.once(Thing::Source(at), name, |build| Some(lower_new(build, at, source)))
}

fn lower_new(build: &mut Build<'_>, at: usize, source: &Source) -> usize {
    let epoch = build.plan.epoch;
    match &source.origin {
        From::Package { request, span } => {
            let pin = build.pins.get(&at).copied();
            let pin = pin.expect("because a package without a pin was reported, and there is no plan then");
            let origin = Origin { span: *span, ..Origin::default() };
            let fetch = Fetch {
                path: pin.path.clone(),
                size: pin.size,
                sha256: pin.sha256.clone(),
                mirror: request.mirror.clone(),
                name: format!("{} {}", pin.name, pin.version),
            };
            let label = format!("fetch {}", fetch.name);
            let bytes = build.push(label, Op::Fetch(fetch), Vec::new(), origin.clone());
            let unpack = Unpack { kind: PACKAGE.to_owned(), keep: OF_PACKAGES, epoch };
            build.push(format!("unpack {}", pin.name), Op::Unpack(unpack), vec![Input::of(bytes)], origin)
        }
        From::Local { path, dir, include, exclude, keep } => {
            let scan = Scan {
                path: path.value.clone(),
                what: if *dir { ScanWhat::Dir } else { ScanWhat::File },
                include: include.clone(),
                exclude: exclude.clone(),
                keep: keep.map(|keep| keep.value).unwrap_or_default(),
                epoch,
            };
            let origin = Origin { span: path.span, ..Origin::default() };
            build.push(format!("scan {}", path.value), Op::Scan(scan), Vec::new(), origin)
        }
    }
}
