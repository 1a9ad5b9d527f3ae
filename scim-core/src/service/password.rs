//! Passwords: dropped, or kept as a hash that nobody gets to see (RFC 7643 §4.1.1, §7.5).
//!
//! Argon2id (RFC 9106) with 7 MiB, 5 passes and one lane: of the parameters that OWASP holds to be
//! equally strong, those with the least memory, since the memory of a wasm instance never shrinks.

use alloc::string::{String, ToString};
use core::cell::RefCell;

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use serde_json::Value;

use crate::port::Random;
use crate::protocol::Error;
use crate::protocol::json::Object;

/// The attribute.
const PASSWORD: &str = "password";
/// Memory in KiB.
const MEMORY_KIB: u32 = 7 * 1024;
/// Passes over the memory.
const PASSES: u32 = 5;
/// Lanes: an instance has one thread.
const LANES: u32 = 1;
/// Bytes of salt (RFC 9106 §3.1).
const SALT_BYTES: usize = 16;

/// What becomes of the passwords that clients send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Passwords {
    /// They are dropped.
    #[default]
    Drop,
    /// They are hashed.
    Hash,
}

/// What becomes of one password, so that a transaction that runs again need not hash again.
#[derive(Default)]
pub(super) struct Settled(RefCell<Option<Settlement>>);

#[derive(Clone)]
struct Settlement {
    given: String,
    before: Option<String>,
    stored: String,
}

/// How passwords are kept, and where salt comes from.
#[derive(Clone, Copy)]
pub(super) struct Keeping<'a> {
    pub(super) passwords: Passwords,
    pub(super) random: &'a dyn Random,
}

impl Keeping<'_> {
    /// Puts what is to be stored in place of the password that a client sent. A password that is
    /// the same as before keeps its hash, so that nothing changes.
    ///
    /// # Errors
    /// 500, when the hash cannot be made.
    pub(super) fn settle(
        &self,
        settled: &Settled,
        before: Option<&Object>,
        attributes: &mut Object,
    ) -> Result<(), Error> {
        let given = match attributes.get(PASSWORD) {
            Some(Value::String(given)) if self.passwords == Passwords::Hash => given.clone(),
            _ => {
                attributes.remove(PASSWORD);
                return Ok(());
            }
        };
        let before = before.and_then(|before| before.get(PASSWORD)).and_then(Value::as_str);
        // What was read from the record is its hash already.
        if before == Some(&*given) {
            return Ok(());
        }
        let known = settled.0.borrow().clone();
        let known = known.filter(|known| known.given == given && known.before.as_deref() == before);
        let stored = match (known, before) {
            (Some(known), _) => known.stored,
            (None, Some(before)) if is_of(&given, before) => before.to_string(),
            (None, _) => hash(&given, self.random)?,
        };
        let before = before.map(ToString::to_string);
        settled.0.replace(Some(Settlement { given, before, stored: stored.clone() }));
        attributes.insert(PASSWORD.into(), stored.into());
        Ok(())
    }
}

fn argon2() -> Result<Argon2<'static>, Error> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|_| failed())?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// The hash as a PHC string: algorithm, parameters, salt and hash.
fn hash(password: &str, random: &dyn Random) -> Result<String, Error> {
    let mut salt = [0; SALT_BYTES];
    random.fill(&mut salt);
    let salt = SaltString::encode_b64(&salt).map_err(|_| failed())?;
    let hash = argon2()?.hash_password(password.as_bytes(), &salt).map_err(|_| failed())?;
    Ok(hash.to_string())
}

fn is_of(password: &str, hash: &str) -> bool {
    let Ok(hash) = PasswordHash::new(hash) else { return false };
    argon2().is_ok_and(|argon2| argon2.verify_password(password.as_bytes(), &hash).is_ok())
}

fn failed() -> Error {
    Error::internal("the password cannot be stored")
}

#[cfg(test)]
mod tests;
