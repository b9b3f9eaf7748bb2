//! Attaches a signature that was made elsewhere: no key ever comes near a build.
//!
//! Microsoft, "Windows Authenticode Portable Executable Signature Format", 2008: what is hashed, and where the signature lies.

use std::sync::Arc;

use imgc_image::{Bytes, BytesBuilder, Failure, Problem, Reader, Store};
use sha2::{Digest, Sha256};

use crate::pe::{Field, PKCS_SIGNED_DATA, Pe, Section};

/// `wRevision` of a certificate entry (`WIN_CERT_REVISION_2_0`).
const REVISION: u16 = 0x0200;

/// Bytes that are read at once when the image is hashed.
const READ: u64 = 1 << 20;

/// The image with this PKCS #7 behind it.
///
/// # Errors
/// When the signature is none, or one of another image; when the image has no directory for it or cannot be read.
pub fn attach(image: Bytes, signature: &[u8], store: &dyn Store) -> Result<Bytes, Failure> {
    let image = Arc::new(image);
    let reader = Reader::new(&image, store);
    let mut pe = Pe::read(&reader).map_err(|error| error.of("stub-odd", "`/stub`"))?;
    let digest = digest(&pe, &reader, image.len())?;
    check(signature, &digest)?;
    if pe.at(Field::CertificatesAt).is_none() {
        let message =
            "the headers of `/stub` have no directory of certificates, so the image cannot be signed";
        return Err(Problem::new("stub-odd", message).into());
    }
    let whole = 8 + signature.len();
    let padded = whole.next_multiple_of(8);
    let narrow = |value: u64| {
        u32::try_from(value)
            .map_err(|_| Problem::new("image-too-large", "the unified kernel image would have 4 GiB or more"))
    };
    pe.set(Field::CertificatesAt, narrow(image.len())?);
    pe.set(Field::CertificatesLen, narrow(padded as u64)?);
    // dwLength counts what fills the entry up, too, as every signing tool has it.
    let mut entry = narrow(padded as u64)?.to_le_bytes().to_vec();
    entry.extend_from_slice(&REVISION.to_le_bytes());
    entry.extend_from_slice(&PKCS_SIGNED_DATA.to_le_bytes());
    entry.extend_from_slice(signature);
    entry.resize(padded, 0);
    let headers = pe.headers.len() as u64;
    let mut out = BytesBuilder::new(store);
    out.put(0, &pe.headers)?;
    out.part(headers, &image, headers, image.len() - headers);
    out.put(image.len(), &entry)?;
    Ok(out.finish(image.len() + padded as u64)?)
}

/// The digest that Authenticode signs: everything but the checksum and what says where signatures lie.
fn digest(pe: &Pe, reader: &Reader<'_>, len: u64) -> Result<[u8; 32], Failure> {
    let mut hasher = Sha256::new();
    let sum = pe.at(Field::CheckSum).unwrap_or(0);
    let (before, after) = (&pe.headers[..sum], &pe.headers[sum + 4..]);
    hasher.update(before);
    match pe.at(Field::CertificatesAt) {
        Some(at) => {
            hasher.update(&pe.headers[sum + 4..at]);
            hasher.update(&pe.headers[at + 8..]);
        }
        None => hasher.update(after),
    }
    let mut sections: Vec<&Section> =
        pe.sections.iter().filter(|section| section.size_of_raw_data != 0).collect();
    sections.sort_by_key(|section| section.pointer_to_raw_data);
    let mut hashed = pe.headers.len() as u64;
    for section in sections {
        hash(&mut hasher, reader, section.pointer_to_raw_data.into(), section.raw_end())?;
        hashed += u64::from(section.size_of_raw_data);
    }
    if hashed < len {
        hash(&mut hasher, reader, hashed, len)?;
    }
    Ok(hasher.finalize().into())
}

fn hash(hasher: &mut Sha256, reader: &Reader<'_>, from: u64, to: u64) -> Result<(), Failure> {
    let mut buf = vec![0; usize::try_from(READ).expect("because it is small")];
    let mut at = from;
    while at < to {
        let now = usize::try_from(READ.min(to - at)).expect("because it is at most READ");
        reader.read_at(at, &mut buf[..now])?;
        hasher.update(&buf[..now]);
        at += now as u64;
    }
    Ok(())
}

/// Whether this is a DER sequence that speaks of the digest. Whether firmware trusts who signed it, firmware knows.
fn check(signature: &[u8], digest: &[u8; 32]) -> Result<(), Problem> {
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    if sequence(signature) != Some(signature.len()) {
        return Err(Problem::new("signature-odd", "`/signature` is no PKCS #7 in DER")
            .help("`sbsign --detached` writes one; text between lines of `-----` is another form of it"));
    }
    // The OCTET STRING of DigestInfo in SpcIndirectDataContent.
    let wanted = [&[0x04, 0x20], &digest[..]].concat();
    if signature.windows(wanted.len()).any(|window| window == wanted) {
        return Ok(());
    }
    Err(Problem::new(
        "signature-of-another-image",
        format!("`/signature` is not of this image, whose Authenticode digest is {hex} (SHA-256)"),
    )
    .help("a part has changed since: build without `/signature` and `secure-boot`, and sign what that makes"))
}

/// The length of the DER SEQUENCE at the start, with its head (X.690, section 8.1).
fn sequence(der: &[u8]) -> Option<usize> {
    let (tag, first) = (*der.first()?, *der.get(1)?);
    if tag != 0x30 {
        return None;
    }
    if first < 0x80 {
        return Some(2 + usize::from(first));
    }
    let count = usize::from(first & 0x7f);
    let digits = der.get(2..2 + count).filter(|digits| (1..=4).contains(&digits.len()))?;
    let len = digits
        .iter()
        .try_fold(0usize, |len, digit| len.checked_mul(256)?.checked_add(usize::from(*digit)))?;
    len.checked_add(2 + count)
}
