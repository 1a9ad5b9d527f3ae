//! Addresses of an identity provider: by TLS, or in plain text on the same machine (RFC 3986 §3).

use alloc::borrow::ToOwned;
use alloc::string::String;

/// Bytes of an address.
const URL_BYTES: usize = 2048;
/// Names of the same machine, between which and us nobody listens.
const LOOPBACK: [&str; 3] = ["127.0.0.1", "[::1]", "localhost"];

/// Where something is to be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// By TLS.
    pub secure: bool,
    /// Host, in lower case, and port if one is named.
    pub authority: String,
    /// Path and query, beginning with a slash.
    pub path: String,
}

impl Url {
    /// Reads an absolute address; `None` for another scheme than `https` (`http` on the same
    /// machine), for a user in it, a fragment, and characters that a URL does not have.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (secure, rest) = match text.split_once("://")? {
            ("https", rest) => (true, rest),
            ("http", rest) => (false, rest),
            _ => return None,
        };
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end)?;
        let path = match path.strip_prefix('?') {
            Some(_) => return None,
            None if path.is_empty() => "/",
            None => path,
        };
        let of_authority = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
        let of_path = |byte: u8| byte.is_ascii_graphic() && !b"\"#<>\\^`{|}".contains(&byte);
        let fits = text.len() <= URL_BYTES
            && !authority.is_empty()
            && authority.bytes().all(of_authority)
            && path.bytes().all(of_path);
        let url = Self { secure, authority: authority.to_ascii_lowercase(), path: path.to_owned() };
        (fits && (secure || LOOPBACK.contains(&url.host()))).then_some(url)
    }

    /// The authority without its port.
    fn host(&self) -> &str {
        match self.authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => &self.authority,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Url;

    #[test]
    fn only_safe_addresses_are_read() {
        for (text, authority, path) in [
            ("https://login.example", "login.example", "/"),
            ("https://LOGIN.example:8443/realms/a?b=c", "login.example:8443", "/realms/a?b=c"),
            ("http://127.0.0.1:9000/keys", "127.0.0.1:9000", "/keys"),
            ("http://[::1]/keys", "[::1]", "/keys"),
            ("http://localhost:1/", "localhost:1", "/"),
        ] {
            let url = Url::parse(text).unwrap();
            assert_eq!((&*url.authority, &*url.path), (authority, path));
        }
        for text in [
            "",
            "login.example",
            "http://login.example/",
            "http://127.0.0.1.evil.example/",
            "http://127.0.0.1@evil.example/",
            "ftp://127.0.0.1/",
            "file:///etc/passwd",
            "https:///keys",
            "https://a b/",
            "https://a/#b",
            "https://a/b c",
            "https://a/\u{e9}",
            "https://a\r\nx: y/",
            "https://a?b",
        ] {
            assert_eq!(Url::parse(text), None, "{text}");
        }
    }
}
