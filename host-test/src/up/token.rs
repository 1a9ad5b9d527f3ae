//! Which bearer token the service takes.

use anyhow::ensure;
use scim_core::auth::token::generate;
use sha2::{Digest as _, Sha256};

use super::data::Data;
use crate::storage::OsRandom;

/// Fewest characters of a token that is given.
const MIN_LENGTH: usize = 16;

/// The token of the client `default`, of which only the hash is kept.
pub(super) enum Token {
    /// Given with this start.
    Given { sha256: String },
    /// Made now; its text is shown once.
    Made { text: String, sha256: String },
    /// Made by an earlier start.
    Kept { sha256: String },
    /// None: the configuration names the clients.
    Configured,
}

impl Token {
    /// The SHA-256 in hexadecimal digits.
    pub(super) fn sha256(&self) -> Option<&str> {
        match self {
            Self::Given { sha256 } | Self::Made { sha256, .. } | Self::Kept { sha256 } => {
                Some(sha256)
            }
            Self::Configured => None,
        }
    }
}

/// The token given, else the one kept, else, if nothing else lets anybody in, a new one. Without a
/// data folder, which could keep one, only a given one counts.
///
/// # Errors
///
/// When the given token is too weak, or the data folder cannot be read or written.
pub(super) fn resolve(
    given: Option<&str>,
    data: Option<&Data>,
    configured: bool,
) -> anyhow::Result<Token> {
    if let Some(text) = given {
        ensure!(
            text.len() >= MIN_LENGTH && text.bytes().all(|byte| byte.is_ascii_graphic()),
            "the token must have {MIN_LENGTH} or more characters, all of them visible ASCII"
        );
        return Ok(Token::Given { sha256: hash(text) });
    }
    let Some(data) = data else { return Ok(Token::Configured) };
    if let Some(sha256) = data.kept_token()? {
        return Ok(Token::Kept { sha256 });
    }
    if configured {
        return Ok(Token::Configured);
    }
    let text = generate(&OsRandom);
    let sha256 = hash(&text);
    data.keep_token(&sha256)?;
    Ok(Token::Made { text, sha256 })
}

fn hash(text: &str) -> String {
    use core::fmt::Write as _;
    let mut digits = String::with_capacity(64);
    for byte in Sha256::digest(text.as_bytes()) {
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}
