//! The bases below which SCIM is served, and the tenant that a path names (RFC 7644 §3.13).

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

/// Bytes of a tenant's name.
const TENANT_BYTES: usize = 64;

/// Names below a base that no tenant may have, so that no path can be read in two ways.
const RESERVED: [&str; 8] = [
    ".search",
    "ServiceProviderConfig",
    "ServiceProviderConfigs",
    "ResourceTypes",
    "Schemas",
    "Bulk",
    "Me",
    "alive",
];

/// Base paths, the longest first.
///
/// The default serves `/scim/v2` and `/scim_v2` for the default tenant and `/v2/{tenant}` for all
/// others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bases {
    templates: Vec<Vec<Segment>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Literal(String),
    Tenant,
}

/// A base that a path begins with.
pub(super) struct Matched {
    /// The tenant, if the base names one.
    pub(super) tenant: Option<String>,
    /// The base as the path has it.
    pub(super) base: String,
}

impl Default for Bases {
    fn default() -> Self {
        let literal = |text: &str| Segment::Literal(text.to_owned());
        let templates = [
            [literal("scim"), literal("v2")].into(),
            [literal("v2"), Segment::Tenant].into(),
            [literal("scim_v2")].into(),
        ];
        Self { templates: templates.into() }
    }
}

impl Bases {
    /// Reads base templates such as `/scim/v2` and `/v2/{tenant}`; `/` is a base, too.
    ///
    /// # Errors
    /// What is wrong, for the person who wrote the configuration.
    pub fn parse<T: AsRef<str>>(templates: &[T]) -> Result<Self, &'static str> {
        if templates.is_empty() {
            return Err("must name at least one base");
        }
        let mut read: Vec<Vec<Segment>> = Vec::with_capacity(templates.len());
        for template in templates {
            let segments = read_template(template.as_ref())?;
            if read.contains(&segments) {
                return Err("names one base twice");
            }
            read.push(segments);
        }
        read.sort_by_key(|segments| {
            let tenants = segments.iter().filter(|s| matches!(s, Segment::Tenant)).count();
            (core::cmp::Reverse(segments.len()), tenants)
        });
        Ok(Self { templates: read })
    }

    /// The path of the first base that serves `tenant`; `None` is the default tenant.
    #[must_use]
    pub fn path_of(&self, tenant: Option<&str>) -> Option<String> {
        let names = |template: &&Vec<Segment>| template.contains(&Segment::Tenant);
        let template = self.templates.iter().find(|t| names(t) == tenant.is_some())?;
        let mut path = String::new();
        for segment in template {
            path.push('/');
            path.push_str(match segment {
                Segment::Literal(literal) => literal,
                Segment::Tenant => tenant?,
            });
        }
        Some(path)
    }

    /// Whether any base names a tenant.
    #[must_use]
    pub fn name_tenants(&self) -> bool {
        self.templates.iter().flatten().any(|segment| matches!(segment, Segment::Tenant))
    }

    /// The base that `path` begins with, and the segments that follow it.
    pub(super) fn find<'a>(
        &self,
        path: &'a [String],
        endpoints: &[&str],
    ) -> Option<(Matched, &'a [String])> {
        self.templates.iter().find_map(|template| {
            let (head, rest) = path.split_at_checked(template.len())?;
            let mut matched = Matched { tenant: None, base: String::new() };
            for (segment, text) in template.iter().zip(head) {
                match segment {
                    Segment::Literal(literal) if literal == text => {}
                    Segment::Tenant if is_tenant(text, endpoints) => {
                        matched.tenant = Some(text.clone());
                    }
                    _ => return None,
                }
                matched.base.push('/');
                matched.base.push_str(text);
            }
            Some((matched, rest))
        })
    }
}

fn read_template(template: &str) -> Result<Vec<Segment>, &'static str> {
    let Some(path) = template.strip_prefix('/') else {
        return Err("a base must begin with a slash");
    };
    let mut segments = Vec::new();
    for text in path.strip_suffix('/').unwrap_or(path).split('/') {
        let tenant_named = segments.contains(&Segment::Tenant);
        match text {
            "" if path.is_empty() => {}
            "{tenant}" if tenant_named => return Err("a base may hold `{tenant}` only once"),
            "{tenant}" => segments.push(Segment::Tenant),
            literal if is_name(literal) => segments.push(Segment::Literal(literal.to_owned())),
            _ => return Err("a base may hold letters, digits, `.`, `_`, `~`, `-` and `{tenant}`"),
        }
    }
    Ok(segments)
}

fn is_tenant(text: &str, endpoints: &[&str]) -> bool {
    let is = |known: &&str| text.eq_ignore_ascii_case(known);
    text.len() <= TENANT_BYTES
        && is_name(text)
        && !endpoints.iter().any(is)
        && !RESERVED.iter().any(is)
}

fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    !text.is_empty() && text != "." && text != ".." && text.bytes().all(allowed)
}
