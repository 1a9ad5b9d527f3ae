//! One filter in one worker: configuration, keys, and a stream for each request.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};
use std::time::Duration;

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{ContextType, LogLevel};
use scim_core::auth::TokenCache;
use scim_core::schema::Catalog;

use crate::config::Config;
use crate::host;
use crate::keys::{Calling, KeyRing};
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
    pub(crate) keys: KeyRing,
    pub(crate) tokens: RefCell<TokenCache>,
    pub(crate) signatures: Signatures,
    waiting: RefCell<Vec<(u32, Weak<RefCell<Request>>)>>,
    hurried: Cell<bool>,
}

impl Shared {
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
}

/// A filter that may be configured already.
#[derive(Default)]
pub(crate) struct Root {
    shared: Option<Rc<Shared>>,
    calls: BTreeMap<u32, Calling>,
}

impl Root {
    fn wake(&self, shared: &Shared) {
        let waiting = shared.waiting.take();
        for (context, stream) in waiting {
            let Some(request) = stream.upgrade() else { continue };
            if host::act_for(context) && request.borrow_mut().wake(shared) {
                shared.waiting.borrow_mut().push((context, stream));
            }
        }
        if shared.waiting.borrow().is_empty() && shared.hurried.replace(false) {
            host::set_tick(TICK);
        }
    }
}

impl Context for Root {
    fn on_http_call_response(&mut self, token: u32, _: usize, body_size: usize, _: usize) {
        let (Some(shared), Some(calling)) = (self.shared.clone(), self.calls.remove(&token)) else {
            return;
        };
        let (reply, now_s) = (host::reply(body_size), host::now_s().unwrap_or_default());
        let providers = shared.config.providers.all();
        self.calls.extend(shared.keys.answered(providers, calling, &reply, now_s));
    }
}

impl RootContext for Root {
    fn on_configure(&mut self, _size: usize) -> bool {
        let text = host::configuration().unwrap_or_default();
        match Config::parse(&text, |name| std::env::var(name).ok()) {
            Ok(config) => {
                let keys = KeyRing::new(host::state_prefix(&text), config.providers.all());
                if !config.providers.all().is_empty() {
                    // The first one comes at once: keys are there before requests are.
                    host::set_tick(TICK_WAITING);
                }
                self.shared = Some(Rc::new(Shared {
                    config,
                    catalog: Catalog::default(),
                    keys,
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
        let (changed, calls) = shared.keys.tick(shared.config.providers.all(), now_s);
        self.calls.extend(calls);
        if changed {
            // A key may be gone, and what it signed with it.
            shared.tokens.borrow_mut().clear();
        }
        self.wake(&shared);
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }

    fn create_http_context(&self, context_id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Stream::new(context_id, self.shared.clone())))
    }
}
