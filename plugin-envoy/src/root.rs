//! One filter in one worker: configuration, keys, and a stream for each request.

use core::cell::{Cell, RefCell};
use core::time::Duration;
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{ContextType, LogLevel};
use scim_core::auth::TokenCache;
use scim_core::auth::keys::ANSWER_BYTES;
use scim_core::schema::Catalog;

use crate::config::Config;
use crate::host;
use crate::keys;
use crate::metrics::Metrics;
use crate::registry::{self, Access};
use crate::signature::Signatures;
use crate::stream::{Request, Stream};

/// How often a worker looks what others have fetched.
const TICK: Duration = Duration::from_millis(500);
/// How often while requests wait.
const TICK_WAITING: Duration = Duration::from_millis(10);
/// Bytes of verified tokens that a worker keeps.
const TOKEN_CACHE_BYTES: usize = 8 * 1024 * 1024;
/// Requests of one worker that may wait at the same time.
const WAITING: usize = 1024;

/// What all streams of a worker share.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) catalog: Catalog,
    /// The beginning of all names in shared data.
    pub(crate) prefix: String,
    pub(crate) metrics: Metrics,
    access: RefCell<Rc<Access>>,
    pub(crate) tokens: RefCell<TokenCache>,
    pub(crate) signatures: Signatures,
    waiting: RefCell<Vec<(u32, Weak<RefCell<Request>>)>>,
    hurried: Cell<bool>,
}

impl Shared {
    /// Who may send requests, now.
    pub(crate) fn access(&self) -> Rc<Access> {
        Rc::clone(&self.access.borrow())
    }

    /// Lets a request wait: it is woken soon. `false` if too many wait already.
    pub(crate) fn wait(&self, context: u32, stream: &Rc<RefCell<Request>>) -> bool {
        let mut waiting = self.waiting.borrow_mut();
        waiting.retain(|(_, stream)| stream.strong_count() > 0);
        let room = waiting.len() < WAITING;
        if room {
            waiting.push((context, Rc::downgrade(stream)));
            if !self.hurried.replace(true) {
                host::set_tick(TICK_WAITING);
            }
        }
        room
    }

    /// Lets those that wait look again; in `on_tick`.
    fn wake(&self) {
        let waiting = self.waiting.take();
        for (context, stream) in waiting {
            let Some(request) = stream.upgrade() else { continue };
            if host::act_for(context) && request.borrow_mut().wake(self) {
                self.waiting.borrow_mut().push((context, stream));
            }
        }
        if self.waiting.borrow().is_empty() && self.hurried.replace(false) {
            host::set_tick(TICK);
        }
    }
}

/// What a call is for.
#[derive(Clone, Copy)]
enum Calling {
    Keys(keys::Calling),
    Registry,
}

/// A filter that may be configured already.
#[derive(Default)]
pub(crate) struct Root {
    shared: Option<Rc<Shared>>,
    calls: BTreeMap<u32, Calling>,
}

impl Context for Root {
    fn on_http_call_response(&mut self, token: u32, _: usize, body_size: usize, _: usize) {
        let (Some(shared), Some(calling)) = (self.shared.clone(), self.calls.remove(&token)) else {
            return;
        };
        let now_s = host::now_s().unwrap_or_default();
        match calling {
            Calling::Registry => {
                let reply = host::reply(body_size, registry::ANSWER_BYTES);
                registry::answered(&shared.config, &shared.prefix, &reply, now_s);
            }
            Calling::Keys(calling) => {
                let reply = host::reply(body_size, ANSWER_BYTES);
                let access = shared.access();
                let next = access.keys.answered(access.providers.all(), &calling, &reply, now_s);
                self.calls.extend(next.map(|(token, calling)| (token, Calling::Keys(calling))));
            }
        }
    }
}

impl RootContext for Root {
    fn on_configure(&mut self, _size: usize) -> bool {
        let text = host::configuration().unwrap_or_default();
        match Config::parse(&text, |name| std::env::var(name).ok()) {
            Ok(config) => {
                let prefix = host::state_prefix(&text);
                let access = RefCell::new(Access::new(&config, &prefix));
                if !config.providers.all().is_empty() || config.source.is_some() {
                    // The first one comes at once: keys are there before requests are.
                    host::set_tick(TICK_WAITING);
                }
                self.shared = Some(Rc::new(Shared {
                    config,
                    catalog: Catalog::default(),
                    prefix,
                    metrics: Metrics::default(),
                    access,
                    tokens: RefCell::new(TokenCache::new(TOKEN_CACHE_BYTES)),
                    signatures: Signatures::probe(),
                    waiting: RefCell::default(),
                    hurried: Cell::new(true),
                }));
                true
            }
            Err(error) => {
                host::log(
                    LogLevel::Error,
                    &format!("the filter's configuration is wrong: {error}"),
                );
                false
            }
        }
    }

    fn on_tick(&mut self) {
        let (Some(shared), Some(now_s)) = (self.shared.clone(), host::now_s()) else { return };
        let (next, poll) =
            shared.access().tick(&shared.config, &shared.prefix, &shared.metrics, now_s);
        self.calls.extend(poll.map(|token| (token, Calling::Registry)));
        let renewed = next.is_some();
        if let Some(next) = next {
            shared.access.replace(next);
        }
        let access = shared.access();
        let (changed, calls) = access.keys.tick(access.providers.all(), now_s);
        self.calls
            .extend(calls.into_iter().map(|(token, calling)| (token, Calling::Keys(calling))));
        if changed || renewed {
            // A key may be gone, and what it signed with it; providers may have other places.
            shared.tokens.borrow_mut().clear();
        }
        shared.wake();
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }

    fn create_http_context(&self, context_id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Stream::new(context_id, self.shared.clone())))
    }
}
