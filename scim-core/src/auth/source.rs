//! Where refused credentials come from, in a fixed number of slots: a million sources need no more
//! memory than one.

use core::net::{IpAddr, SocketAddr};

use sha2::{Digest, Sha256};

use super::RateLimit;

/// Slots of sources.
pub const SLOTS: u16 = 4096;
/// Refused credentials of one source that are answered as such; beyond that the answer is 429.
pub const REFUSALS: RateLimit = RateLimit { requests: 30, seconds: 60 };

/// The slot of a source, `192.0.2.7:4711` or `[2001:db8::1]:4711`. Hosts of one IPv6 network of 64
/// bits have one slot. `None` for the same machine, which is never slowed, and for what is no
/// address.
#[must_use]
pub fn slot(source: &str) -> Option<u16> {
    let address: SocketAddr = source.parse().ok()?;
    let hash = match address.ip().to_canonical() {
        ip if ip.is_loopback() => return None,
        IpAddr::V4(ip) => Sha256::digest(ip.octets()),
        IpAddr::V6(ip) => Sha256::digest(ip.octets().first_chunk::<8>()?),
    };
    let number = u16::from_le_bytes(*hash.first_chunk()?);
    Some(number % SLOTS)
}

#[cfg(test)]
mod tests {
    use super::{SLOTS, slot};

    #[test]
    fn networks_share_a_slot_and_this_machine_has_none() {
        assert_eq!(slot("[2001:db8::1]:1"), slot("[2001:db8::ffff:2]:9"));
        assert_ne!(slot("[2001:db8::1]:1"), slot("[2001:db8:0:1::1]:1"));
        assert_eq!(slot("192.0.2.7:1"), slot("[::ffff:192.0.2.7]:2"));
        assert_ne!(slot("192.0.2.7:1"), slot("192.0.2.8:1"));
        for own in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1", "", "a"] {
            assert_eq!(slot(own), None, "{own}");
        }
    }

    #[test]
    fn a_million_sources_fit_into_the_slots() {
        let mut used = alloc::vec![0_u32; usize::from(SLOTS)];
        for number in 0..1_000_000_u32 {
            let source = alloc::format!("{}:1", core::net::Ipv4Addr::from(number | 1 << 28));
            used[usize::from(slot(&source).unwrap())] += 1;
        }
        assert!(used.iter().all(|count| (100..500).contains(count)));
    }
}
