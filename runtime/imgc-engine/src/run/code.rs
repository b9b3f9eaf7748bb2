//! Fingerprints of the code behind each step.

use imgc_image::Failure;
use imgc_plan::Op;

mod made {
    include!(concat!(env!("OUT_DIR"), "/fingerprints.rs"));
}

/// The digest of the code that decides what a step gives.
///
/// # Errors
/// When the step names a kind that there is not: a plan of another version.
pub fn fingerprint(op: &Op) -> Result<[u8; 32], Failure> {
    let own = match op {
        // What is fetched is pinned by its SHA-256; no code of ours can change it.
        Op::Fetch(_) => return Ok(*blake3::hash(b"imgc fetch v1").as_bytes()),
        Op::Scan(_) => made::SCAN,
        Op::Compose(_) => made::COMPOSE,
        Op::ExportTree(_) => made::DIRECTORY,
        _ => made::KINDS,
    };
    let kind = match op.kind() {
        None if matches!(op, Op::Verity(_)) => imgc_formats::verity_fingerprint(),
        None => imgc_formats::shared_fingerprint(),
        Some((family, kind)) => {
            let missing = || Failure::Bug(format!("there is no kind `{kind}` for a {} step", op.name()));
            imgc_formats::fingerprint(family, kind).ok_or_else(missing)?
        }
    };
    Ok(*blake3::hash(&[own, kind].concat()).as_bytes())
}
