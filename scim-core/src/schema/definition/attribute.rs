//! One attribute of a definition with all its characteristics (RFC 7643 §2.2, §7).

use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::fields::Fields;
use super::{ATTRIBUTES, DefinitionError, VALUES};
use crate::schema::{AttrType, Attribute, Mutability, Returned, Uniqueness};

const FIELDS: [&str; 12] = [
    "name",
    "type",
    "multiValued",
    "description",
    "required",
    "canonicalValues",
    "caseExact",
    "mutability",
    "returned",
    "uniqueness",
    "referenceTypes",
    "subAttributes",
];

const TYPES: [(&str, AttrType); 8] = [
    ("string", AttrType::String),
    ("boolean", AttrType::Boolean),
    ("decimal", AttrType::Decimal),
    ("integer", AttrType::Integer),
    ("dateTime", AttrType::DateTime),
    ("binary", AttrType::Binary),
    ("reference", AttrType::Reference),
    ("complex", AttrType::Complex),
];

const MUTABILITIES: [(&str, Mutability); 4] = [
    ("readOnly", Mutability::ReadOnly),
    ("readWrite", Mutability::ReadWrite),
    ("immutable", Mutability::Immutable),
    ("writeOnly", Mutability::WriteOnly),
];

const RETURNED: [(&str, Returned); 4] = [
    ("always", Returned::Always),
    ("never", Returned::Never),
    ("default", Returned::Default),
    ("request", Returned::Request),
];

const UNIQUENESS: [(&str, Uniqueness); 3] =
    [("none", Uniqueness::None), ("server", Uniqueness::Server), ("global", Uniqueness::Global)];

/// Names that every resource has already (RFC 7643 §3, §3.1).
const RESERVED: [&str; 4] = ["schemas", "id", "externalId", "meta"];

/// Where an attribute stands: in a schema, or in a complex attribute.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Schema,
    Complex,
}

/// The attributes of a schema.
pub(super) fn read_attributes(
    parent: &Fields<'_>,
    name: &str,
) -> Result<Vec<Attribute>, DefinitionError> {
    read_level(parent, name, Level::Schema)
}

fn read_level(
    parent: &Fields<'_>,
    name: &str,
    level: Level,
) -> Result<Vec<Attribute>, DefinitionError> {
    let mut attributes: Vec<Attribute> = Vec::new();
    for (at, item) in parent.array(name, ATTRIBUTES)?.iter().enumerate() {
        let fields = Fields::new(item, parent.element(name, at), &FIELDS)?;
        let attribute = read(&fields, level)?;
        if attributes.iter().any(|known| known.name.eq_ignore_ascii_case(&attribute.name)) {
            return Err(fields.wrong("name", "is the name of another attribute here"));
        }
        attributes.push(attribute);
    }
    if attributes.is_empty() {
        return Err(parent.wrong(name, "must hold at least one attribute"));
    }
    Ok(attributes)
}

fn read(fields: &Fields<'_>, level: Level) -> Result<Attribute, DefinitionError> {
    let name = read_name(fields, level)?;
    let kind = fields.word("type", &TYPES)?.unwrap_or(AttrType::String);
    if kind == AttrType::Complex && level == Level::Complex {
        return Err(fields.wrong("type", "must not be complex inside a complex attribute"));
    }
    let mutability = fields.word("mutability", &MUTABILITIES)?.unwrap_or(Mutability::ReadWrite);
    let required = fields.flag("required")?.unwrap_or(false);
    if required && mutability == Mutability::ReadOnly {
        return Err(fields.wrong("required", "must be false: no client can give what is readOnly"));
    }
    Ok(Attribute {
        kind,
        multi_valued: fields.flag("multiValued")?.unwrap_or(false),
        description: Cow::Owned(fields.text("description")?.unwrap_or_default().into()),
        required,
        canonical_values: read_canonical_values(fields, kind)?,
        case_exact: read_case_exact(fields, kind)?,
        mutability,
        returned: read_returned(fields, mutability)?,
        uniqueness: read_uniqueness(fields, kind)?,
        reference_types: read_reference_types(fields, kind)?,
        sub_attributes: read_sub_attributes(fields, kind)?,
        name: Cow::Owned(name),
    })
}

fn read_name(fields: &Fields<'_>, level: Level) -> Result<String, DefinitionError> {
    let name = fields.name("name")?;
    if level == Level::Schema {
        if RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(name)) {
            return Err(fields.wrong("name", "is reserved: every resource has it already"));
        }
        if name.starts_with('$') {
            return Err(fields.wrong("name", "must be the name of a sub-attribute only"));
        }
    }
    Ok(name.to_string())
}

fn read_canonical_values(
    fields: &Fields<'_>,
    kind: AttrType,
) -> Result<Vec<Cow<'static, str>>, DefinitionError> {
    let values = fields.texts("canonicalValues", VALUES)?;
    if !values.is_empty() && kind != AttrType::String {
        return Err(fields.wrong("canonicalValues", "are for attributes of type string"));
    }
    Ok(values)
}

/// Letter case always counts in binary and reference values (RFC 7643 §2.3.6, §2.3.7); the RFC's own
/// schemas say `false` of some references, so that is no reason to refuse.
fn read_case_exact(fields: &Fields<'_>, kind: AttrType) -> Result<bool, DefinitionError> {
    let said = fields.flag("caseExact")?.unwrap_or(false);
    Ok(said || matches!(kind, AttrType::Binary | AttrType::Reference))
}

fn read_returned(fields: &Fields<'_>, mutability: Mutability) -> Result<Returned, DefinitionError> {
    let said = fields.word("returned", &RETURNED)?;
    if mutability != Mutability::WriteOnly {
        return Ok(said.unwrap_or(Returned::Default));
    }
    match said {
        None | Some(Returned::Never) => Ok(Returned::Never),
        Some(_) => Err(fields.wrong("returned", "must be never where the mutability is writeOnly")),
    }
}

fn read_uniqueness(fields: &Fields<'_>, kind: AttrType) -> Result<Uniqueness, DefinitionError> {
    let uniqueness = fields.word("uniqueness", &UNIQUENESS)?.unwrap_or(Uniqueness::None);
    if kind == AttrType::Complex && uniqueness != Uniqueness::None {
        let message = "must be none for a complex attribute; say it of a sub-attribute";
        return Err(fields.wrong("uniqueness", message));
    }
    Ok(uniqueness)
}

fn read_reference_types(
    fields: &Fields<'_>,
    kind: AttrType,
) -> Result<Vec<Cow<'static, str>>, DefinitionError> {
    let types = fields.texts("referenceTypes", VALUES)?;
    match (kind, types.is_empty()) {
        (AttrType::Reference, true) => Err(fields.wrong("referenceTypes", "is missing")),
        (AttrType::Reference, false) | (_, true) => Ok(types),
        (_, false) => Err(fields.wrong("referenceTypes", "is for attributes of type reference")),
    }
}

fn read_sub_attributes(
    fields: &Fields<'_>,
    kind: AttrType,
) -> Result<Vec<Attribute>, DefinitionError> {
    if kind == AttrType::Complex {
        return read_level(fields, "subAttributes", Level::Complex);
    }
    if fields.array("subAttributes", ATTRIBUTES)?.is_empty() {
        return Ok(Vec::new());
    }
    Err(fields.wrong("subAttributes", "is for attributes of type complex"))
}
