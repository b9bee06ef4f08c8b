//! An acquirer of our own, for play: it speaks the part of Stripe's API that we ask, over HTTP as
//! the real one does, has a page for cards and a 3-D Secure page, keeps what it knows in a file,
//! and can be told not to answer, and to dispute. No real card is taken anywhere, and a live book
//! refuses it.
//!
//! | module    | what it is                                           |
//! | --------- | ---------------------------------------------------- |
//! | [`ledger`]| what it knows, and how a payment goes on             |
//! | [`api`]   | what we ask                                          |
//! | [`pages`] | what people see                                      |

mod api;
mod ledger;
mod pages;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use axum::Router;
use axum::middleware;
use axum::routing::{get, post};
use ring::hmac;
use tokio::sync::oneshot;
use yaoki_core::time::{Instant, MINUTE_MS, SECOND_MS};
use yaoki_store::Clock;

use self::ledger::Ledger;
use super::options::AcquirerOptions;
use crate::app::Entropy;
use crate::edge::hex;

/// How long it keeps silent when it is told to, milliseconds.
pub const SILENT_MS: i64 = MINUTE_MS;

/// Its running server.
pub struct DemoAcquirer {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

struct Shared {
    ledger: Mutex<Ledger>,
    file: Option<PathBuf>,
    clock: Clock,
    secret_key: String,
    webhook_secret: String,
    /// Where browsers reach it.
    origin: String,
    /// Where we are told.
    tells: OnceLock<String>,
}

/// How it is started.
pub struct DemoOptions {
    /// Where it listens: on this machine.
    pub address: SocketAddr,
    /// Where browsers reach it, such as `http://localhost:8085`; none: where it listens.
    pub origin: Option<String>,
    /// Where it keeps what it knows; none: nowhere.
    pub file: Option<PathBuf>,
    /// Where the time comes from.
    pub clock: Clock,
    /// Where chance comes from.
    pub entropy: Entropy,
}

impl DemoAcquirer {
    /// Starts it.
    ///
    /// # Errors
    /// When it cannot listen, or its file cannot be read.
    pub fn start(options: DemoOptions) -> io::Result<Self> {
        let ledger = match &options.file {
            Some(file) if file.exists() => {
                serde_json::from_slice(&std::fs::read(file)?).map_err(io::Error::other)?
            }
            _ => Ledger::default(),
        };
        let listener = TcpListener::bind(options.address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let secret = |what: &str| {
            let mut bytes = [0; 24];
            (options.entropy)(&mut bytes);
            format!("{what}_{}", hex::text(&bytes))
        };
        let here = || format!("http://localhost:{}", address.port());
        let shared = Arc::new(Shared {
            ledger: Mutex::new(ledger),
            file: options.file,
            clock: options.clock,
            secret_key: secret("sk_demo"),
            webhook_secret: secret("whsec_demo"),
            origin: options.origin.unwrap_or_else(here),
            tells: OnceLock::new(),
        });
        let (stop, stopped) = oneshot::channel();
        let router = router(Arc::clone(&shared));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let serve = move || {
            runtime.block_on(async move {
                let listener = match tokio::net::TcpListener::from_std(listener) {
                    Ok(listener) => listener,
                    Err(error) => return tracing::error!(%error, "the demo acquirer is deaf"),
                };
                let served = axum::serve(listener, router).with_graceful_shutdown(async {
                    // Dropped is told, too.
                    let _ = stopped.await;
                });
                if let Err(error) = served.await {
                    tracing::error!(%error, "the demo acquirer has ended");
                }
            });
        };
        let thread = std::thread::Builder::new().name("demo acquirer".to_owned()).spawn(serve)?;
        Ok(Self { address, shared, stop: Some(stop), thread: Some(thread) })
    }

    /// How our server asks it.
    ///
    /// # Panics
    /// Never: an address is a URL.
    pub fn options(&self) -> AcquirerOptions {
        AcquirerOptions {
            api: format!("http://{}", self.address).parse().expect("an address is a URL"),
            secret_key: self.shared.secret_key.clone(),
            webhook_secret: self.shared.webhook_secret.clone(),
            demo: true,
        }
    }

    /// Where browsers reach it.
    pub fn origin(&self) -> &str {
        &self.shared.origin
    }

    /// Tells it where our server hears what it tells by itself. Once.
    pub fn tell(&self, url: String) {
        // A second server is not told.
        let _ = self.shared.tells.set(url);
    }

    /// Does not answer from now on, for a minute.
    pub fn keep_silent(&self) {
        let until = (self.shared.clock)().plus_ms(SILENT_MS);
        self.shared.change(|ledger| ledger.silent_until = until.0);
    }

    /// Answers again.
    pub fn answer(&self) {
        self.shared.change(|ledger| ledger.silent_until = 0);
    }

    /// What it has taken and not given back, by its own books: minor units of captured payments,
    /// less refunds and lost disputes.
    pub fn owes(&self) -> i64 {
        self.shared.ledger().owes()
    }
}

impl Drop for DemoAcquirer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It ends with its server; a panic in it was logged.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().expect("no holder panics")
    }

    fn now(&self) -> Instant {
        (self.clock)()
    }

    /// Changes what it knows, and keeps that before anybody hears of it.
    fn change<T>(&self, change: impl FnOnce(&mut Ledger) -> T) -> T {
        let mut ledger = self.ledger();
        let told = change(&mut ledger);
        if let Some(file) = &self.file {
            let bytes = serde_json::to_vec(&*ledger).expect("it has a form in JSON");
            let part = file.with_extension("part");
            let kept = std::fs::write(&part, bytes).and_then(|()| std::fs::rename(&part, file));
            if let Err(error) = kept {
                tracing::error!(%error, "the demo acquirer cannot keep what it knows");
            }
        }
        told
    }

    /// Tells our server, signed, that something became of a payment or a dispute.
    fn tell(self: &Arc<Self>, kind: &'static str, object: &str) {
        let Some(url) = self.tells.get().cloned() else { return };
        let body = format!(r#"{{"type":"{kind}","data":{{"object":{{"id":"{object}"}}}}}}"#);
        let seconds = self.now().0 / SECOND_MS;
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.webhook_secret.as_bytes());
        let signed = format!("{seconds}.{body}");
        let tag = hex::text(hmac::sign(&key, signed.as_bytes()).as_ref());
        tokio::spawn(async move {
            if let Err(error) = api::post_event(&url, &format!("t={seconds},v1={tag}"), body).await
            {
                tracing::warn!(error, "the demo acquirer is not heard; it will be asked");
            }
        });
    }
}

fn router(shared: Arc<Shared>) -> Router {
    let guard = middleware::from_fn_with_state(Arc::clone(&shared), api::guard);
    Router::new()
        .route("/v1/customers", post(api::customer))
        .route("/v1/checkout/sessions", post(api::make_session))
        .route("/v1/checkout/sessions/{id}", get(api::session))
        .route("/v1/payment_intents", post(api::make_intent))
        .route("/v1/payment_intents/{id}", get(api::intent))
        .route("/v1/payment_intents/{id}/confirm", post(api::confirm))
        .route("/v1/payment_intents/{id}/capture", post(api::capture))
        .route("/v1/payment_intents/{id}/cancel", post(api::cancel))
        .route("/v1/refunds", post(api::refund).get(api::refunds))
        .route("/v1/disputes/{id}", get(api::dispute))
        // What follows is for browsers.
        .route_layer(guard)
        .route("/", get(pages::books))
        .route("/silent", post(pages::silent))
        .route("/dispute/{id}", post(pages::dispute))
        .route("/card/{id}", get(pages::card).post(pages::card_typed))
        .route("/3ds/{id}", get(pages::challenge).post(pages::challenged))
        .with_state(shared)
}
