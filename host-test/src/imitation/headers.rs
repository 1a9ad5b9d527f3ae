//! Header maps as Envoy keeps them, and their form in the ABI.

/// Headers that Envoy keeps once: an addition is joined to what is there by a comma.
const KEPT_ONCE: [&[u8]; 22] = [
    b":authority",
    b":method",
    b":path",
    b":scheme",
    b":status",
    b"accept-encoding",
    b"authorization",
    b"cache-control",
    b"connection",
    b"content-encoding",
    b"content-length",
    b"content-type",
    b"expect",
    b"host",
    b"te",
    b"transfer-encoding",
    b"upgrade",
    b"user-agent",
    b"via",
    b"x-forwarded-for",
    b"x-forwarded-proto",
    b"x-request-id",
];

/// Names (in lower case) and values, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<(Vec<u8>, Vec<u8>)>);

impl Headers {
    /// A map of these pairs.
    pub fn of<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Self {
        let mut headers = Self::default();
        for (name, value) in pairs {
            headers.add(name.as_bytes(), value);
        }
        headers
    }

    /// How many pairs there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no pair.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All pairs.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.0.iter().map(|(name, value)| (name.as_slice(), value.as_slice()))
    }

    /// All values of `name`.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.iter().filter(|(known, _)| *known == name.as_bytes()).map(|(_, value)| value)
    }

    /// The first value of `name`.
    #[must_use]
    pub fn first(&self, name: &str) -> Option<&[u8]> {
        self.iter().find(|(known, _)| *known == name.as_bytes()).map(|(_, value)| value)
    }

    /// The first value of `name` as text; "" if there is none or it is not UTF-8.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        self.first(name).and_then(|value| core::str::from_utf8(value).ok()).unwrap_or_default()
    }

    /// Adds a pair, or joins the value to the one that is there if Envoy keeps the header once.
    pub fn add(&mut self, name: &[u8], value: &[u8]) {
        let name = name.to_ascii_lowercase();
        let known = self.0.iter_mut().find(|(known, _)| *known == name);
        match known.filter(|_| KEPT_ONCE.contains(&name.as_slice())) {
            Some((_, known)) if known.is_empty() => *known = value.to_vec(),
            Some((_, known)) => known.extend([b",", value].concat()),
            None => self.0.push((name, value.to_vec())),
        }
    }

    /// Sets the one value of `name`.
    pub fn set(&mut self, name: &[u8], value: &[u8]) {
        let name = name.to_ascii_lowercase();
        let place = self.0.iter().position(|(known, _)| *known == name);
        self.remove(&name);
        let pair = (name, value.to_vec());
        self.0.insert(place.unwrap_or(self.0.len()).min(self.0.len()), pair);
    }

    /// Removes all values of `name`.
    pub fn remove(&mut self, name: &[u8]) {
        let name = name.to_ascii_lowercase();
        self.0.retain(|(known, _)| *known != name);
    }

    /// The map in the ABI's form: count, lengths, then names and values, each with a NUL.
    #[must_use]
    pub fn to_abi(&self) -> Vec<u8> {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes();
        let mut bytes = number(self.0.len()).to_vec();
        for (name, value) in &self.0 {
            bytes.extend(number(name.len()));
            bytes.extend(number(value.len()));
        }
        for text in self.0.iter().flat_map(|(name, value)| [name, value]) {
            bytes.extend(text);
            bytes.push(0);
        }
        bytes
    }

    /// Reads the form of the ABI.
    pub(super) fn from_abi(bytes: &[u8]) -> Option<Self> {
        let number = |place: usize| {
            let four = bytes.get(place..place.checked_add(4)?)?;
            usize::try_from(u32::from_le_bytes(four.try_into().ok()?)).ok()
        };
        if bytes.is_empty() {
            return Some(Self::default());
        }
        let count = number(0)?;
        let mut place = count.checked_mul(8)?.checked_add(4)?;
        let mut text = |length: usize| {
            let text = bytes.get(place..place.checked_add(length)?)?;
            place += length + 1;
            Some(text)
        };
        let mut headers = Self::default();
        for index in 0..count {
            let (name, value) = (text(number(4 + 8 * index)?)?, text(number(8 + 8 * index)?)?);
            headers.add(name, value);
        }
        Some(headers)
    }
}
