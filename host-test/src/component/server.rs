//! HTTP/1.1 and HTTP/2 without TLS.

use core::convert::Infallible;
use core::net::SocketAddr;
use core::time::Duration;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use http::uri::{Authority, Scheme};
use http::{HeaderValue, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use scim_core::protocol::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime_wasi_http::handler::{Request, Response};

use super::body::Drained;
use super::pool::Pool;

/// Connections at once; more wait to be accepted.
const MAX_CONNECTIONS: usize = 1024;
/// How long a client may take to send a request's head, and a connection may idle.
const HEAD_WITHIN: Duration = Duration::from_mins(1);
/// Bytes of a request's head.
const MAX_HEAD: usize = 64 * 1024;
/// Header fields of a request.
const MAX_HEADERS: usize = 100;
/// Streams of one HTTP/2 connection.
const MAX_STREAMS: u32 = 128;
/// How long requests that are being served may go on after the signal to stop.
const DRAIN_WITHIN: Duration = Duration::from_secs(10);
/// How long to wait after a failed accept: for a file descriptor to become free, say.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

/// Serves until `stop` resolves, then lets the requests finish that it has begun.
pub(crate) async fn serve(listener: TcpListener, pool: Pool, stop: impl Future<Output = ()>) {
    let pool = Arc::new(pool);
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut stop = core::pin::pin!(stop);
    loop {
        let (stream, place) = tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let _ = stream.set_nodelay(true);
        let Ok(local) = stream.local_addr() else { continue };
        let connection = graceful.watch(
            builder()
                .serve_connection(TokioIo::new(stream), service(pool.clone(), local))
                .into_owned(),
        );
        tokio::spawn(async move {
            // A client's broken connection is no event of ours.
            let _ = connection.await;
            drop(place);
        });
    }
    drop(listener);
    let _ = tokio::time::timeout(DRAIN_WITHIN, graceful.shutdown()).await;
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (TcpStream, Option<OwnedSemaphorePermit>) {
    let place = places.clone().acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, place),
            Err(_) => tokio::time::sleep(ACCEPT_AGAIN).await,
        }
    }
}

fn builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_HEADERS);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(u32::try_from(MAX_HEAD).unwrap_or(u32::MAX))
        .keep_alive_interval(HEAD_WITHIN);
    builder
}

fn service(
    pool: Arc<Pool>,
    local: SocketAddr,
) -> impl hyper::service::Service<
    http::Request<Incoming>,
    Response = Response,
    Error = Infallible,
    Future: Send + 'static,
> + Send {
    service_fn(move |request| {
        let pool = pool.clone();
        async move {
            let answer = match pool.handle(to_component(request, local)).await {
                Ok(answer) => answer,
                Err(error) => {
                    eprintln!("request failed: {error:#}");
                    failed(&error)
                }
            };
            Ok::<_, Infallible>(answer)
        }
    })
}

/// WASI carries scheme and authority in the URI, HTTP/1 in the `host` field.
fn to_component(request: http::Request<Incoming>, local: SocketAddr) -> Request {
    let (mut parts, body) = request.into_parts();
    let host = parts.headers.get(http::header::HOST).and_then(|host| host.to_str().ok());
    let authority = parts.uri.authority().cloned();
    let mut uri = http::uri::Parts::default();
    uri.scheme = Some(Scheme::HTTP);
    uri.authority = authority
        .or_else(|| host.and_then(|host| host.parse::<Authority>().ok()))
        .or_else(|| local.to_string().parse().ok());
    uri.path_and_query = parts
        .uri
        .path_and_query()
        .cloned()
        .or_else(|| Some(http::uri::PathAndQuery::from_static("/")));
    if let Ok(uri) = Uri::from_parts(uri) {
        parts.uri = uri;
    }
    Request::from_parts(parts, Drained::new(body).map_err(Into::into).boxed_unsync())
}

/// The answer when there is none from the component.
fn failed(error: &wasmtime::Error) -> Response {
    let error = if error.is::<wasmtime_wasi_http::handler::ExpirationError>() {
        Error::unavailable("the request took too long", 1)
    } else {
        Error::internal("the service failed to answer")
    };
    let body = error.to_json().to_string();
    let length = body.len();
    let body = Full::new(Bytes::from(body)).map_err(Into::into).boxed_unsync();
    let mut answer = Response::new(body);
    *answer.status_mut() =
        StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/scim+json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    if error.status() == StatusCode::SERVICE_UNAVAILABLE.as_u16() {
        headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    answer
}
