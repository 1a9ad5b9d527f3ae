//! One filter in one worker: configuration, and a stream for each request.

use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{ContextType, LogLevel};
use scim_core::schema::Catalog;

use crate::config::Config;
use crate::host;
use crate::stream::Stream;

/// What all streams of a worker share.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) catalog: Catalog,
}

/// A filter that may be configured already.
#[derive(Default)]
pub(crate) struct Root {
    shared: Option<Rc<Shared>>,
}

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, _size: usize) -> bool {
        let text = host::configuration().unwrap_or_default();
        match Config::parse(&text, |name| std::env::var(name).ok()) {
            Ok(config) => {
                self.shared = Some(Rc::new(Shared { config, catalog: Catalog::default() }));
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

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }

    fn create_http_context(&self, _context_id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Stream::new(self.shared.clone())))
    }
}
