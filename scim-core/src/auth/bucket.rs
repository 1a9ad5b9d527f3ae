//! How often somebody may ask: a token bucket in one number (RFC 6585 §4).
//!
//! The number is the time at which the bucket is full again, so that an empty memory is a full
//! bucket, and nothing needs refilling. It may live in memory that several workers share.

use super::RateLimit;

const US_PER_S: u64 = 1_000_000;

/// Takes one request out of the bucket that is full again at `full_us`, at `now_us`; both in
/// microseconds since 1970-01-01T00:00:00Z. The time at which it is full again after that.
///
/// # Errors
/// Seconds after which there is room again, if there is none.
pub fn take(full_us: u64, now_us: u64, limit: RateLimit) -> Result<u64, u64> {
    let window_us = limit.seconds.saturating_mul(US_PER_S);
    let each_us = window_us / limit.requests.max(1);
    // A time beyond the window is none that this bucket has: a clock was set back.
    let latest_us = now_us.saturating_add(window_us);
    let full_us = full_us.clamp(now_us, latest_us).saturating_add(each_us);
    match full_us.saturating_sub(latest_us) {
        0 => Ok(full_us),
        missing_us => Err(missing_us.div_ceil(US_PER_S)),
    }
}

#[cfg(test)]
mod tests {
    use super::{RateLimit, take};

    const LIMIT: RateLimit = RateLimit { requests: 10, seconds: 5 };
    const NOW_US: u64 = 1_800_000_000_000_000;

    fn drained() -> u64 {
        (0..10).fold(0, |full_us, _| take(full_us, NOW_US, LIMIT).unwrap())
    }

    #[test]
    fn a_burst_passes_and_then_one_after_the_other() {
        let full_us = drained();
        assert_eq!(take(full_us, NOW_US, LIMIT), Err(1));
        assert_eq!(take(full_us, NOW_US + 499_999, LIMIT), Err(1));
        let full_us = take(full_us, NOW_US + 500_000, LIMIT).unwrap();
        assert_eq!(take(full_us, NOW_US + 500_000, LIMIT), Err(1));
        assert!(take(full_us, NOW_US + 5_500_000, LIMIT).is_ok());
    }

    #[test]
    fn who_waits_as_long_as_told_gets_through() {
        let slow = RateLimit { requests: 1, seconds: 3600 };
        let full_us = take(0, NOW_US, slow).unwrap();
        let Err(seconds) = take(full_us, NOW_US + 1, slow) else { panic!("there is no room") };
        assert_eq!(seconds, 3600);
        assert!(take(full_us, NOW_US + 1 + seconds * 1_000_000, slow).is_ok());
    }

    #[test]
    fn a_clock_that_is_set_back_makes_nobody_wait_longer_than_the_window() {
        let full_us = drained();
        let before_us = NOW_US - 3_600_000_000;
        assert_eq!(take(full_us, before_us, LIMIT), Err(1));
    }
}
