//! A bug of ours in a handler is answered, and takes nothing else down.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use tokio::sync::watch;
use yaoki_server::edge::listener::{Listener, ListenerName, ListenerOptions, Routes};
use yaoki_server::metrics::Metrics;

use crate::raw;

async fn panics() -> &'static str {
    panic!("a bug, on purpose");
}

#[test]
fn a_handler_that_panics_is_answered_with_a_problem_and_its_connection_goes_on() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let router = Router::new().route("/bug", get(panics)).route("/good", get(|| async { "good" }));
    let both = Routes { local: router.clone(), remote: router };
    let name = ListenerName::Devices;
    let options = ListenerOptions::new(name, SocketAddr::from(([127, 0, 0, 1], 0)));
    let tally = Arc::new(Metrics::new().tally(name));
    let (_stop, stopped) = watch::channel(false);
    let address = runtime.block_on(async {
        let opened = Listener::open(name, &options, None, (both, tally), stopped);
        let opened = opened.expect("a free port");
        let address = opened.address().expect("an address");
        tokio::spawn(opened.serve());
        address
    });
    let mut stream = raw::connect(address);
    for _ in 0..2 {
        stream.write_all(b"GET /bug HTTP/1.1\r\nHost: here\r\n\r\n").expect("it listens");
        let answer = raw::read_answer(&mut stream);
        assert!(answer.starts_with("HTTP/1.1 500"), "{answer}");
        assert!(answer.contains("application/problem+json"), "{answer}");
        assert!(answer.contains("\"outcome\":\"unknown\""), "{answer}");
        assert_eq!(raw::refusal(&answer), "fault_of_ours");
        assert!(!answer.contains("on purpose"), "what went wrong is ours to know: {answer}");
    }
    stream.write_all(b"GET /good HTTP/1.1\r\nHost: here\r\n\r\n").expect("it listens");
    assert!(raw::read_answer(&mut stream).ends_with("good"));
}
