//! The filter parser: by hand, recursive only in parentheses and brackets (RFC 7644 §3.4.2.2).
//!
//! It accepts more than the RFC's grammar where real clients send more and the meaning is plain:
//! unquoted text, a sub-attribute after a value path, several blanks, `and(`.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec;
use core::ops::Range;

use serde_json::Number;

use super::ast::{CompareOp, Filter, FilterError, FilterErrorKind as Kind, Literal};
use crate::protocol::limits::Limits;
use crate::protocol::path::{self, AttrPath};

/// Characters that JSON writes as a backslash and one letter, by that letter (RFC 8259 §7).
const SHORT_ESCAPES: [(char, char); 8] = [
    ('"', '"'),
    ('\\', '\\'),
    ('/', '/'),
    ('b', '\u{8}'),
    ('f', '\u{c}'),
    ('n', '\n'),
    ('r', '\r'),
    ('t', '\t'),
];

/// Parses a filter (RFC 7644 §3.4.2.2, figure 1).
///
/// # Errors
///
/// The text is not a filter, or is over one of `filter_bytes`, `filter_depth`, `filter_terms`.
///
/// ```
/// use scim_core::protocol::{filter, limits::Limits};
/// let filter = filter::parse("userName EQ bjensen", &Limits::default())?;
/// assert_eq!(filter.to_string(), "userName eq \"bjensen\"");
/// # Ok::<(), filter::FilterError>(())
/// ```
pub fn parse(text: &str, limits: &Limits) -> Result<Filter, FilterError> {
    let mut parser = Parser::new(text, limits)?;
    let filter = parser.any_of(Level::TOP)?;
    parser.end()?;
    Ok(filter)
}

/// Where in the nesting a term stands.
#[derive(Clone, Copy)]
pub(in crate::protocol) struct Level {
    depth: usize,
    in_element: bool,
}

impl Level {
    /// Outside of parentheses and brackets.
    pub(in crate::protocol) const TOP: Self = Self { depth: 0, in_element: false };
}

/// A text and how far it is read.
pub(in crate::protocol) struct Parser<'a> {
    text: &'a str,
    limits: &'a Limits,
    at: usize,
    terms: usize,
}

impl<'a> Parser<'a> {
    /// Starts at the first character that is not blank; there must be one.
    pub(in crate::protocol) fn new(text: &'a str, limits: &'a Limits) -> Result<Self, FilterError> {
        if text.len() > limits.filter_bytes {
            return Err(FilterError::new(Kind::TooLong, limits.filter_bytes..text.len()));
        }
        let mut parser = Self { text, limits, at: 0, terms: 0 };
        parser.blanks();
        if parser.rest().is_empty() { Err(parser.wrong(Kind::Empty)) } else { Ok(parser) }
    }

    /// Only blanks may follow.
    pub(in crate::protocol) fn end(&mut self) -> Result<(), FilterError> {
        self.blanks();
        if self.rest().is_empty() { Ok(()) } else { Err(self.wrong(Kind::TrailingText)) }
    }

    /// An attribute path, not empty.
    pub(in crate::protocol) fn path(&mut self) -> Result<AttrPath, FilterError> {
        let start = self.at;
        path::attr_path(self.word(), start)
    }

    /// `.sub`, if it follows.
    pub(in crate::protocol) fn sub(&mut self) -> Result<Option<String>, FilterError> {
        if !self.eat('.') {
            return Ok(None);
        }
        let start = self.at;
        path::name(self.word(), start).map(Some)
    }

    /// `[filter]`, if it follows `path`.
    pub(in crate::protocol) fn bracket(
        &mut self,
        path: &AttrPath,
        outside: Level,
    ) -> Result<Option<Filter>, FilterError> {
        let start = self.at;
        if !self.eat('[') {
            return Ok(None);
        }
        if outside.in_element {
            return Err(FilterError::new(Kind::NestedValuePath, start..self.at));
        }
        if path.sub.is_some() {
            return Err(FilterError::new(Kind::TooManySubAttributes, start..self.at));
        }
        let filter = self.any_of(Level { in_element: true, ..self.deeper(outside, start)? })?;
        self.blanks();
        if self.eat(']') { Ok(Some(filter)) } else { Err(self.wrong(Kind::UnclosedBracket)) }
    }

    fn any_of(&mut self, level: Level) -> Result<Filter, FilterError> {
        let first = self.all_of(level)?;
        if !self.keyword("or") {
            return Ok(first);
        }
        let mut terms = vec![first, self.all_of(level)?];
        while self.keyword("or") {
            terms.push(self.all_of(level)?);
        }
        Ok(Filter::any_of(terms))
    }

    fn all_of(&mut self, level: Level) -> Result<Filter, FilterError> {
        let first = self.term(level)?;
        if !self.keyword("and") {
            return Ok(first);
        }
        let mut terms = vec![first, self.term(level)?];
        while self.keyword("and") {
            terms.push(self.term(level)?);
        }
        Ok(Filter::all_of(terms))
    }

    fn term(&mut self, level: Level) -> Result<Filter, FilterError> {
        self.blanks();
        let start = self.at;
        if let Some(filter) = self.parenthesis(level)? {
            return Ok(filter);
        }
        let word = self.word();
        if word.eq_ignore_ascii_case("not") {
            self.blanks();
            let inner = self.parenthesis(level)?;
            let inner = inner.ok_or_else(|| self.wrong(Kind::ExpectedParenthesis))?;
            return Ok(Filter::Not(Box::new(inner)));
        }
        let path = path::attr_path(word, start)?;
        if let Some(filter) = self.bracket(&path, level)? {
            return self.after_bracket(path, filter);
        }
        if level.in_element && path.urn.is_some() {
            return Err(FilterError::new(Kind::ExpectedPath, start..self.at));
        }
        if level.in_element && path.sub.is_some() {
            return Err(FilterError::new(Kind::TooManySubAttributes, start..self.at));
        }
        self.comparison(path)
    }

    /// `(filter)`, if it stands here.
    fn parenthesis(&mut self, outside: Level) -> Result<Option<Filter>, FilterError> {
        let start = self.at;
        if !self.eat('(') {
            return Ok(None);
        }
        let filter = self.any_of(self.deeper(outside, start)?)?;
        self.blanks();
        if self.eat(')') { Ok(Some(filter)) } else { Err(self.wrong(Kind::UnclosedParenthesis)) }
    }

    /// Entra ID asks for `emails[type eq "work"].value eq "x"`: one more condition on the element.
    fn after_bracket(&mut self, path: AttrPath, filter: Filter) -> Result<Filter, FilterError> {
        let filter = match self.sub()? {
            None => filter,
            Some(name) => {
                let last = self.comparison(AttrPath { urn: None, name, sub: None })?;
                Filter::all_of(vec![filter, last])
            }
        };
        Ok(Filter::ValuePath { path, filter: Box::new(filter) })
    }

    fn comparison(&mut self, path: AttrPath) -> Result<Filter, FilterError> {
        self.terms += 1;
        if self.terms > self.limits.filter_terms {
            return Err(self.wrong(Kind::TooManyTerms));
        }
        self.blank_before(Kind::ExpectedOperator)?;
        let start = self.at;
        let word = self.word();
        if word.eq_ignore_ascii_case("pr") {
            return Ok(Filter::Present(path));
        }
        let op = CompareOp::ALL.into_iter().find(|op| word.eq_ignore_ascii_case(op.as_str()));
        let wrong = || FilterError::new(Kind::ExpectedOperator, start..start + word.len());
        let op = op.ok_or_else(wrong)?;
        self.blank_before(Kind::ExpectedValue)?;
        Ok(Filter::Compare { path, op, value: self.literal()? })
    }

    fn literal(&mut self) -> Result<Literal, FilterError> {
        if self.eat('"') {
            return self.string().map(Literal::String);
        }
        let start = self.at;
        let word = self.take_until(|byte| matches!(byte, b' ' | b'\t' | b')' | b']'));
        let is = |keyword: &&str| word.eq_ignore_ascii_case(keyword);
        // A word that opens another notation, or an operator in a value's place, is a mistake.
        let mistaken = word.starts_with(['\'', '{', '[', '(']);
        if word.is_empty() || mistaken || ["and", "or", "not"].iter().any(is) {
            return Err(FilterError::new(Kind::ExpectedValue, start..self.at));
        }
        let bad = |c: char| c.is_control() || matches!(c, '"' | '\\' | '(' | '[');
        if let Some((at, c)) = word.char_indices().find(|(_, c)| bad(*c)) {
            let at = start + at;
            return Err(FilterError::new(Kind::BadCharacter, at..at + c.len_utf8()));
        }
        Ok(match () {
            () if is(&"null") => Literal::Null,
            () if is(&"true") => Literal::Bool(true),
            () if is(&"false") => Literal::Bool(false),
            () => number(word).map_or_else(|| Literal::String(word.into()), Literal::Number),
        })
    }

    /// What follows an opening quotation mark, to the closing one.
    fn string(&mut self) -> Result<String, FilterError> {
        let open = self.at - 1;
        let mut string = String::new();
        loop {
            string.push_str(self.take_until(|byte| matches!(byte, b'"' | b'\\' | 0..b' ')));
            let start = self.at;
            match self.next() {
                None => return Err(FilterError::new(Kind::UnclosedString, open..start)),
                Some('"') => break,
                Some('\\') => {
                    let escaped = self.escape();
                    let wrong = || FilterError::new(Kind::BadEscape, start..self.at);
                    string.push(escaped.ok_or_else(wrong)?);
                }
                Some(_) => return Err(FilterError::new(Kind::BadCharacter, start..self.at)),
            }
        }
        match self.peek() {
            None | Some(' ' | '\t' | ')' | ']') => Ok(string),
            Some(_) => Err(self.wrong(Kind::ExpectedBlank)),
        }
    }

    /// What follows a backslash.
    fn escape(&mut self) -> Option<char> {
        let letter = self.next()?;
        if letter != 'u' {
            return SHORT_ESCAPES.iter().find(|(short, _)| *short == letter).map(|(_, c)| *c);
        }
        let high = self.hex4()?;
        if !(0xD800..0xDC00).contains(&high) {
            return char::from_u32(high);
        }
        if !(self.eat('\\') && self.eat('u')) {
            return None;
        }
        let low = self.hex4()?.checked_sub(0xDC00).filter(|low| *low < 0x400)?;
        char::from_u32(0x1_0000 + ((high - 0xD800) << 10) + low)
    }

    fn hex4(&mut self) -> Option<u32> {
        let digits = self.rest().get(..4)?;
        let code = u32::from_str_radix(digits, 16).ok()?;
        // `from_str_radix` takes a sign.
        digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| {
            self.at += 4;
            code
        })
    }

    /// `word` and then a blank, a parenthesis or the end.
    fn keyword(&mut self, keyword: &str) -> bool {
        self.blanks();
        let start = self.at;
        let found = self.word().eq_ignore_ascii_case(keyword)
            && matches!(self.peek(), None | Some(' ' | '\t' | '('));
        if !found {
            self.at = start;
        }
        found
    }

    fn blank_before(&mut self, what: Kind) -> Result<(), FilterError> {
        match self.peek() {
            Some(' ' | '\t') => {}
            None => return Err(self.wrong(what)),
            Some(_) => return Err(self.wrong(Kind::ExpectedBlank)),
        }
        self.blanks();
        if self.rest().is_empty() { Err(self.wrong(what)) } else { Ok(()) }
    }

    fn deeper(&self, outside: Level, start: usize) -> Result<Level, FilterError> {
        if outside.depth >= self.limits.filter_depth {
            return Err(FilterError::new(Kind::TooDeep, start..self.at));
        }
        Ok(Level { depth: outside.depth + 1, ..outside })
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    /// The text before the first byte of those, which are all ASCII.
    fn take_until(&mut self, is_end: impl Fn(u8) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest.bytes().position(is_end).unwrap_or(rest.len());
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    fn word(&mut self) -> &'a str {
        self.take_until(|byte| matches!(byte, b' ' | b'\t' | b'(' | b')' | b'[' | b']' | b'"'))
    }

    fn blanks(&mut self) {
        self.take_until(|byte| !matches!(byte, b' ' | b'\t'));
    }

    /// An error about the next character.
    fn wrong(&self, kind: Kind) -> FilterError {
        let length = self.peek().map_or(0, char::len_utf8);
        let span: Range<usize> = self.at..self.at + length;
        FilterError::new(kind, span)
    }
}

/// A JSON number that prints as it is written: `1.10` or `1e3` may be an identifier, and is kept
/// as text until the attribute's type is known.
fn number(word: &str) -> Option<Number> {
    if !word.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
        return None;
    }
    serde_json::from_str(word).ok().filter(|number: &Number| number.to_string() == word)
}
