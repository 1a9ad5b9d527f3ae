//! The keys of the providers: fetched by one worker, known to all.
//!
//! In shared data stand, for each provider, how fetching goes ([`Fetches`]) and the key set as it
//! was fetched. Whoever writes the beginning of a call by compare-and-swap makes the call. Each
//! worker reads a set when its number has risen; so does one whose VM was made anew.

use core::cell::RefCell;
use std::rc::Rc;

use proxy_wasm::types::LogLevel;
use scim_core::auth::freshness::{Fetches, Need, Pace, Step};
use scim_core::auth::jwt::JwkSet;
use scim_core::auth::keys::{self, FetchError, Next, Stage};
use scim_core::auth::{Issuer, KeySource, Provider};
use scim_core::port::http::Reply;
use sha2::{Digest, Sha256};

use crate::host;

/// The keys of one provider, as this worker knows them.
#[derive(Default)]
struct Known {
    generation: u64,
    keys: Option<Rc<JwkSet>>,
    /// A request waits for keys that are newer than those that are known.
    newer: bool,
}

/// A call that has not ended, for the provider at a place of one list of providers.
#[derive(Clone, Copy)]
pub(crate) struct Calling {
    place: usize,
    stage: Stage,
}

/// The keys of all providers.
pub(crate) struct KeyRing {
    /// The beginnings of the names in shared data, by provider.
    names: Vec<String>,
    known: RefCell<Vec<Known>>,
}

impl KeyRing {
    /// The keys of `providers` that are in shared data already.
    pub(crate) fn new(prefix: &str, providers: &[Provider]) -> Self {
        let known = providers.iter().map(|_| Known::default()).collect();
        let names = providers.iter().map(|provider| name_of(prefix, provider)).collect();
        let ring = Self { names, known: RefCell::new(known) };
        for (place, _) in remote(providers) {
            // A swap needs something to be swapped; the one that comes first wins.
            if host::shared(&ring.name(place, "state")).0.is_none() {
                let nothing = Fetches::default().encode();
                host::set_shared(&ring.name(place, "state"), &nothing, None);
            }
        }
        ring
    }

    /// The keys of the provider at `place`.
    pub(crate) fn get(&self, place: usize) -> Option<Rc<JwkSet>> {
        self.known.borrow().get(place)?.keys.clone()
    }

    /// Whether it is worth waiting for keys of the provider at `place`.
    pub(crate) fn ask(&self, all: &[Provider], place: usize, need: Need, now_s: u64) -> bool {
        let Some(own) = pace_of(all, place) else { return false };
        let (state, _) = self.state(place);
        let known = self.known.borrow().get(place).map_or(0, |known| known.generation);
        // Another worker has fetched them already.
        let arrived = state.generation() != known && state.usable(now_s, &own);
        let worth = arrived || state.step(now_s, &own, need) != Step::Rest;
        if let (true, Need::Newer, Some(known)) =
            (worth, need, self.known.borrow_mut().get_mut(place))
        {
            known.newer = true;
        }
        worth
    }

    /// Takes what other workers have fetched, and begins the calls whose time has come. Whether any
    /// keys have changed, and the calls.
    pub(crate) fn tick(&self, providers: &[Provider], now_s: u64) -> (bool, Vec<(u32, Calling)>) {
        let (mut changed, mut calls) = (false, Vec::new());
        for (place, issuer) in remote(providers) {
            let pace = keys::pace(issuer);
            let (mut state, cas) = self.state(place);
            changed |= self.take(place, &state, state.usable(now_s, &pace));
            let newer = self.known.borrow().get(place).is_some_and(|known| known.newer);
            let need = if newer { Need::Newer } else { Need::Current };
            let step = state.step(now_s, &pace, need);
            if let (Step::Rest, Some(known)) = (step, self.known.borrow_mut().get_mut(place)) {
                known.newer = false;
            }
            if step != Step::Fetch {
                continue;
            }
            state.begin(now_s, &pace);
            let name = self.name(place, "state");
            if cas.is_none() || !host::set_shared(&name, &state.encode(), cas) {
                continue;
            }
            if let Some((stage, call)) = keys::first_call(issuer) {
                match host::call(cluster(issuer), &call, keys::CALL_S) {
                    Some(token) => calls.push((token, Calling { place, stage })),
                    None => self.failed(place, FetchError::NoReply),
                }
            }
        }
        (changed, calls)
    }

    /// An answer has come. The call that follows from it, if one does.
    pub(crate) fn answered(
        &self,
        providers: &[Provider],
        calling: &Calling,
        reply: &Reply,
        now_s: u64,
    ) -> Option<(u32, Calling)> {
        let place = calling.place;
        let issuer = providers.get(place)?.issuer.as_ref()?;
        match keys::answered(issuer, calling.stage, reply) {
            Ok(Next::Call(call)) => {
                let token = host::call(cluster(issuer), &call, keys::CALL_S);
                if token.is_none() {
                    self.failed(place, FetchError::NoReply);
                }
                token.map(|token| (token, Calling { place, stage: Stage::Keys }))
            }
            Ok(Next::Keys(_, max_age_s)) => {
                // The set first: whoever sees the new number must find it.
                host::set_shared(&self.name(place, "keys"), &reply.body, None);
                self.update(place, |state| state.succeed(now_s, &keys::pace(issuer), max_age_s));
                None
            }
            Err(error) => {
                self.failed(place, error);
                None
            }
        }
    }

    fn failed(&self, place: usize, error: FetchError) {
        let text = format!("the keys of provider {place} were not fetched: {}", error.reason());
        host::log(LogLevel::Warn, &text);
        self.update(place, Fetches::fail);
    }

    fn update(&self, place: usize, change: impl Fn(&mut Fetches)) {
        // Others write only when they begin a call; then theirs is the one that counts.
        let (mut state, cas) = self.state(place);
        change(&mut state);
        host::set_shared(&self.name(place, "state"), &state.encode(), cas);
    }

    fn take(&self, place: usize, state: &Fetches, usable: bool) -> bool {
        let mut known = self.known.borrow_mut();
        let Some(known) = known.get_mut(place) else { return false };
        if !usable {
            return known.keys.take().is_some();
        }
        if state.generation() == known.generation && known.keys.is_some() {
            return false;
        }
        let set =
            host::shared(&self.name(place, "keys")).0.and_then(|text| JwkSet::parse(&text).ok());
        *known = Known { generation: state.generation(), keys: set.map(Rc::new), newer: false };
        true
    }

    fn state(&self, place: usize) -> (Fetches, Option<u32>) {
        let (bytes, cas) = host::shared(&self.name(place, "state"));
        (Fetches::decode(&bytes.unwrap_or_default()), cas)
    }

    fn name(&self, place: usize, what: &str) -> String {
        format!("{}/{what}", self.names.get(place).map_or("", String::as_str))
    }
}

/// What another issuer has fetched, or from another address, is not this one's: places in the list
/// of providers may change.
fn name_of(prefix: &str, provider: &Provider) -> String {
    let issuer = provider.issuer.as_ref();
    let identity = issuer.map(|issuer| format!("{} {:?}", issuer.identifier, issuer.keys));
    format!("{prefix}/keys/{:x}", Sha256::digest(identity.unwrap_or_default()))
}

fn remote(providers: &[Provider]) -> impl Iterator<Item = (usize, &Issuer)> {
    let issuers = providers.iter().enumerate();
    let issuers = issuers.filter_map(|(place, provider)| Some((place, provider.issuer.as_ref()?)));
    issuers.filter(|(_, issuer)| !matches!(issuer.keys, KeySource::Inline(_)))
}

fn pace_of(providers: &[Provider], place: usize) -> Option<Pace> {
    providers.get(place)?.issuer.as_ref().map(keys::pace)
}

fn cluster(issuer: &Issuer) -> &str {
    issuer.cluster.as_deref().unwrap_or_default()
}
