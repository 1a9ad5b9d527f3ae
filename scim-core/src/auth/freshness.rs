//! When something that another server publishes is fetched again: keys, a registry.
//!
//! Nothing here calls anybody. One [`Fetches`] describes one thing that is fetched; it may live in
//! memory that several workers share, where whoever [begins](Fetches::begin) has the only call.

/// Bytes of a [`Fetches`] in shared memory.
const ENCODED: usize = 48;

/// How often something is fetched; all in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// It is fetched again this long after it was fetched.
    pub refresh_s: u64,
    /// It is used this long at most, while it cannot be fetched.
    pub stale_s: u64,
    /// A call that has not ended after this time is taken for lost.
    pub call_s: u64,
    /// What was asked for and not found in it is looked for this often at most.
    pub missing_s: u64,
    /// The pause after the first call that failed; each further one doubles it.
    pub retry_s: u64,
    /// The longest pause after a call that failed.
    pub retry_max_s: u64,
}

/// Why it would be fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// It is there at all, and not old.
    Current,
    /// It may hold now what it did not hold when it was fetched.
    Newer,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Fetch it: call [`Fetches::begin`] first.
    Fetch,
    /// Somebody fetches it: its answer may be waited for.
    Pending,
    /// It is not the time to fetch it.
    Rest,
}

/// How fetching has gone so far. Times are seconds since 1970-01-01T00:00:00Z; zero is never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fetches {
    /// When what is there was fetched.
    fetched_s: u64,
    /// How long it stays current.
    refresh_s: u64,
    /// When the latest call began.
    begun_s: u64,
    /// Until when that call may take; zero when it has ended.
    pending_s: u64,
    /// Calls that failed since the last one that did not.
    failures: u64,
    /// Rises with each thing that was fetched.
    generation: u64,
}

impl Fetches {
    /// What is to be done at `now_s` for `need`.
    #[must_use]
    pub const fn step(&self, now_s: u64, pace: &Pace, need: Need) -> Step {
        if now_s < self.pending_s {
            return Step::Pending;
        }
        let pause_s = match self.failures {
            0 => match need {
                Need::Current if self.fetched_s == 0 => 0,
                Need::Current => self.refresh_s,
                Need::Newer => pace.missing_s,
            },
            failures => {
                let doubled = if failures > 16 { 16 } else { failures - 1 };
                let pause_s = pace.retry_s << doubled;
                if pause_s > pace.retry_max_s { pace.retry_max_s } else { pause_s }
            }
        };
        if self.begun_s == 0 || now_s >= self.begun_s.saturating_add(pause_s) {
            Step::Fetch
        } else {
            Step::Rest
        }
    }

    /// Whether what is there may be used at `now_s`.
    #[must_use]
    pub const fn usable(&self, now_s: u64, pace: &Pace) -> bool {
        self.fetched_s != 0 && now_s < self.fetched_s.saturating_add(pace.stale_s)
    }

    /// Seconds since what is there was fetched; `None` if nothing is.
    #[must_use]
    pub const fn age_s(&self, now_s: u64) -> Option<u64> {
        if self.fetched_s == 0 { None } else { Some(now_s.saturating_sub(self.fetched_s)) }
    }

    /// The number of the thing that is there; zero is nothing.
    #[must_use]
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// A call begins. One that had begun before and is lost counts as failed.
    pub const fn begin(&mut self, now_s: u64, pace: &Pace) {
        if self.pending_s != 0 {
            self.failures = self.failures.saturating_add(1);
        }
        self.begun_s = now_s;
        self.pending_s = now_s.saturating_add(pace.call_s);
    }

    /// The call has brought the thing. It is current for `max_age_s` if the server says so and that
    /// is shorter than ours, but not so short that every request would call.
    pub fn succeed(&mut self, now_s: u64, pace: &Pace, max_age_s: Option<u64>) {
        let refresh_s = pace.refresh_s;
        self.refresh_s =
            max_age_s.map_or(refresh_s, |max_age_s| max_age_s.max(pace.missing_s).min(refresh_s));
        self.fetched_s = now_s;
        self.pending_s = 0;
        self.failures = 0;
        self.generation = self.generation.saturating_add(1);
    }

    /// The call has said that what is there is current still.
    pub const fn confirm(&mut self, now_s: u64) {
        self.fetched_s = now_s;
        self.pending_s = 0;
        self.failures = 0;
    }

    /// The call has brought nothing of use. What was there before stays.
    pub const fn fail(&mut self) {
        self.pending_s = 0;
        self.failures = self.failures.saturating_add(1);
    }

    /// The bytes for shared memory.
    #[must_use]
    pub fn encode(&self) -> [u8; ENCODED] {
        let numbers = [
            self.fetched_s,
            self.refresh_s,
            self.begun_s,
            self.pending_s,
            self.failures,
            self.generation,
        ];
        let mut bytes = [0; ENCODED];
        for (place, number) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(numbers) {
            *place = number.to_le_bytes();
        }
        bytes
    }

    /// Reads what [`encode`](Self::encode) made; anything else is as if nothing had been fetched.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Self {
        let (numbers, []) = bytes.as_chunks::<8>() else {
            return Self::default();
        };
        let [fetched_s, refresh_s, begun_s, pending_s, failures, generation] = numbers else {
            return Self::default();
        };
        let number = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes);
        Self {
            fetched_s: number(fetched_s),
            refresh_s: number(refresh_s),
            begun_s: number(begun_s),
            pending_s: number(pending_s),
            failures: number(failures),
            generation: number(generation),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Fetches, Need, Pace, Step};

    const PACE: Pace = Pace {
        refresh_s: 3600,
        stale_s: 86_400,
        call_s: 5,
        missing_s: 30,
        retry_s: 1,
        retry_max_s: 60,
    };
    const NOW_S: u64 = 1_800_000_000;

    fn fetched() -> Fetches {
        let mut fetches = Fetches::default();
        fetches.begin(NOW_S, &PACE);
        fetches.succeed(NOW_S, &PACE, None);
        fetches
    }

    #[test]
    fn the_first_need_fetches_and_the_others_wait() {
        let mut fetches = Fetches::default();
        assert_eq!(fetches.step(NOW_S, &PACE, Need::Current), Step::Fetch);
        assert!(!fetches.usable(NOW_S, &PACE));
        fetches.begin(NOW_S, &PACE);
        for need in [Need::Current, Need::Newer] {
            assert_eq!(fetches.step(NOW_S, &PACE, need), Step::Pending);
            assert_eq!(fetches.step(NOW_S + 4, &PACE, need), Step::Pending);
        }
        fetches.succeed(NOW_S + 1, &PACE, None);
        assert_eq!(fetches.step(NOW_S + 1, &PACE, Need::Current), Step::Rest);
        assert!(fetches.usable(NOW_S + 1, &PACE));
    }

    #[test]
    fn what_is_old_is_used_while_it_is_fetched_and_not_for_ever() {
        let mut fetches = fetched();
        assert_eq!(fetches.step(NOW_S + 3599, &PACE, Need::Current), Step::Rest);
        assert_eq!(fetches.step(NOW_S + 3600, &PACE, Need::Current), Step::Fetch);
        fetches.begin(NOW_S + 3600, &PACE);
        fetches.fail();
        assert!(fetches.usable(NOW_S + 86_399, &PACE));
        assert!(!fetches.usable(NOW_S + 86_400, &PACE));
    }

    #[test]
    fn what_is_missing_is_looked_for_once_in_a_while() {
        let fetches = fetched();
        assert_eq!(fetches.step(NOW_S + 29, &PACE, Need::Newer), Step::Rest);
        assert_eq!(fetches.step(NOW_S + 30, &PACE, Need::Newer), Step::Fetch);
        assert_eq!(fetches.step(NOW_S + 30, &PACE, Need::Current), Step::Rest);
    }

    #[test]
    fn failures_are_further_and_further_apart() {
        let mut fetches = fetched();
        let mut now_s = NOW_S + 3600;
        for pause_s in [1, 2, 4, 8, 16, 32, 60, 60] {
            fetches.begin(now_s, &PACE);
            fetches.fail();
            for need in [Need::Current, Need::Newer] {
                assert_eq!(fetches.step(now_s + pause_s - 1, &PACE, need), Step::Rest, "{pause_s}");
                assert_eq!(fetches.step(now_s + pause_s, &PACE, need), Step::Fetch, "{pause_s}");
            }
            now_s += pause_s;
        }
        fetches.begin(now_s, &PACE);
        fetches.succeed(now_s, &PACE, None);
        assert_eq!(fetches.step(now_s + 29, &PACE, Need::Newer), Step::Rest);
    }

    #[test]
    fn a_call_that_is_lost_has_failed() {
        let mut fetches = Fetches::default();
        fetches.begin(NOW_S, &PACE);
        assert_eq!(fetches.step(NOW_S + 5, &PACE, Need::Current), Step::Fetch);
        fetches.begin(NOW_S + 5, &PACE);
        fetches.fail();
        assert_eq!(fetches.step(NOW_S + 6, &PACE, Need::Current), Step::Rest);
        assert_eq!(fetches.step(NOW_S + 7, &PACE, Need::Current), Step::Fetch);
    }

    #[test]
    fn a_server_may_ask_for_earlier_calls_within_reason() {
        for (max_age_s, refresh_s) in [(0, 30), (120, 120), (999_999, 3600)] {
            let mut fetches = Fetches::default();
            fetches.begin(NOW_S, &PACE);
            fetches.succeed(NOW_S, &PACE, Some(max_age_s));
            let step = |after_s| fetches.step(NOW_S + after_s, &PACE, Need::Current);
            assert_eq!((step(refresh_s - 1), step(refresh_s)), (Step::Rest, Step::Fetch));
        }
    }

    #[test]
    fn shared_memory_keeps_it_and_forgets_what_is_broken() {
        let mut fetches = fetched();
        fetches.begin(NOW_S + 7, &PACE);
        fetches.fail();
        assert_eq!(Fetches::decode(&fetches.encode()), fetches);
        for broken in [&[][..], &[1; 47], &[1; 49], &[1; 56]] {
            assert_eq!(Fetches::decode(broken), Fetches::default());
        }
        assert_eq!((fetches.generation(), fetches.age_s(NOW_S + 9)), (1, Some(9)));
        fetches.confirm(NOW_S + 9);
        assert_eq!((fetches.generation(), fetches.age_s(NOW_S + 9)), (1, Some(0)));
        assert_eq!(fetches.step(NOW_S + 9, &PACE, Need::Current), Step::Rest);
    }
}
