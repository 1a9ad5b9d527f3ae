//! Profiles from JSON: the built-in documents, and what a configuration says over them.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::Value;

use super::{
    Create, Delete, Document, Errors, Fill, Filters, Names, Paging, PagingStyle, Patch,
    PathFilters, Profile, Put, RemovesBy, Resource, Unsupported,
};
use crate::auth::ConfigError;
use crate::protocol::filter::CompareOp;
use crate::protocol::limits::Limits;
use crate::protocol::path::{AttrPath, PatchPath};
use crate::upstream::fields::{Fields, meant};

/// The built-in profiles.
const BUILT_IN: [(&str, &str); 5] = [
    ("rfc", include_str!("../profiles/rfc.json")),
    ("bitwarden", include_str!("../profiles/bitwarden.json")),
    ("openproject", include_str!("../profiles/openproject.json")),
    ("authentik-source", include_str!("../profiles/authentik-source.json")),
    ("django-scim2", include_str!("../profiles/django-scim2.json")),
];
/// The profile that is extended unless another one is named.
const PLAIN: &str = "rfc";
/// The key of `resources` that speaks of all endpoints.
const ALL: &str = "*";
/// Where the fields of a profile stand in a configuration.
const AT: &str = "upstream.profile";

const FIELDS: [&str; 11] = [
    "discovery",
    "errors",
    "etag",
    "extends",
    "list_key",
    "media_type",
    "paging",
    "projection",
    "resources",
    "sort",
    "unsupported",
];
const RESOURCE_FIELDS: [&str; 10] =
    ["answer", "create", "delete", "drops", "filters", "hides", "patch", "path", "put", "required"];
const DOCUMENTS: [(&str, Document); 3] = [
    ("ServiceProviderConfig", Document::ServiceProviderConfig),
    ("ResourceTypes", Document::ResourceTypes),
    ("Schemas", Document::Schemas),
];
const DELETES: [(&str, Delete); 3] =
    [("delete", Delete::Delete), ("deactivate", Delete::Deactivate), ("refuse", Delete::Refuse)];

impl Profile {
    /// The names of the built-in profiles.
    pub fn names() -> impl Iterator<Item = &'static str> {
        BUILT_IN.iter().map(|(name, _)| *name)
    }

    /// Reads `upstream.profile` of a configuration: the name of a built-in profile, or an object
    /// that extends one (`extends`, by default `rfc`).
    ///
    /// # Errors
    /// The path of the first field that is unknown or wrong, and what was probably meant.
    ///
    /// ```
    /// use scim_core::upstream::Profile;
    /// let own = serde_json::json!({"extends": "rfc", "resources": {"Users": {"path": "people"}}});
    /// assert_eq!(Profile::from_json(&own)?.path("Users"), "people");
    /// # Ok::<(), scim_core::auth::ConfigError>(())
    /// ```
    pub fn from_json(value: &Value) -> Result<Self, ConfigError> {
        if let Value::String(name) = value {
            return read(name, &built_in(name, AT)?);
        }
        let fields = Fields::new(value, AT, &FIELDS)?;
        let name = fields.text("extends")?.unwrap_or(PLAIN);
        let mut document = built_in(name, &fields.path("extends"))?;
        if let Some(resources) = fields.value("resources") {
            let endpoints = Fields::open(resources, fields.path("resources"))?;
            for (_, at, value) in endpoints.members() {
                Fields::new(value, at, &RESOURCE_FIELDS)?;
            }
        }
        merge(&mut document, value);
        read(name, &document)
    }
}

fn built_in(name: &str, at: &str) -> Result<Value, ConfigError> {
    let names: Vec<&str> = Profile::names().collect();
    let Some((_, text)) = BUILT_IN.iter().find(|(known, _)| *known == name) else {
        let message = format!("must be one of {}{}", names.join(", "), meant(name, &names));
        return Err(ConfigError::new(at, message));
    };
    let document = |text: &str| {
        serde_json::from_str(text).map_err(|_| ConfigError::new(at, "is damaged in this build"))
    };
    let mut plain: Value = document(BUILT_IN.first().map_or("", |(_, plain)| plain))?;
    if name != PLAIN {
        merge(&mut plain, &document(text)?);
    }
    Ok(plain)
}

/// Puts what `over` says in place of what `base` says, member by member. What is said of a new
/// endpoint is said over what holds for all.
fn merge(base: &mut Value, over: &Value) {
    let (Value::Object(base), Value::Object(over)) = (base, over) else { return };
    for (name, value) in over {
        match base.get_mut(name) {
            Some(old) if old.is_object() && value.is_object() && name == "resources" => {
                merge_resources(old, value);
            }
            // What maps names to names is one value.
            Some(old)
                if old.is_object()
                    && value.is_object()
                    && !["names", "needs", "required", "answer"].contains(&name.as_str()) =>
            {
                merge(old, value);
            }
            _ => {
                base.insert(name.clone(), value.clone());
            }
        }
    }
}

fn merge_resources(base: &mut Value, over: &Value) {
    let (Value::Object(base), Value::Object(over)) = (base, over) else { return };
    if let Some(all) = over.get(ALL) {
        base.values_mut().for_each(|old| merge(old, all));
    }
    let plain = base.get(ALL).cloned().unwrap_or_default();
    for (name, value) in over.iter().filter(|(name, _)| *name != ALL) {
        merge(base.entry(name.as_str()).or_insert_with(|| plain.clone()), value);
    }
}

fn read(name: &str, document: &Value) -> Result<Profile, ConfigError> {
    let fields = Fields::new(document, AT, &FIELDS)?;
    let mut discovery = Vec::new();
    for (at, text) in fields.texts("discovery")?.iter().enumerate() {
        let known = DOCUMENTS.iter().find(|(known, _)| known == text);
        let names = DOCUMENTS.map(|(name, _)| name);
        let message = || format!("must be one of {}{}", names.join(", "), meant(text, &names));
        let wrong = || fields.wrong(&format!("discovery[{at}]"), message());
        discovery.push(known.ok_or_else(wrong)?.1);
    }
    let mut resources = BTreeMap::new();
    if let Some(value) = fields.value("resources") {
        let all = Fields::open(value, fields.path("resources"))?;
        for (endpoint, at, value) in all.members() {
            resources.insert(endpoint.to_string(), resource(value, at)?);
        }
    }
    let others = resources.remove(ALL).ok_or_else(|| fields.wrong("resources", "is missing"))?;
    let unsupported = [("ignore", Unsupported::Ignore), ("refuse", Unsupported::Refuse)];
    Ok(Profile {
        name: name.to_string(),
        media_type: fields.needed_text("media_type")?.to_string(),
        discovery,
        etag: fields.flag("etag", false)?,
        sort: fields.flag("sort", false)?,
        projection: fields.flag("projection", false)?,
        list_key: fields.text("list_key")?.unwrap_or("Resources").to_string(),
        paging: paging(&fields)?,
        errors: errors(&fields)?,
        unsupported: fields.word("unsupported", &unsupported)?.unwrap_or(Unsupported::Ignore),
        resources: resources.into_iter().collect(),
        others,
    })
}

/// The object in a member, which is empty if it is not there.
fn inner<'a>(
    fields: &Fields<'a>,
    name: &str,
    empty: &'a Value,
    known: &[&str],
) -> Result<Fields<'a>, ConfigError> {
    Fields::new(fields.value(name).unwrap_or(empty), fields.path(name), known)
}

fn paging(fields: &Fields<'_>) -> Result<Paging, ConfigError> {
    #[derive(Clone, Copy)]
    enum Style {
        Index,
        Page,
        Whole,
    }
    const KNOWN: [&str; 6] = ["max_count", "parameter", "size", "step", "style", "zero_count"];
    let empty = Value::Object(serde_json::Map::new());
    let fields = inner(fields, "paging", &empty, &KNOWN)?;
    let styles = [("index", Style::Index), ("page", Style::Page), ("whole", Style::Whole)];
    let style = match fields.word("style", &styles)?.unwrap_or(Style::Index) {
        Style::Index => PagingStyle::Index,
        Style::Page => PagingStyle::Page {
            parameter: fields.needed_text("parameter")?.to_string(),
            size: fields.number("size")?.ok_or_else(|| fields.wrong("size", "is missing"))?,
            times_size: fields.word("step", &[("one", false), ("size", true)])?.unwrap_or(false),
        },
        Style::Whole => PagingStyle::Whole,
    };
    let max_count = fields.number("max_count")?;
    Ok(Paging { style, max_count, zero_count: fields.flag("zero_count", true)? })
}

fn errors(fields: &Fields<'_>) -> Result<Errors, ConfigError> {
    let empty = Value::Object(serde_json::Map::new());
    let fields = inner(fields, "errors", &empty, &["conflict", "invalid", "unauthorized"])?;
    let statuses = match fields.value("unauthorized") {
        None => Some(Vec::from([401])),
        Some(value) => value.as_array().map(|all| all.iter().map_while(Value::as_u64).collect()),
    };
    let wrong = || fields.wrong("unauthorized", "must be an array of statuses");
    let unauthorized = statuses.ok_or_else(wrong)?;
    if !unauthorized.iter().all(|status| (400..500).contains(status)) {
        return Err(wrong());
    }
    Ok(Errors {
        unauthorized,
        conflict: fields.texts("conflict")?,
        invalid: fields.texts("invalid")?,
    })
}

fn resource(value: &Value, at: String) -> Result<Resource, ConfigError> {
    let fields = Fields::new(value, at, &RESOURCE_FIELDS)?;
    let empty = Value::Object(serde_json::Map::new());
    let path = fields.text("path")?.unwrap_or_default();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if !path.bytes().all(plain) {
        return Err(fields.wrong("path", "must be one segment of letters, digits, `-._~`"));
    }
    let put = inner(&fields, "put", &empty, &["keeps", "writes"])?;
    let create = inner(&fields, "create", &empty, &["adopts", "ignores", "inactive"])?;
    Ok(Resource {
        path: path.to_string(),
        filters: filters(&inner(
            &fields,
            "filters",
            &empty,
            &["and", "attributes", "names", "needs", "not", "operators", "or", "value_paths"],
        )?)?,
        patch: patch(&inner(
            &fields,
            "patch",
            &empty,
            &[
                "add",
                "creates_elements",
                "path_filters",
                "remove",
                "removes_by",
                "removes_lists",
                "replace",
                "replaces_lists",
            ],
        )?)?,
        put: Put { writes: names(&put, "writes")?, keeps: names(&put, "keeps")? },
        create: Create {
            inactive: create.flag("inactive", true)?,
            ignores: names(&create, "ignores")?,
            adopts: create.flag("adopts", false)?,
        },
        delete: fields.word("delete", &DELETES)?.unwrap_or(Delete::Delete),
        required: fills(&fields, "required")?,
        drops: names(&fields, "drops")?,
        answer: fills(&fields, "answer")?,
        hides: names(&fields, "hides")?,
    })
}

fn filters(fields: &Fields<'_>) -> Result<Filters, ConfigError> {
    let texts = fields.texts("operators")?;
    let mut operators = Vec::new();
    for (at, text) in texts.iter().enumerate().filter(|(_, text)| *text != "pr") {
        let known = CompareOp::ALL.into_iter().find(|op| op.as_str() == text);
        let wrong = || fields.wrong(&format!("operators[{at}]"), "is no operator of SCIM");
        operators.push(known.ok_or_else(wrong)?);
    }
    let pairs = |name: &str| {
        let pairs = fields.pairs(name)?;
        match pairs.iter().find(|(key, _)| AttrPath::parse(key).is_err()) {
            Some((key, _)) => Err(fields.wrong(&format!("{name}.{key}"), "is no attribute path")),
            None => Ok(pairs),
        }
    };
    let names_of = pairs("names")?;
    if let Some((key, _)) = names_of.iter().find(|(_, own)| AttrPath::parse(own).is_err()) {
        return Err(fields.wrong(&format!("names.{key}"), "must be an attribute path"));
    }
    Ok(Filters {
        attributes: names(fields, "attributes")?,
        operators,
        present: texts.iter().any(|text| text == "pr"),
        and: fields.flag("and", false)?,
        or: fields.flag("or", false)?,
        not: fields.flag("not", false)?,
        value_paths: fields.flag("value_paths", false)?,
        names: names_of,
        needs: pairs("needs")?,
    })
}

fn patch(fields: &Fields<'_>) -> Result<Patch, ConfigError> {
    let path_filters = [
        ("any", PathFilters::Any),
        ("one_equality", PathFilters::OneEquality),
        ("none", PathFilters::None),
    ];
    let removes_by = [("filter", RemovesBy::Filter), ("values", RemovesBy::Values)];
    Ok(Patch {
        add: names(fields, "add")?,
        replace: names(fields, "replace")?,
        remove: names(fields, "remove")?,
        path_filters: fields.word("path_filters", &path_filters)?.unwrap_or(PathFilters::None),
        removes_by: fields.word("removes_by", &removes_by)?.unwrap_or(RemovesBy::Filter),
        replaces_lists: fields.flag("replaces_lists", true)?,
        creates_elements: fields.flag("creates_elements", false)?,
        removes_lists: fields.flag("removes_lists", true)?,
    })
}

fn names(fields: &Fields<'_>, name: &str) -> Result<Names, ConfigError> {
    let texts = fields.texts(name)?;
    let is_name = |text: &String| text == ALL || AttrPath::parse(text).is_ok();
    match texts.iter().position(|text| !is_name(text)) {
        Some(at) => Err(fields.wrong(&format!("{name}[{at}]"), "is no attribute path")),
        None => Ok(Names::new(texts)),
    }
}

fn fills(fields: &Fields<'_>, name: &str) -> Result<Vec<Fill>, ConfigError> {
    let Some(value) = fields.value(name) else { return Ok(Vec::new()) };
    let targets = Fields::open(value, fields.path(name))?;
    let limits = Limits::default();
    let path = |text: &str, at: String| {
        PatchPath::parse(text, &limits).map_err(|_| ConfigError::new(at, "is no attribute path"))
    };
    let mut fills = Vec::new();
    for (target, at, _) in targets.members() {
        let from = targets.texts(target)?;
        let from = from.iter().map(|from| path(from, at.clone())).collect::<Result<_, _>>()?;
        fills.push(Fill { target: path(target, at.clone())?, from });
    }
    Ok(fills)
}
