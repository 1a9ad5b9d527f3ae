//! Tokens whose signature was verified, kept so that it is verified once.
//!
//! Only claims are kept, and only of tokens that were good: nobody without a credential can fill the
//! cache. A token is found by its exact text, since hashing it costs more than comparing it.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;

use super::jwt::Claims;

/// Bytes that an entry takes besides its texts, by estimate.
const OVERHEAD: usize = 128;

type Entries = BTreeMap<Box<str>, (usize, Claims)>;

/// Verified tokens, bounded in bytes.
///
/// Two halves: new tokens go to the young one; when it is full it becomes the old one, and what was
/// old and not used since is gone.
#[derive(Debug)]
pub struct TokenCache {
    young: Entries,
    old: Entries,
    /// Bytes of the young half.
    bytes: usize,
    half: usize,
}

impl TokenCache {
    /// A cache that takes `bytes` bytes at most, by estimate.
    #[must_use]
    pub const fn new(bytes: usize) -> Self {
        Self { young: BTreeMap::new(), old: BTreeMap::new(), bytes: 0, half: bytes / 2 }
    }

    /// What the provider at a place said by `token`. The caller asks whether it still holds.
    pub fn get(&mut self, token: &str) -> Option<&(usize, Claims)> {
        // The borrow of a found entry would last through the search of the other half.
        if !self.young.contains_key(token) {
            let (token, entry) = self.old.remove_entry(token)?;
            self.put(token, entry);
        }
        self.young.get(token)
    }

    /// Keeps what the provider at `place` said by `token`.
    pub fn insert(&mut self, token: &str, place: usize, claims: Claims) {
        self.put(token.into(), (place, claims));
    }

    /// Forgets all: keys or providers have changed.
    pub fn clear(&mut self) {
        (self.young, self.old, self.bytes) = (BTreeMap::new(), BTreeMap::new(), 0);
    }

    fn put(&mut self, token: Box<str>, entry: (usize, Claims)) {
        let scopes = entry.1.scopes.iter().map(|scope| scope.len() + size_of_val(scope));
        let size = OVERHEAD + token.len() + entry.1.subject.len() + scopes.sum::<usize>();
        if size > self.half {
            return;
        }
        if self.bytes + size > self.half {
            self.old = core::mem::take(&mut self.young);
            self.bytes = 0;
        }
        if self.young.insert(token, entry).is_none() {
            self.bytes += size;
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::vec::Vec;

    use super::{Claims, TokenCache};

    fn claims(subject: &str) -> Claims {
        Claims { subject: subject.into(), scopes: Vec::new(), expires_s: 1 }
    }

    #[test]
    fn tokens_are_found_by_their_whole_text() {
        let mut cache = TokenCache::new(10_000);
        cache.insert("a.b.c", 3, claims("ada"));
        assert_eq!(cache.get("a.b.c").unwrap().0, 3);
        for other in ["a.b.C", "a.b.c ", "a.b.", ""] {
            assert!(cache.get(other).is_none());
        }
        cache.clear();
        assert!(cache.get("a.b.c").is_none());
    }

    #[test]
    fn it_is_bounded_and_keeps_what_is_used() {
        let mut cache = TokenCache::new(64 * 1024);
        cache.insert("used", 0, claims("ada"));
        for number in 0..100_000 {
            cache.insert(&format!("token-{number}"), 0, claims("bob"));
            assert!(cache.get("used").is_some(), "{number}");
            assert!(cache.young.len() + cache.old.len() < 64 * 1024 / super::OVERHEAD);
        }
        assert!(cache.get("token-0").is_none());
        assert!(cache.get("token-99999").is_some());
        // One that is larger than the cache is not kept.
        cache.insert(&"x".repeat(64 * 1024), 0, claims("eve"));
        assert!(cache.get("used").is_some());
    }
}
