//! Filters: what they are made of, parsing, printing (RFC 7644 §3.4.2.2).
//!
//! Parsing knows no schema; what a filter means for a resource stands in
//! [`crate::resource::matching`].

mod ast;
mod parse;
mod print;

pub use ast::{CompareOp, Filter, FilterError, FilterErrorKind, Literal};
pub use parse::parse;
pub(super) use parse::{Level, Parser};
