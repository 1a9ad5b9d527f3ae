//! The keys inside a tenant's tree: which entry says what, and in which order (`design` §4).
//!
//! A key is a tag and its parts. Text parts are escaped and ended so that no part can run into the
//! next and order is that of the text; identifiers are 16 bytes.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use sha2::{Digest, Sha256};

use super::prefix_end;
use crate::protocol::filter::CompareOp;

/// The identifier of a resource: 16 bytes, outside written as a UUID (RFC 9562 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceId(pub [u8; 16]);

const HYPHENS_BEFORE: [usize; 4] = [4, 6, 8, 10];
const HEX: &[u8; 16] = b"0123456789abcdef";

impl ResourceId {
    /// A new identifier: version 7 of RFC 9562 §5.7, so that later ones sort behind.
    #[must_use]
    pub fn new(now_ms: u64, random: [u8; 10]) -> Self {
        let [_, _, t0, t1, t2, t3, t4, t5] = now_ms.to_be_bytes();
        let [r0, r1, r2, r3, r4, r5, r6, r7, r8, r9] = random;
        let (version, variant) = (0x70 | (r0 & 0x0f), 0x80 | (r2 & 0x3f));
        Self([t0, t1, t2, t3, t4, t5, version, r1, variant, r3, r4, r5, r6, r7, r8, r9])
    }

    /// Reads the text of [`Self::to_text`]; any other text is no identifier of ours.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits: Vec<u8> = text.bytes().filter(|b| *b != b'-').collect();
        let (pairs, []) = digits.as_chunks::<2>() else { return None };
        let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
        let bytes = pairs.iter().map(|[high, low]| Some((digit(*high)? << 4) | digit(*low)?));
        let id = Self(bytes.collect::<Option<Vec<u8>>>()?.try_into().ok()?);
        (id.to_text() == text).then_some(id)
    }

    /// The UUID in lower case, as clients see it.
    #[must_use]
    pub fn to_text(self) -> String {
        let mut text = String::with_capacity(36);
        for (at, byte) in self.0.iter().enumerate() {
            if HYPHENS_BEFORE.contains(&at) {
                text.push('-');
            }
            for nibble in [byte >> 4, byte & 0x0f] {
                text.push(HEX.get(usize::from(nibble)).map_or('0', |b| char::from(*b)));
            }
        }
        text
    }

    fn from_end(key: &[u8]) -> Option<Self> {
        key.last_chunk::<16>().copied().map(Self)
    }
}

/// The identifier that ends a key of [`resource`], [`Values::key`], [`member`] or [`group`].
#[must_use]
pub fn id_at_end(key: &[u8]) -> Option<ResourceId> {
    ResourceId::from_end(key)
}

/// A range of keys: from, and up to but not including.
pub type KeyRange = (Vec<u8>, Vec<u8>);

fn all_below(prefix: Vec<u8>) -> KeyRange {
    let end = prefix_end(&prefix);
    (prefix, end)
}

const RESOURCE: u8 = b'R';
const UNIQUE: u8 = b'U';
const INDEX: u8 = b'I';
const MODIFIED: u8 = b'T';
const MEMBER: u8 = b'm';
const GROUP: u8 = b'g';
const CURSOR_KEY: u8 = b'K';
const INDEX_STATE: u8 = b'S';
const CLIENT: u8 = b'C';
const TOKEN: u8 = b't';
const SUBJECT: u8 = b's';
const PROVIDER: u8 = b'P';
const TENANT: u8 = b'O';
const REVISION: u8 = b'V';
const LOG: u8 = b'L';

/// Text part: zero bytes escaped, ended by two zeros, so that a prefix sorts before what extends it.
fn text(key: &mut Vec<u8>, part: &[u8]) {
    unended(key, part);
    key.extend_from_slice(&[0, 0]);
}

/// What the text parts begin with that begin with `part`.
fn unended(key: &mut Vec<u8>, part: &[u8]) {
    for byte in part {
        key.push(*byte);
        if *byte == 0 {
            key.push(0xff);
        }
    }
}

/// Longer values are cut to this many bytes and a hash: exact matches still work.
pub const VALUE_BYTES: usize = 160;

/// Whether a value of so many bytes stands in keys by a part of it only.
fn is_cut(bytes: usize) -> bool {
    bytes > VALUE_BYTES
}

fn value_part(key: &mut Vec<u8>, value: &str) {
    match value.as_bytes().get(..VALUE_BYTES) {
        Some(head) if is_cut(value.len()) => {
            let mut cut = head.to_vec();
            cut.extend_from_slice(&Sha256::digest(value.as_bytes()));
            text(key, &cut);
        }
        _ => text(key, value.as_bytes()),
    }
}

fn tagged(tag: u8, resource_type: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(64);
    key.push(tag);
    text(&mut key, resource_type.as_bytes());
    key
}

/// `resource/{type}/{id}` → the resource's body.
#[must_use]
pub fn resource(resource_type: &str, id: ResourceId) -> Vec<u8> {
    let mut key = tagged(RESOURCE, resource_type);
    key.extend_from_slice(&id.0);
    key
}

/// All resources of a type, oldest first.
#[must_use]
pub fn resources(resource_type: &str) -> KeyRange {
    all_below(tagged(RESOURCE, resource_type))
}

/// All resources of all types.
#[must_use]
pub fn all_resources() -> KeyRange {
    all_below(Vec::from([RESOURCE]))
}

/// Bytes of an attribute's full name in a key; what is longer is cut to a head and a hash.
const NAME_BYTES: usize = 64;
/// Bytes of that head.
const HEAD_BYTES: usize = 31;
/// Bytes of the hash, written in twice as many hexadecimal digits.
const HASH_BYTES: usize = 16;

/// A name that is short enough for a key, and still the only one of its kind.
fn key_name(name: &str) -> Cow<'_, str> {
    if name.len() <= NAME_BYTES {
        return Cow::Borrowed(name);
    }
    let mut short: String = name.bytes().take(HEAD_BYTES).map(char::from).collect();
    short.push('#');
    let hash = Sha256::digest(name.as_bytes());
    let digits = hash.iter().take(HASH_BYTES).map(|byte| format!("{byte:02x}"));
    short.extend(digits);
    Cow::Owned(short)
}

/// The entries of one index, in the order of the attribute's values:
/// `unique/{type}/{attribute}/{value}` → the id of the one resource that has it, or
/// `index/{type}/{attribute}/{value}/{id}`. A resource without a value can have an entry, too, behind
/// all values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Values {
    prefix: Vec<u8>,
    /// What all values begin with that are meant.
    scope: String,
}

/// No text begins with this byte.
const NO_VALUE: u8 = 0xff;

impl Values {
    /// The index of an attribute; a unique one has one entry per value.
    #[must_use]
    pub fn new(resource_type: &str, attribute: &str, is_unique: bool) -> Self {
        let mut prefix = tagged(if is_unique { UNIQUE } else { INDEX }, resource_type);
        text(&mut prefix, key_name(attribute).as_bytes());
        Self { prefix, scope: String::new() }
    }

    /// Those of its values that begin with `scope`, which from here on is understood.
    #[must_use]
    pub fn within(mut self, scope: &str) -> Self {
        self.scope.push_str(scope);
        self
    }

    /// The key of a value; the entry of an index that is not unique ends with an id.
    #[must_use]
    pub fn key(&self, value: &str, id: Option<ResourceId>) -> Vec<u8> {
        let mut key = self.prefix.clone();
        value_part(&mut key, &[&self.scope, value].concat());
        key.extend(id.iter().flat_map(|id| id.0));
        key
    }

    /// The key of the entry of a resource that has no value.
    #[must_use]
    pub fn key_of_none(&self, id: ResourceId) -> Vec<u8> {
        let mut key = self.prefix.clone();
        key.push(NO_VALUE);
        key.extend_from_slice(&id.0);
        key
    }

    /// All entries, those without a value among them.
    #[must_use]
    pub fn all(&self) -> KeyRange {
        all_below(self.prefix.clone())
    }

    /// All entries of resources without a value.
    #[must_use]
    pub fn none(&self) -> KeyRange {
        let mut key = self.prefix.clone();
        key.push(NO_VALUE);
        all_below(key)
    }

    /// All entries with a value that is not empty.
    #[must_use]
    pub fn present(&self) -> KeyRange {
        (prefix_end(&self.key("", None)), self.valued().1)
    }

    /// All entries with a value.
    fn valued(&self) -> KeyRange {
        let mut start = self.prefix.clone();
        unended(&mut start, self.scope.as_bytes());
        let end = if self.scope.is_empty() { self.none().0 } else { prefix_end(&start) };
        (start, end)
    }

    /// The entries that a comparison with `value` selects, and whether it is these exactly: of a
    /// value that is too long for a key only the beginning can be looked for. `None` if the
    /// order of keys does not serve the operator.
    #[must_use]
    pub fn compared(&self, op: CompareOp, value: &str) -> Option<(KeyRange, bool)> {
        let whole = [&self.scope, value].concat();
        let is_cut = is_cut(whole.len());
        let mut head = self.prefix.clone();
        unended(&mut head, whole.as_bytes().get(..VALUE_BYTES).unwrap_or(whole.as_bytes()));
        let (start, end) = self.valued();
        let key = self.key(value, None);
        let range = match op {
            CompareOp::Eq => return Some((all_below(key), true)),
            CompareOp::Sw => all_below(head),
            CompareOp::Gt | CompareOp::Ge if is_cut => (head, end),
            CompareOp::Lt | CompareOp::Le if is_cut => (start, prefix_end(&head)),
            CompareOp::Gt => (prefix_end(&key), end),
            CompareOp::Ge => (key, end),
            CompareOp::Lt => (start, key),
            CompareOp::Le => (start, prefix_end(&key)),
            CompareOp::Ne | CompareOp::Co | CompareOp::Ew => return None,
        };
        Some((range, !is_cut))
    }
}

/// `modified/{type}/{time}/{id}`.
#[must_use]
pub fn modified(resource_type: &str, time_ms: u64, id: ResourceId) -> Vec<u8> {
    let mut key = tagged(MODIFIED, resource_type);
    key.extend_from_slice(&time_ms.to_be_bytes());
    key.extend_from_slice(&id.0);
    key
}

/// The entries of [`modified`] of one type, least recently changed first: from one time on and up to
/// but not including another; without it, up to the end.
#[must_use]
pub fn modified_between(resource_type: &str, from_ms: u64, to_ms: Option<u64>) -> KeyRange {
    let prefix = tagged(MODIFIED, resource_type);
    let at = |ms: u64| [&prefix[..], &ms.to_be_bytes()].concat();
    (at(from_ms), to_ms.map_or_else(|| prefix_end(&prefix), at))
}

/// `state/{type}/{attribute}` → how far the index of the attribute is.
#[must_use]
pub fn index_state(resource_type: &str, attribute: &str) -> Vec<u8> {
    let mut key = tagged(INDEX_STATE, resource_type);
    text(&mut key, key_name(attribute).as_bytes());
    key
}

/// All entries of [`index_state`] of one type.
#[must_use]
pub fn index_states(resource_type: &str) -> KeyRange {
    all_below(tagged(INDEX_STATE, resource_type))
}

/// All entries that the index of an attribute can have, as a unique one and as another one.
#[must_use]
pub fn of_index(resource_type: &str, attribute: &str) -> [KeyRange; 2] {
    [true, false].map(|is_unique| Values::new(resource_type, attribute, is_unique).all())
}

/// The tenant's key for cursors (RFC 9865).
#[must_use]
pub fn cursor_key() -> Vec<u8> {
    Vec::from([CURSOR_KEY])
}

/// `client/{name}` → the client's body.
#[must_use]
pub fn client(name: &str) -> Vec<u8> {
    tagged(CLIENT, name)
}

/// All clients.
#[must_use]
pub fn clients() -> KeyRange {
    all_below(Vec::from([CLIENT]))
}

/// `token/{public id}` → the name of its client.
#[must_use]
pub fn token(id: &str) -> Vec<u8> {
    tagged(TOKEN, id)
}

/// `subject/{provider}/{subject}` → the name of the client that comes with such tokens.
#[must_use]
pub fn subject(provider: &str, subject: &str) -> Vec<u8> {
    let mut key = tagged(SUBJECT, provider);
    value_part(&mut key, subject);
    key
}

/// `provider/{name}` → the authentication provider's body.
#[must_use]
pub fn provider(name: &str) -> Vec<u8> {
    tagged(PROVIDER, name)
}

/// All authentication providers.
#[must_use]
pub fn providers() -> KeyRange {
    all_below(Vec::from([PROVIDER]))
}

/// `tenant/{name}` → what is known of the tenant: in its own tree, and in the deployment's list.
#[must_use]
pub fn tenant(name: &str) -> Vec<u8> {
    tagged(TENANT, name)
}

/// All entries of [`tenant`].
#[must_use]
pub fn tenants() -> KeyRange {
    all_below(Vec::from([TENANT]))
}

/// How often, and when last, clients, tokens or providers were changed: a number that rises.
#[must_use]
pub fn registry_revision() -> Vec<u8> {
    Vec::from([REVISION])
}

/// `log/{number}` → an entry of the provisioning log.
#[must_use]
pub fn log_entry(number: u64) -> Vec<u8> {
    let mut key = Vec::from([LOG]);
    key.extend_from_slice(&number.to_be_bytes());
    key
}

/// The whole provisioning log, oldest first.
#[must_use]
pub fn log() -> KeyRange {
    all_below(Vec::from([LOG]))
}

/// The number of the entry of [`log`] that has this key.
#[must_use]
pub fn log_number(key: &[u8]) -> Option<u64> {
    key.last_chunk::<8>().copied().map(u64::from_be_bytes)
}

/// Whether the value of an entry names a body.
#[must_use]
pub fn points_to_body(key: &[u8]) -> bool {
    key.first().is_some_and(|tag| [RESOURCE, CLIENT, PROVIDER].contains(tag))
}

/// The text part of a key of [`client`], [`provider`] or [`tenant`].
#[must_use]
pub fn name_of(key: &[u8]) -> Option<&str> {
    core::str::from_utf8(key.get(1..)?.strip_suffix(&[0, 0])?).ok()
}

fn pair(tag: u8, first: ResourceId, second: Option<ResourceId>) -> Vec<u8> {
    let mut key = Vec::with_capacity(33);
    key.push(tag);
    key.extend_from_slice(&first.0);
    if let Some(second) = second {
        key.extend_from_slice(&second.0);
    }
    key
}

/// `member/{group}/{member}` → the member's resource type.
#[must_use]
pub fn member(group: ResourceId, member: ResourceId) -> Vec<u8> {
    pair(MEMBER, group, Some(member))
}

/// All entries of [`member`], and all of its mirror [`group`].
#[must_use]
pub fn all_memberships() -> [KeyRange; 2] {
    [all_below(Vec::from([MEMBER])), all_below(Vec::from([GROUP]))]
}

/// Group and member of a key of [`member`].
#[must_use]
pub fn membership(key: &[u8]) -> Option<(ResourceId, ResourceId)> {
    let (group, member) = key.strip_prefix(&[MEMBER])?.split_first_chunk::<16>()?;
    Some((ResourceId(*group), ResourceId(member.try_into().ok()?)))
}

/// All members of a group.
#[must_use]
pub fn members(group: ResourceId) -> KeyRange {
    all_below(pair(MEMBER, group, None))
}

/// `groups/{member}/{group}`: the mirror of [`member`].
#[must_use]
pub fn group(member: ResourceId, group: ResourceId) -> Vec<u8> {
    pair(GROUP, member, Some(group))
}

/// All groups of a member.
#[must_use]
pub fn groups(member: ResourceId) -> KeyRange {
    all_below(pair(GROUP, member, None))
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::key_name;

    #[test]
    fn a_long_name_is_cut_and_stays_apart() {
        let name = |end: &str| "urn:example:".to_string() + &"x".repeat(80) + end;
        assert_eq!(key_name("userName"), "userName");
        assert_eq!(key_name(&name("a")).len(), 64);
        assert_ne!(key_name(&name("a")), key_name(&name("b")));
    }
}
