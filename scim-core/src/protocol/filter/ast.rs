//! What a filter is made of, and why a text is none (RFC 7644 §3.4.2.2).

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use crate::protocol::Error;
use crate::protocol::path::AttrPath;

/// The comparison operators of RFC 7644 §3.4.2.2 (table 3), without `pr`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CompareOp {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Contains.
    Co,
    /// Starts with.
    Sw,
    /// Ends with.
    Ew,
    /// Greater than.
    Gt,
    /// Greater than or equal.
    Ge,
    /// Less than.
    Lt,
    /// Less than or equal.
    Le,
}

impl CompareOp {
    /// All operators, in the order of the RFC's table.
    pub const ALL: [Self; 9] =
        [Self::Eq, Self::Ne, Self::Co, Self::Sw, Self::Ew, Self::Gt, Self::Ge, Self::Lt, Self::Le];

    /// The operator as the RFC writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::Ne => "ne",
            Self::Co => "co",
            Self::Sw => "sw",
            Self::Ew => "ew",
            Self::Gt => "gt",
            Self::Ge => "ge",
            Self::Lt => "lt",
            Self::Le => "le",
        }
    }
}

/// The value on the right of a comparison: a JSON value without arrays and objects
/// (RFC 7644 §3.4.2.2, figure 1, `compValue`).
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A JSON number.
    Number(serde_json::Number),
    /// Text, unescaped.
    String(String),
}

/// A filter (RFC 7644 §3.4.2.2, figure 1).
///
/// `And` and `Or` as the parser builds them hold two terms or more, and no term of their own kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// All of them hold.
    And(Vec<Self>),
    /// One of them holds.
    Or(Vec<Self>),
    /// It does not hold.
    Not(Box<Self>),
    /// `path op value`.
    Compare {
        /// What is compared.
        path: AttrPath,
        /// How.
        op: CompareOp,
        /// With what.
        value: Literal,
    },
    /// `path pr`: there is a value that is not empty.
    Present(AttrPath),
    /// `path[filter]`: one and the same element of `path` satisfies `filter`.
    ValuePath {
        /// The complex attribute; it has no sub-attribute.
        path: AttrPath,
        /// Over the attribute's sub-attributes.
        filter: Box<Self>,
    },
}

impl Filter {
    /// Joins terms by `and`, without nesting.
    pub(super) fn all_of(terms: Vec<Self>) -> Self {
        let mut flat = Vec::with_capacity(terms.len());
        for term in terms {
            if let Self::And(inner) = term { flat.extend(inner) } else { flat.push(term) }
        }
        Self::one_or(flat, Self::And)
    }

    /// Joins terms by `or`, without nesting.
    pub(super) fn any_of(terms: Vec<Self>) -> Self {
        let mut flat = Vec::with_capacity(terms.len());
        for term in terms {
            if let Self::Or(inner) = term { flat.extend(inner) } else { flat.push(term) }
        }
        Self::one_or(flat, Self::Or)
    }

    fn one_or(mut terms: Vec<Self>, many: fn(Vec<Self>) -> Self) -> Self {
        match terms.pop() {
            Some(only) if terms.is_empty() => only,
            last => {
                terms.extend(last);
                many(terms)
            }
        }
    }
}

/// What is wrong with a text that should have been a filter or a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FilterErrorKind {
    /// There is nothing but blanks.
    Empty,
    /// It is longer than `Limits::filter_bytes`.
    TooLong,
    /// It nests deeper than `Limits::filter_depth`.
    TooDeep,
    /// It has more comparisons than `Limits::filter_terms`.
    TooManyTerms,
    /// An attribute path should stand here.
    ExpectedPath,
    /// A blank should stand here.
    ExpectedBlank,
    /// An operator should stand here.
    ExpectedOperator,
    /// A value should stand here.
    ExpectedValue,
    /// `(` should stand here: `not` goes with parentheses only.
    ExpectedParenthesis,
    /// A `(` has no `)`.
    UnclosedParenthesis,
    /// A `[` has no `]`.
    UnclosedBracket,
    /// A string has no closing quotation mark.
    UnclosedString,
    /// An escape in a string is none of JSON's.
    BadEscape,
    /// A character that must not stand in a string unescaped.
    BadCharacter,
    /// A value path stands within a value path.
    NestedValuePath,
    /// A sub-attribute of a sub-attribute, or of one within a value path.
    TooManySubAttributes,
    /// More text than the filter or path.
    TrailingText,
}

/// What is wrong, and where: bytes of the text, from zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError {
    kind: FilterErrorKind,
    span: Range<usize>,
}

impl FilterError {
    pub(in crate::protocol) const fn new(kind: FilterErrorKind, span: Range<usize>) -> Self {
        Self { kind, span }
    }

    /// What is wrong.
    #[must_use]
    pub const fn kind(&self) -> FilterErrorKind {
        self.kind
    }

    /// Where, in bytes of the text.
    #[must_use]
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// The refusal, where the text is a filter (`invalidFilter`).
    #[must_use]
    pub fn in_filter(self) -> Error {
        Error::invalid_filter(format!("the filter is malformed: {self}"))
    }

    /// The refusal, where the text is the path of a PATCH operation (`invalidPath`).
    #[must_use]
    pub fn in_path(self) -> Error {
        Error::invalid_path(format!("the path is malformed: {self}"))
    }
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            FilterErrorKind::Empty => "it is empty",
            FilterErrorKind::TooLong => "it is too long",
            FilterErrorKind::TooDeep => "it nests too deeply",
            FilterErrorKind::TooManyTerms => "it has too many terms",
            FilterErrorKind::ExpectedPath => "expected an attribute",
            FilterErrorKind::ExpectedBlank => "expected a blank",
            FilterErrorKind::ExpectedOperator => "expected an operator",
            FilterErrorKind::ExpectedValue => "expected a value",
            FilterErrorKind::ExpectedParenthesis => "expected `(` after `not`",
            FilterErrorKind::UnclosedParenthesis => "expected `)`",
            FilterErrorKind::UnclosedBracket => "expected `]`",
            FilterErrorKind::UnclosedString => "the string does not end",
            FilterErrorKind::BadEscape => "the escape is not one of JSON",
            FilterErrorKind::BadCharacter => "the character must be escaped",
            FilterErrorKind::NestedValuePath => "a value path cannot stand in a value path",
            FilterErrorKind::TooManySubAttributes => "only one sub-attribute can be named",
            FilterErrorKind::TrailingText => "expected the end, `and` or `or`",
        })?;
        write!(f, " at byte {}", self.span.start)
    }
}

impl core::error::Error for FilterError {}
