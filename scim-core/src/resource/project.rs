//! Which attributes an answer holds: `attributes`, `excludedAttributes` and `returned`
//! (RFC 7644 §3.9, RFC 7643 §7).

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
    fn find(text: &str, resource_type: &ResourceType) -> Result<Option<Self>, Error> {
        if let Some(schema) = resource_type.extension(text) {
            let extension = Some(schema.id.to_string());
            return Ok(Some(Self { extension, attribute: None, sub: None }));
        }
        let path = AttrPath::parse(text).map_err(|_| {
            Error::invalid_value("`attributes` or `excludedAttributes` holds what is no name")
        })?;
        Ok(resource_type.resolve(&path).map(|found| Self {
            extension: found.extension.map(ToString::to_string),
            attribute: Some(found.attribute.name.to_string()),
            sub: found.sub.map(|sub| sub.name.to_string()),
        }))
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
            let found: Vec<Named> =
                found.filter_map(Result::transpose).collect::<Result<_, _>>()?;
            Ok((!names.is_empty()).then_some(found))
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
        !matches!(self.verdict(None, attribute), Verdict::No)
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
        let wanted: &dyn Fn(&Attribute) -> bool = match self.verdict(extension, attribute) {
            Verdict::No => return None,
            Verdict::Whole => &|sub| sub.returned != Returned::Request,
            Verdict::Only(subs) => {
                let named = |sub: &Attribute| {
                    sub.returned == Returned::Always || subs.contains(&&*sub.name)
                };
                return not_empty(keep_subs(attribute, value, &named));
            }
            Verdict::Without(subs) => {
                let rest = |sub: &Attribute| match sub.returned {
                    Returned::Always => true,
                    Returned::Default => !subs.contains(&&*sub.name),
                    Returned::Never | Returned::Request => false,
                };
                return not_empty(keep_subs(attribute, value, &rest));
            }
        };
        Some(keep_subs(attribute, value, wanted))
    }

    fn verdict(&self, extension: Option<&str>, attribute: &Attribute) -> Verdict<'_> {
        let has = |names: &[Named]| names.iter().any(|name| name.is(extension, attribute));
        let has_whole = |names: &[Named]| {
            names.iter().any(|name| name.is(extension, attribute) && name.sub.is_none())
        };
        match (attribute.returned, self) {
            (Returned::Never, _) => Verdict::No,
            (Returned::Always, _) | (Returned::Default, Self::Default) => Verdict::Whole,
            (_, Self::Only(names)) if has_whole(names) => Verdict::Whole,
            (_, Self::Only(names)) if has(names) => {
                Verdict::Only(subs_of(names, extension, attribute))
            }
            (Returned::Request, _) | (_, Self::Only(_)) => Verdict::No,
            (Returned::Default, Self::Without(names)) if has_whole(names) => Verdict::No,
            (Returned::Default, Self::Without(names)) => {
                Verdict::Without(subs_of(names, extension, attribute))
            }
        }
    }
}

/// How much of one attribute is kept.
enum Verdict<'a> {
    No,
    Whole,
    Only(Vec<&'a str>),
    Without(Vec<&'a str>),
}

fn subs_of<'a>(names: &'a [Named], ext: Option<&str>, attribute: &Attribute) -> Vec<&'a str> {
    let ours = names.iter().filter(|name| name.is(ext, attribute));
    ours.filter_map(|name| name.sub.as_deref()).collect()
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
