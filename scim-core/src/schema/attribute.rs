//! What a schema says of an attribute (RFC 7643 §2.2, §7).

use alloc::borrow::Cow;
use alloc::vec::Vec;

/// The data type of an attribute (RFC 7643 §2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttrType {
    /// Unicode text.
    String,
    /// `true` or `false`.
    Boolean,
    /// A real number with at least one digit left and right of the period.
    Decimal,
    /// A whole number.
    Integer,
    /// A date and time of RFC 3339.
    DateTime,
    /// Base64 text.
    Binary,
    /// A URI, or the name of a resource relative to the base.
    Reference,
    /// An object of sub-attributes.
    Complex,
}

/// When an attribute can be written (RFC 7643 §7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutability {
    /// By the server alone.
    ReadOnly,
    /// At any time.
    ReadWrite,
    /// At creation, or as long as it has no value.
    Immutable,
    /// At any time, and never read.
    WriteOnly,
}

/// When an attribute is returned (RFC 7643 §7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Returned {
    /// Always, whatever the client asks for.
    Always,
    /// Never.
    Never,
    /// Unless the client leaves it out.
    Default,
    /// When the client asks for it.
    Request,
}

/// Among which resources a value must be unique (RFC 7643 §7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uniqueness {
    /// It need not be.
    None,
    /// Within the tenant.
    Server,
    /// Everywhere; for this product, within the tenant.
    Global,
}

/// One attribute of a schema, with every characteristic of RFC 7643 §7.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// Name, in the letter case in which it is returned.
    pub name: Cow<'static, str>,
    /// Data type.
    pub kind: AttrType,
    /// Whether the value is an array.
    pub multi_valued: bool,
    /// Text for people.
    pub description: Cow<'static, str>,
    /// Whether it must be given.
    pub required: bool,
    /// Values that clients are advised to use.
    pub canonical_values: Vec<Cow<'static, str>>,
    /// Whether letter case counts in comparisons.
    pub case_exact: bool,
    /// When it can be written.
    pub mutability: Mutability,
    /// When it is returned.
    pub returned: Returned,
    /// Among which resources it must be unique.
    pub uniqueness: Uniqueness,
    /// For references: the resource types referred to, or `external`, `uri`.
    pub reference_types: Vec<Cow<'static, str>>,
    /// For complex attributes: what they are made of.
    pub sub_attributes: Vec<Self>,
}

impl Attribute {
    /// The sub-attribute of that name, in any letter case.
    #[must_use]
    pub fn sub(&self, name: &str) -> Option<&Self> {
        self.sub_attributes.iter().find(|sub| sub.name.eq_ignore_ascii_case(name))
    }
}

/// A schema: its URN and its attributes (RFC 7643 §7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    /// URN.
    pub id: Cow<'static, str>,
    /// Name for people.
    pub name: Cow<'static, str>,
    /// Text for people.
    pub description: Cow<'static, str>,
    /// Attributes, in the order in which they are returned.
    pub attributes: Vec<Attribute>,
}

impl Schema {
    /// The attribute of that name, in any letter case.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| attribute.name.eq_ignore_ascii_case(name))
    }
}
