//! Which attributes an answer holds: `attributes`, `excludedAttributes` and `returned`
//! (RFC 7644 §3.9, RFC 7643 §7).

mod written;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::Value;

use crate::protocol::{Error, json::Object, limits::Limits, path::AttrPath, query::parameter};
use crate::schema::{Attribute, ResourceType, Returned};

/// What the client asked to see of resources of one type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Projection {
    /// What is returned by default.
    #[default]
    Default,
    /// The minimum set and these (`attributes`).
    Only(Vec<Named>),
    /// What is returned by default without these (`excludedAttributes`).
    Without(Vec<Named>),
    /// What is returned by default, and of what is returned on request these: the client has just
    /// written them (RFC 7643 §7).
    Written(Vec<Named>),
}

/// A name in one of the two parameters, found in the schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    extension: Option<String>,
    /// `None` stands for all attributes of the extension.
    attribute: Option<String>,
    sub: Option<String>,
}

impl Named {
    /// What a text names: an attribute, or all attributes of a schema.
    fn find(text: &str, resource_type: &ResourceType) -> Result<Vec<Self>, Error> {
        if let Some(schema) = resource_type.extension(text) {
            let extension = Some(schema.id.to_string());
            return Ok(Vec::from([Self { extension, attribute: None, sub: None }]));
        }
        if resource_type.schema.id.eq_ignore_ascii_case(text) {
            let attributes = resource_type.schema.attributes.iter();
            let named = attributes.map(|a| Self {
                extension: None,
                attribute: Some(a.name.to_string()),
                sub: None,
            });
            return Ok(named.collect());
        }
        let path = AttrPath::parse(text).map_err(|_| {
            Error::invalid_value("`attributes` or `excludedAttributes` holds what is no name")
        })?;
        Ok(Self::of_path(&path, resource_type).into_iter().collect())
    }

    fn of_path(path: &AttrPath, resource_type: &ResourceType) -> Option<Self> {
        resource_type.resolve(path).map(|found| Self {
            extension: found.extension.map(ToString::to_string),
            attribute: Some(found.attribute.name.to_string()),
            sub: found.sub.map(|sub| sub.name.to_string()),
        })
    }

    fn is(&self, extension: Option<&str>, attribute: &Attribute) -> bool {
        self.extension.as_deref() == extension
            && self.attribute.as_ref().is_none_or(|name| *name == *attribute.name)
    }
}

impl Projection {
    /// Reads the two parameters, each a list with commas. A name that no schema has is passed over.
    ///
    /// # Errors
    /// `invalidValue` if both are given, if a name is no attribute path, or if there are too many.
    pub fn parse(
        attributes: Option<&str>,
        excluded: Option<&str>,
        resource_type: &ResourceType,
        limits: &Limits,
    ) -> Result<Self, Error> {
        let names = |text: &str| -> Result<Option<Vec<Named>>, Error> {
            let names: Vec<&str> =
                text.split(',').map(str::trim).filter(|n| !n.is_empty()).collect();
            if names.len() > limits.attributes_named {
                let most = limits.attributes_named;
                return Err(Error::invalid_value(format!("more than {most} attributes are named")));
            }
            let found = names.iter().map(|name| Named::find(name, resource_type));
            let found = found.collect::<Result<Vec<_>, _>>()?;
            Ok((!names.is_empty()).then(|| found.into_iter().flatten().collect()))
        };
        match (names(attributes.unwrap_or(""))?, names(excluded.unwrap_or(""))?) {
            (None, None) => Ok(Self::Default),
            (Some(only), None) => Ok(Self::Only(only)),
            (None, Some(without)) => Ok(Self::Without(without)),
            (Some(_), Some(_)) => Err(Error::invalid_value(
                "`attributes` and `excludedAttributes` exclude each other",
            )),
        }
    }

    /// Reads the two parameters from a decoded query.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn of_query(
        query: &[(String, String)],
        resource_type: &ResourceType,
        limits: &Limits,
    ) -> Result<Self, Error> {
        let only = parameter(query, "attributes");
        Self::parse(only, parameter(query, "excludedAttributes"), resource_type, limits)
    }

    /// Whether a core attribute can appear in the answer: what cannot need not be read.
    #[must_use]
    pub fn wants(&self, attribute: &Attribute) -> bool {
        self.verdict(None, attribute).is_some()
    }

    /// Keeps of `resource` what the answer may hold.
    #[must_use]
    pub fn apply(&self, resource_type: &ResourceType, resource: Object) -> Object {
        let kept = |(key, value): (String, Value)| {
            if let Some(schema) = resource_type.extension(&key) {
                let Value::Object(inner) = value else { return None };
                let inner = inner.into_iter().filter_map(|(name, value)| {
                    let attribute = schema.attribute(&name)?;
                    Some((name, self.keep(Some(&schema.id), attribute, value)?))
                });
                let inner: Object = inner.collect();
                return (!inner.is_empty()).then_some((key, Value::Object(inner)));
            }
            let attribute = resource_type.core_attributes().find(|a| a.name == *key)?;
            Some((key, self.keep(None, attribute, value)?))
        };
        resource.into_iter().filter_map(kept).collect()
    }

    fn keep(&self, extension: Option<&str>, attribute: &Attribute, value: Value) -> Option<Value> {
        let parts = self.verdict(extension, attribute)?;
        not_empty(keep_subs(attribute, value, &|sub| parts.has(sub)))
    }

    /// Which parts of an attribute are kept; `None` if it is not.
    fn verdict(&self, extension: Option<&str>, attribute: &Attribute) -> Option<Parts<'_>> {
        let (Self::Only(names) | Self::Without(names) | Self::Written(names)) = self else {
            let shown = matches!(attribute.returned, Returned::Always | Returned::Default);
            return shown.then(Parts::default);
        };
        let ours = || names.iter().filter(|name| name.is(extension, attribute));
        let subs: Vec<&str> = ours().filter_map(|name| name.sub.as_deref()).collect();
        let is_whole = ours().any(|name| name.sub.is_none());
        let is_named = is_whole || !subs.is_empty();
        let (by_default, wanted, unwanted) = match (attribute.returned, self) {
            (Returned::Never, _) => return None,
            (Returned::Always, Self::Without(_)) => (true, Vec::new(), subs),
            (Returned::Always, _) => (true, subs, Vec::new()),
            (_, Self::Only(_)) if is_named => (is_whole, subs, Vec::new()),
            (Returned::Request, Self::Written(_)) if is_named => (true, subs, Vec::new()),
            (Returned::Request, _) | (_, Self::Only(_)) => return None,
            (Returned::Default, Self::Without(_)) if is_whole => return None,
            (Returned::Default, Self::Without(_)) => (true, Vec::new(), subs),
            (Returned::Default, _) => (true, subs, Vec::new()),
        };
        Some(Parts { by_default, wanted, unwanted })
    }
}

/// Which sub-attributes of one attribute are kept.
struct Parts<'a> {
    /// Those that are returned by default.
    by_default: bool,
    /// These.
    wanted: Vec<&'a str>,
    /// Not these.
    unwanted: Vec<&'a str>,
}

impl Default for Parts<'_> {
    fn default() -> Self {
        Self { by_default: true, wanted: Vec::new(), unwanted: Vec::new() }
    }
}

impl Parts<'_> {
    fn has(&self, sub: &Attribute) -> bool {
        match sub.returned {
            Returned::Never => false,
            Returned::Always => true,
            Returned::Request => names(&self.wanted, sub),
            Returned::Default => {
                names(&self.wanted, sub) || self.by_default && !names(&self.unwanted, sub)
            }
        }
    }
}

fn names(subs: &[&str], sub: &Attribute) -> bool {
    subs.iter().any(|name| name.eq_ignore_ascii_case(&sub.name))
}

/// Keeps the sub-attributes for which `wanted` holds; `returned: never` goes in any case.
fn keep_subs(attribute: &Attribute, value: Value, wanted: &dyn Fn(&Attribute) -> bool) -> Value {
    if attribute.sub_attributes.is_empty() {
        return value;
    }
    match value {
        Value::Array(items) => {
            items.into_iter().map(|item| keep_subs(attribute, item, wanted)).collect()
        }
        Value::Object(object) => {
            let keep = |(name, _): &(String, Value)| {
                let sub = attribute.sub_attributes.iter().find(|sub| sub.name == **name);
                sub.is_some_and(|sub| sub.returned != Returned::Never && wanted(sub))
            };
            Value::Object(object.into_iter().filter(keep).collect())
        }
        other => other,
    }
}

fn not_empty(value: Value) -> Option<Value> {
    let hollow = |value: &Value| value.as_object().is_some_and(Object::is_empty);
    let empty = match &value {
        Value::Array(items) => items.iter().all(hollow),
        other => hollow(other),
    };
    (!empty).then_some(value)
}
