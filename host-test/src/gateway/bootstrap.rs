//! Envoy's configuration: one listener, the filter, one upstream.

use core::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::upstream::Upstream;

/// Bytes of a request body that the filter takes unless its configuration says another number.
const BODY_BYTES: u64 = 1024 * 1024;
/// Bytes that Envoy holds beyond the filter's limit, so that the filter's own refusal comes first.
const BODY_HEADROOM: u64 = 256 * 1024;
const CONNECT_TIMEOUT: &str = "5s";
const ANSWER_TIMEOUT: &str = "60s";
const HEADERS_TIMEOUT: &str = "10s";
const REQUEST_TIMEOUT: &str = "60s";
/// The audit line that the filter leaves. The path is no part of it: filters hold personal data.
const ACCESS_LOG: &str = "%START_TIME% %RESPONSE_CODE% %DURATION%ms \
                          %FILTER_STATE(wasm.scim_audit:PLAIN)%\n";
/// How Envoy finds labels in the names of the filter's counters.
const STATS_TAGS: [(&str, &str); 3] = [
    ("result", r"(\.result=([^;]+))"),
    ("client", r"(;client=([^;]+))"),
    ("tenant", r"(;tenant=([^;]+))"),
];
/// Where systems keep the certificates that they trust.
const SYSTEM_CA_FILES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Where Envoy's admin interface listens.
pub(super) enum Admin {
    /// An address, because the user asked for it.
    Tcp(SocketAddr),
    /// A socket in a directory that only this user can enter: the gateway itself drains by it.
    Socket(PathBuf),
}

/// What the configuration is made from.
pub(super) struct Bootstrap<'a> {
    pub(super) listen: SocketAddr,
    pub(super) admin: &'a Admin,
    pub(super) upstream: &'a Upstream,
    /// Whom the filter itself calls, by the names of their clusters.
    pub(super) clusters: &'a [(String, Upstream)],
    pub(super) wasm: &'a Path,
    pub(super) filter: &'a Value,
    /// The environment variables that the filter sees.
    pub(super) variables: &'a [String],
}

impl Bootstrap<'_> {
    /// The configuration, in the JSON form of Envoy's v3 API.
    pub(super) fn to_json(&self) -> Result<Value> {
        let admin = match self.admin {
            Admin::Tcp(address) => socket_address(*address),
            Admin::Socket(path) => json!({"pipe": {"path": text(path)?, "mode": 0o600}}),
        };
        let body_bytes = self.filter.pointer("/limits/body_bytes").and_then(Value::as_u64);
        let buffer = body_bytes.unwrap_or(BODY_BYTES).saturating_add(BODY_HEADROOM);
        Ok(json!({
            "admin": {"address": admin},
            // The labels of the filter's counters.
            "stats_config": {"stats_tags": STATS_TAGS.map(|(name, pattern)| {
                json!({"tag_name": name, "regex": pattern})
            })},
            "static_resources": {
                "listeners": [{
                    "name": "scim",
                    "address": socket_address(self.listen),
                    "per_connection_buffer_limit_bytes": u32::try_from(buffer).unwrap_or(u32::MAX),
                    "filter_chains": [{"filters": [{
                        "name": "envoy.filters.network.http_connection_manager",
                        "typed_config": self.http_connection_manager()?,
                    }]}],
                }],
                "clusters": self.clusters()?,
            },
        }))
    }

    fn http_connection_manager(&self) -> Result<Value> {
        Ok(json!({
            "@type": "type.googleapis.com/envoy.extensions.filters.network.\
                      http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "scim",
            "use_remote_address": true,
            "request_headers_timeout": HEADERS_TIMEOUT,
            "request_timeout": REQUEST_TIMEOUT,
            "http2_protocol_options": {"max_concurrent_streams": 100},
            "access_log": [{
                "name": "envoy.access_loggers.stderr",
                "typed_config": {
                    "@type": "type.googleapis.com/\
                              envoy.extensions.access_loggers.stream.v3.StderrAccessLog",
                    "log_format": {"text_format_source": {"inline_string": ACCESS_LOG}},
                },
            }],
            "http_filters": [self.filter()?, {
                "name": "envoy.filters.http.router",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
                    "suppress_envoy_headers": true,
                },
            }],
            "route_config": {"virtual_hosts": [{
                "name": "scim",
                "domains": ["*"],
                "routes": [{
                    "match": {"prefix": "/"},
                    "route": {
                        "cluster": "upstream",
                        "timeout": ANSWER_TIMEOUT,
                        "host_rewrite_literal": self.upstream.authority(),
                    },
                }],
            }]},
        }))
    }

    fn filter(&self) -> Result<Value> {
        Ok(json!({
            "name": "scim",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
                "config": {
                    "name": "scim",
                    "root_id": "scim",
                    // A filter that is gone must not let requests pass, and must come back.
                    "failure_policy": "FAIL_RELOAD",
                    "reload_config": {"backoff": {"base_interval": "0.1s", "max_interval": "1s"}},
                    "allow_on_headers_stop_iteration": true,
                    "configuration": {
                        "@type": "type.googleapis.com/google.protobuf.StringValue",
                        "value": self.filter.to_string(),
                    },
                    "vm_config": {
                        "vm_id": "scim",
                        "runtime": "envoy.wasm.runtime.v8",
                        "code": {"local": {"filename": text(self.wasm)?}},
                        "environment_variables": {"host_env_keys": self.variables},
                    },
                },
            },
        }))
    }

    fn clusters(&self) -> Result<Vec<Value>> {
        let others = self.clusters.iter().map(|(name, address)| cluster(name, address));
        core::iter::once(cluster("upstream", self.upstream)).chain(others).collect()
    }
}

fn cluster(name: &str, upstream: &Upstream) -> Result<Value> {
    let address = json!({"socket_address": {
        "address": upstream.host(),
        "port_value": upstream.port(),
    }});
    let mut cluster = json!({
        "name": name,
        "type": if upstream.ip().is_some() { "STATIC" } else { "STRICT_DNS" },
        "dns_lookup_family": "ALL",
        "connect_timeout": CONNECT_TIMEOUT,
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
    });
    if let (true, Some(cluster)) = (upstream.tls(), cluster.as_object_mut()) {
        cluster.insert("transport_socket".into(), tls(upstream)?);
    }
    Ok(cluster)
}

/// TLS with the upstream's name checked against what the system trusts.
fn tls(upstream: &Upstream) -> Result<Value> {
    let (kind, sni) = match upstream.ip() {
        Some(_) => ("IP_ADDRESS", ""),
        None => ("DNS", upstream.host()),
    };
    Ok(json!({
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": "type.googleapis.com/\
                      envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
            "sni": sni,
            "common_tls_context": {"validation_context": {
                "trusted_ca": {"filename": text(&trusted_certificates()?)?},
                "match_typed_subject_alt_names":
                    [{"san_type": kind, "matcher": {"exact": upstream.host()}}],
            }},
        },
    }))
}

fn trusted_certificates() -> Result<PathBuf> {
    let chosen = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    let mut files = chosen.into_iter().chain(SYSTEM_CA_FILES.map(PathBuf::from));
    files
        .find(|file| file.is_file())
        .context("no file of trusted certificates is found; name one in SSL_CERT_FILE")
}

fn socket_address(address: SocketAddr) -> Value {
    json!({"socket_address": {
        "address": address.ip().to_string(),
        "port_value": address.port(),
    }})
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("{} is not UTF-8", path.display()))
}
