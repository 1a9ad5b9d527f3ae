//! What stands before the body of a request: line and header fields (RFC 9112 §3, RFC 7644 §3.8).

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::config::Config;
use crate::protocol::Error;

/// Method, target and header fields of a request. Names are in lower case, values are as received.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// The method.
    pub method: &'a str,
    /// Path and query, as received.
    pub target: &'a str,
    /// Header fields.
    pub headers: &'a [(&'a str, &'a [u8])],
}

/// What an answer to a write should hold (RFC 7240 §4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Preference {
    /// No body.
    Minimal,
    /// The resource.
    Representation,
}

impl Preference {
    /// As the `preference-applied` field says it.
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Minimal => "return=minimal",
            Self::Representation => "return=representation",
        }
    }
}

/// The media type of SCIM (RFC 7644 §8.1).
pub(super) const SCIM_JSON: &str = "application/scim+json";
pub(super) const JSON: &str = "application/json";
/// A request id that a proxy gave may be this long; a longer one is replaced.
const REQUEST_ID_BYTES: usize = 64;

impl<'a> Head<'a> {
    pub(super) fn all(&self, name: &str) -> Vec<&'a [u8]> {
        self.headers.iter().filter(|(key, _)| *key == name).map(|(_, value)| *value).collect()
    }

    /// The first value of a field, if it is text.
    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        let (_, value) = self.headers.iter().find(|(key, _)| *key == name)?;
        core::str::from_utf8(value).ok().map(str::trim)
    }

    /// Refuses a body that is not plain JSON.
    ///
    /// # Errors
    /// 415.
    pub(super) fn check_content(&self) -> Result<(), Error> {
        let media_type = self.text("content-type").unwrap_or_default();
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case(SCIM_JSON) && !essence.eq_ignore_ascii_case(JSON) {
            return Err(Error::unsupported_media_type(format!(
                "the body must be {SCIM_JSON} or {JSON}"
            )));
        }
        match self.text("content-encoding") {
            None | Some("") => Ok(()),
            Some(coding) if coding.eq_ignore_ascii_case("identity") => Ok(()),
            Some(_) => Err(Error::unsupported_media_type("compressed bodies are not accepted")),
        }
    }

    /// The media type of the answer: plain JSON for a client that asks for nothing else
    /// (OneLogin), else SCIM's.
    pub(super) fn answer_type(&self) -> &'static str {
        let accept = self.text("accept").unwrap_or_default().to_ascii_lowercase();
        let takes = |name: &str| {
            accept.split(',').any(|range| range.split(';').next().unwrap_or("").trim() == name)
        };
        let scim = accept.is_empty() || takes(SCIM_JSON) || takes("*/*") || takes("application/*");
        if !scim && takes(JSON) { JSON } else { SCIM_JSON }
    }

    /// How much of the outcome the client prefers to see (RFC 7240 §4.2): of several, the first.
    pub(super) fn preference(&self) -> Option<Preference> {
        let fields = self.all("prefer");
        let texts = fields.iter().filter_map(|field| core::str::from_utf8(field).ok());
        let mut preferences = texts.flat_map(|text| text.split(','));
        preferences.find_map(|preference| {
            let (name, value) = preference.split(';').next()?.split_once('=')?;
            if !name.trim().eq_ignore_ascii_case("return") {
                return None;
            }
            match value.trim().trim_matches('"').to_ascii_lowercase().as_str() {
                "minimal" => Some(Preference::Minimal),
                "representation" => Some(Preference::Representation),
                _ => None,
            }
        })
    }

    /// The id that a proxy gave the request, if it is harmless.
    pub(super) fn request_id(&self) -> Option<&'a str> {
        let harmless = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        self.text("x-request-id")
            .filter(|id| !id.is_empty() && id.len() <= REQUEST_ID_BYTES && id.bytes().all(harmless))
    }

    /// Scheme and authority of the URIs in an answer: configured, or as a trusted proxy says, or
    /// as the client wrote it.
    pub(super) fn origin(&self, config: &Config) -> String {
        if let Some(url) = &config.public_url {
            return url.clone();
        }
        let forwarded =
            |name: &str| config.trust_forwarded.then(|| first(self.text(name)?)).flatten();
        let scheme = match forwarded("x-forwarded-proto") {
            Some("https") => "https",
            _ => "http",
        };
        let authority = forwarded("x-forwarded-host")
            .and_then(authority)
            .or_else(|| authority(self.text("host")?))
            .unwrap_or("localhost");
        format!("{scheme}://{authority}")
    }
}

fn first(list: &str) -> Option<&str> {
    list.split(',').next().map(str::trim)
}

fn authority(text: &str) -> Option<&str> {
    let good = |b: u8| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b);
    (!text.is_empty() && text.len() <= 255 && text.bytes().all(good)).then_some(text)
}
