//! The application behind the gateway, as its URL names it.

use core::net::IpAddr;

use anyhow::{Context, Result, bail};
use http::Uri;

/// Scheme, address and base path of an upstream.
pub(super) struct Upstream {
    host: String,
    port: Option<u16>,
    tls: bool,
    base: String,
}

impl Upstream {
    /// Reads a SCIM root URL.
    pub(super) fn parse(url: &str) -> Result<Self> {
        let uri: Uri = url.parse().context("--upstream: is no URL")?;
        let tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => bail!("--upstream: must begin with http:// or https://"),
        };
        let authority = uri.authority().context("--upstream: names no host")?;
        if authority.as_str().contains('@') {
            bail!("--upstream: must hold no credential; use --upstream-token");
        }
        if uri.query().is_some() {
            bail!("--upstream: must hold no query");
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let (port, path) = (authority.port_u16(), uri.path().trim_end_matches('/'));
        let base = if path.is_empty() { "/".to_owned() } else { path.to_owned() };
        Ok(Self { host, port, tls, base })
    }

    /// Host name or address, without brackets.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// The address, if the host is none that needs a look-up.
    pub(super) fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// The port, by the scheme if the URL has none.
    pub(super) fn port(&self) -> u16 {
        self.port.unwrap_or(if self.tls { 443 } else { 80 })
    }

    /// Whether it is reached by TLS.
    pub(super) const fn tls(&self) -> bool {
        self.tls
    }

    /// The base path, beginning with a slash.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// The value of the `host` header.
    pub(super) fn authority(&self) -> String {
        let host =
            if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        self.port.map_or(host.clone(), |port| format!("{host}:{port}"))
    }
}

#[cfg(test)]
mod tests {
    use super::Upstream;

    #[test]
    fn urls_are_read() {
        for (url, authority, port, tls, base) in [
            ("http://app.example", "app.example", 80, false, "/"),
            ("https://app.example/scim/", "app.example", 443, true, "/scim"),
            ("http://127.0.0.1:8080/a/b", "127.0.0.1:8080", 8080, false, "/a/b"),
            ("https://[::1]:8443/v2", "[::1]:8443", 8443, true, "/v2"),
        ] {
            let upstream = Upstream::parse(url).unwrap();
            assert_eq!(upstream.authority(), authority);
            assert_eq!((upstream.port(), upstream.tls(), upstream.base()), (port, tls, base));
        }
        for url in ["", "app.example", "ftp://a/b", "http://u:p@a/", "http://a/b?c=d"] {
            assert!(Upstream::parse(url).is_err(), "{url}");
        }
    }
}
