//! Signatures over release files (OpenPGP's cleartext form, RFC 9580 section 7): one good one by a key that counts is enough.
//!
//! The rules are those of gpgv and apt: a key that is revoked, or has expired by now, makes no good signature; SHA-1 and older
//! digests are refused; a subkey counts when its primary key bound it for signing and it agreed.

use pgp::{
    composed::{CleartextSignedMessage, SignedPublicKey, SignedPublicSubKey},
    crypto::hash::HashAlgorithm,
    packet::{Signature, SignatureType, SubpacketData},
    types::{KeyDetails, PublicKeyTrait, Tag},
};

use super::date;
use crate::fetch::pinned::hex;

/// A text that was signed, and by whom.
#[derive(Debug)]
pub(super) struct Verified {
    /// Exactly what the signature covers.
    pub text: String,
    /// The fingerprint of the key that made the signature.
    pub signer: String,
}

/// A message in the cleartext form, not checked yet.
pub(super) struct Signed {
    message: CleartextSignedMessage,
    text: String,
}

impl Signed {
    /// Reads a message; nothing may stand before or behind it.
    ///
    /// # Errors
    /// A sentence that says why it is none.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
        let (message, _headers) =
            CleartextSignedMessage::from_string(text.trim_end()).map_err(|error| error.to_string())?;
        let text = message.signed_text();
        Ok(Self { message, text })
    }

    /// The text without a check.
    pub(super) fn unchecked(self) -> String {
        self.text
    }

    /// Gives the text when one of the signatures is good at the time `now`, in seconds since 1970.
    ///
    /// # Errors
    /// For each signature why it is not.
    pub(super) fn verify(&self, keys: &[SignedPublicKey], now: i64) -> Result<Verified, Vec<String>> {
        let mut reasons = Vec::new();
        for signature in self.message.signatures() {
            match good(&signature.signature, self.text.as_bytes(), keys, now) {
                Ok(signer) => return Ok(Verified { text: self.text.clone(), signer }),
                Err(reason) => reasons.push(reason),
            }
        }
        if reasons.is_empty() {
            reasons.push("it holds no signature".to_owned());
        }
        Err(reasons)
    }
}

/// The fingerprint of the key that made a signature over `text`, if the signature is good.
fn good(signature: &Signature, text: &[u8], keys: &[SignedPublicKey], now: i64) -> Result<String, String> {
    if signature.typ() != Some(SignatureType::Text) {
        return Err("a signature is not one over text".to_owned());
    }
    if !signature.hash_alg().is_some_and(is_strong) {
        let name =
            signature.hash_alg().map_or_else(|| "an unknown digest".to_owned(), |hash| hash.to_string());
        return Err(format!("a signature is made with {name}, which is not safe"));
    }
    let made = made(signature).ok_or("a signature does not say when it was made")?;
    let end = signature.signature_expiration_time().map(|span| made.saturating_add(span.num_seconds()));
    if let Some(end) = end.filter(|end| *end <= now) {
        return Err(format!("a signature expired on {}", date::day(end)));
    }
    let mut reason = format!("key {} is not in the keyring", issuer(signature));
    for key in keys {
        let subkeys = key.public_subkeys.iter().map(|subkey| (&subkey.key as &dyn KeyDetails, Some(subkey)));
        let all = std::iter::once((&key.primary_key as &dyn KeyDetails, None)).chain(subkeys);
        for (part, subkey) in all.filter(|(part, _)| names(signature, *part)) {
            let matches = match subkey {
                None => signature.verify(&key.primary_key, text),
                Some(subkey) => signature.verify(&subkey.key, text),
            };
            let name = fingerprint(part);
            if matches.is_err() {
                reason = format!("the text is not what key {name} signed: it was altered");
                continue;
            }
            match usable(key, subkey, made, now) {
                Ok(()) => return Ok(name),
                Err(why) => reason = format!("key {name} {why}"),
            }
        }
    }
    Err(reason)
}

/// Digests for which nobody can make a second text: SHA-2 and SHA-3 of 256 bits and more.
fn is_strong(hash: HashAlgorithm) -> bool {
    use HashAlgorithm::{Sha3_256, Sha3_512, Sha256, Sha384, Sha512};
    matches!(hash, Sha256 | Sha384 | Sha512 | Sha3_256 | Sha3_512)
}

/// Whether a signature says that this key made it, or does not say which one did.
fn names(signature: &Signature, key: &dyn KeyDetails) -> bool {
    let (ids, prints) = (signature.issuer(), signature.issuer_fingerprint());
    (ids.is_empty() && prints.is_empty())
        || ids.contains(&&key.key_id())
        || prints.contains(&&key.fingerprint())
}

fn fingerprint(key: &dyn KeyDetails) -> String {
    hex(key.fingerprint().as_bytes()).to_ascii_uppercase()
}

fn issuer(signature: &Signature) -> String {
    let print = signature.issuer_fingerprint().first().map(|print| hex(print.as_bytes()));
    let id = || signature.issuer().first().map(|id| hex(id.as_ref()));
    print.or_else(id).unwrap_or_else(|| "(unnamed)".to_owned()).to_ascii_uppercase()
}

/// Whether a key, or a subkey of it, may sign at the time `now`; why not.
fn usable(
    key: &SignedPublicKey,
    subkey: Option<&SignedPublicSubKey>,
    made: i64,
    now: i64,
) -> Result<(), String> {
    let primary = &key.primary_key;
    if key.details.revocation_signatures.iter().any(|signature| signature.verify_key(primary).is_ok()) {
        return Err("is revoked".to_owned());
    }
    let own = newest(own_signatures(key)).ok_or("has no good signature over itself")?;
    within(primary.created_at().timestamp(), own, made, now)?;
    let Some(subkey) = subkey else {
        return if may_sign(own, true) { Ok(()) } else { Err("is not meant for signing".to_owned()) };
    };
    let bound = |signature: &&Signature| signature.verify_subkey_binding(primary, &subkey.key).is_ok();
    let of_type = |kind: SignatureType| {
        subkey.signatures.iter().filter(move |signature| signature.typ() == Some(kind)).filter(bound)
    };
    if of_type(SignatureType::SubkeyRevocation).next().is_some() {
        return Err("is revoked".to_owned());
    }
    let binding = newest(of_type(SignatureType::SubkeyBinding)).ok_or("is not bound to its primary key")?;
    let agreed = binding.embedded_signature().is_some_and(|back| {
        back.typ() == Some(SignatureType::KeyBinding)
            && back.verify_primary_key_binding(&subkey.key, primary).is_ok()
    });
    if !may_sign(binding, false) || !agreed {
        return Err("is not meant for signing".to_owned());
    }
    within(subkey.key.created_at().timestamp(), binding, made, now)
}

/// The signatures of a key over itself: with its user ids, or directly.
fn own_signatures(key: &SignedPublicKey) -> impl Iterator<Item = &Signature> {
    let primary = &key.primary_key;
    let users = key.details.users.iter().flat_map(move |user| {
        user.signatures.iter().filter(move |signature| {
            let kinds = [
                SignatureType::CertGeneric,
                SignatureType::CertPersona,
                SignatureType::CertCasual,
                SignatureType::CertPositive,
            ];
            // Signatures of other people stand here too; only one by the key itself can verify with it.
            signature.typ().is_some_and(|kind| kinds.contains(&kind))
                && names(signature, primary)
                && signature.verify_certification(primary, Tag::UserId, &user.id).is_ok()
        })
    });
    let direct = key.details.direct_signatures.iter().filter(move |signature| {
        signature.typ() == Some(SignatureType::Key) && signature.verify_key(primary).is_ok()
    });
    users.chain(direct)
}

/// When a signature was made, in seconds since 1970.
fn made(signature: &Signature) -> Option<i64> {
    let time = signature.created()?;
    Some(time.timestamp())
}

fn newest<'s>(signatures: impl Iterator<Item = &'s Signature>) -> Option<&'s Signature> {
    signatures.max_by_key(|signature| made(signature))
}

/// Whether a key's flags allow signing; `unsaid` is what holds when there are none.
fn may_sign(signature: &Signature, unsaid: bool) -> bool {
    let said = signature.config().is_some_and(|config| {
        config.hashed_subpackets().any(|packet| matches!(packet.data, SubpacketData::KeyFlags(_)))
    });
    if said { signature.key_flags().sign() } else { unsaid }
}

/// Whether the key lived when the signature was made and lives now. `own` says for how long it does.
fn within(created: i64, own: &Signature, made: i64, now: i64) -> Result<(), String> {
    if made < created {
        return Err("is younger than its signature".to_owned());
    }
    let Some(span) = own.key_expiration_time() else { return Ok(()) };
    // A span of 0 says that the key never expires.
    let end = created.saturating_add(span.num_seconds());
    if end > created && end <= now { Err(format!("expired on {}", date::day(end))) } else { Ok(()) }
}
