//! Mappings from the JSON of a configuration.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::Value;

use super::source::Template;
use super::{From, Mapping, Rule, Setting, type_of};
use crate::auth::ConfigError;
use crate::protocol::filter;
use crate::protocol::limits::Limits;
use crate::protocol::path::PatchPath;
use crate::schema::{Catalog, Mutability, ResourceType};
use crate::upstream::fields::{Fields, meant};

/// The built-in rules.
const PRESETS: [(&str, &str); 4] = [
    ("okta", include_str!("presets/okta.json")),
    ("jumpcloud", include_str!("presets/jumpcloud.json")),
    ("entra", include_str!("presets/entra.json")),
    ("groups-as-roles", include_str!("presets/groups-as-roles.json")),
];
/// Rules in one mapping.
const RULES: usize = 256;
/// Where the fields stand in a configuration.
const AT: &str = "mapping";

impl Mapping {
    /// The names of the presets.
    pub fn presets() -> impl Iterator<Item = &'static str> {
        PRESETS.iter().map(|(name, _)| *name)
    }

    /// Reads `mapping` of a configuration: the name of a preset, or an object with `preset` and
    /// `rules`.
    ///
    /// # Errors
    /// The path of the first field that is unknown or wrong, and what was probably meant.
    pub fn from_json(value: &Value, catalog: &Catalog) -> Result<Self, ConfigError> {
        let mut mapping = Self { keeps_source: true, rules: Vec::new() };
        if let Value::String(name) = value {
            mapping.add(&preset(name, AT)?, AT, catalog)?;
        } else {
            let fields = Fields::new(value, AT, &["keeps_source", "preset", "rules"])?;
            if let Some(name) = fields.text("preset")? {
                let at = fields.path("preset");
                mapping.add(&preset(name, &at)?, &at, catalog)?;
            }
            mapping.add(value, AT, catalog)?;
        }
        mapping.rules.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(mapping)
    }

    fn add(&mut self, value: &Value, at: &str, catalog: &Catalog) -> Result<(), ConfigError> {
        let fields = Fields::new(value, at, &["keeps_source", "preset", "rules"])?;
        self.keeps_source = fields.flag("keeps_source", self.keeps_source)?;
        let rules = match fields.value("rules") {
            None => &[],
            Some(Value::Array(rules)) if rules.len() <= RULES => rules.as_slice(),
            Some(_) => return Err(fields.wrong("rules", "must be an array of at most 256 rules")),
        };
        for (number, value) in rules.iter().enumerate() {
            let at = fields.path(&alloc::format!("rules[{number}]"));
            let rule = rule(value, at, catalog, self.keeps_source)?;
            if self.rules.iter().any(|known| known.name == rule.name) {
                let field = alloc::format!("rules[{number}].name");
                return Err(fields.wrong(&field, "is the name of another rule"));
            }
            self.rules.push(rule);
        }
        Ok(())
    }
}

fn preset(name: &str, at: &str) -> Result<Value, ConfigError> {
    let names: Vec<&str> = Mapping::presets().collect();
    let Some((_, text)) = PRESETS.iter().find(|(known, _)| *known == name) else {
        let hint = meant(name, &names);
        let message = alloc::format!("must be one of {}{hint}", names.join(", "));
        return Err(ConfigError::new(at, message));
    };
    serde_json::from_str(text).map_err(|_| ConfigError::new(at, "is damaged in this build"))
}

fn rule(
    value: &Value,
    at: String,
    catalog: &Catalog,
    keeps_source: bool,
) -> Result<Rule, ConfigError> {
    let known = ["drop", "if", "keep", "name", "rename", "resource", "set", "skip"];
    let fields = Fields::new(value, at, &known)?;
    let name = fields.needed_text("name")?.to_string();
    let resource = fields.needed_text("resource")?;
    let Some(resource_type) = type_of(catalog, resource) else {
        let names: Vec<&str> = catalog.types().iter().map(|known| &*known.name).collect();
        let hint = meant(resource, &names);
        return Err(fields.wrong("resource", alloc::format!("is no resource type{hint}")));
    };
    let condition = fields.text("if")?.map(|text| filter::parse(text, &Limits::default()));
    let condition = condition.transpose();
    let condition = condition.map_err(|error| fields.wrong("if", error.to_string()))?;
    let skip = fields.flag("skip", false)?;
    if skip && condition.is_none() {
        return Err(fields.wrong("skip", "needs `if`: else nothing would be provisioned"));
    }
    let mut rename = Vec::new();
    for (old, new) in fields.pairs("rename")? {
        let at = fields.path("rename");
        let target = written(&new, &at, resource_type)?;
        rename.push((path(&old, &at)?, target));
    }
    let paths = |name: &str| {
        let texts = fields.texts(name)?;
        texts.iter().map(|text| path(text, &fields.path(name))).collect::<Result<Vec<_>, _>>()
    };
    let mut set = Vec::new();
    if let Some(value) = fields.value("set") {
        for (target, at, value) in Fields::open(value, fields.path("set"))?.members() {
            let target = written(target, &at, resource_type)?;
            set.push(setting(target, value, at)?);
        }
    }
    let (drop, keep) = (paths("drop")?, paths("keep")?);
    if keeps_source
        && set.is_empty()
        && rename.is_empty()
        && drop.is_empty()
        && keep.is_empty()
        && !skip
    {
        return Err(fields.wrong("name", "names a rule that does nothing"));
    }
    let resource = resource.to_string();
    Ok(Rule { name, resource, condition, skip, rename, set, drop, keep })
}

fn path(text: &str, at: &str) -> Result<PatchPath, ConfigError> {
    PatchPath::parse(text, &Limits::default())
        .map_err(|error| ConfigError::new(at, alloc::format!("is no attribute path: {error}")))
}

/// A path of an attribute that a client may write.
fn written(text: &str, at: &str, resource_type: &ResourceType) -> Result<PatchPath, ConfigError> {
    let path = path(text, at)?;
    let found = resource_type.resolve(&path.attr);
    let name = &resource_type.name;
    match found.map(|found| (found.attribute.mutability, found.leaf().mutability)) {
        None => Err(ConfigError::new(at, alloc::format!("is no attribute of {name}"))),
        Some((Mutability::ReadOnly, _) | (_, Mutability::ReadOnly)) => {
            Err(ConfigError::new(at, "is read-only"))
        }
        Some(_) => Ok(path),
    }
}

fn setting(target: PatchPath, value: &Value, at: String) -> Result<Setting, ConfigError> {
    let fields = Fields::new(value, at, &["default", "from", "lower", "template", "value"])?;
    let sources = ["from", "template", "value"].map(|name| fields.value(name).is_some());
    if sources.into_iter().filter(|given| *given).count() != 1 {
        let message = "must have one of `from`, `template` and `value`";
        return Err(ConfigError::new(fields.path("from"), message));
    }
    let from = if let Some(value) = fields.value("value") {
        From::Constant(value.clone())
    } else if let Some(text) = fields.text("template")? {
        let wrong = || fields.wrong("template", "must hold attribute paths in braces");
        From::Template(Template::parse(text).ok_or_else(wrong)?)
    } else {
        let at = fields.path("from");
        let texts = match fields.value("from") {
            Some(Value::String(text)) => Vec::from([text.clone()]),
            _ => fields.texts("from")?,
        };
        From::First(texts.iter().map(|text| path(text, &at)).collect::<Result<_, _>>()?)
    };
    let default = fields.value("default").cloned();
    Ok(Setting { target, from, lower: fields.flag("lower", false)?, default })
}
