//! A lean load generator: raw HTTP/1.1 over so many connections, requests rendered before the clock
//! starts, answers looked at as little as an honest count allows: status 200, and a text that must
//! be in the body. One thread of its own, so that its CPU can be told.
//!
//! The closed loop keeps one request a connection under way. The open loop offers requests at an
//! even pace, in ticks of a millisecond; latency counts from the tick, so that a stall is not
//! hidden by the requests that it held up.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

use super::measure::{Measured, now, thread_cpu};

/// What is sent, and to whom.
pub(crate) struct Load {
    /// The server.
    pub(crate) address: SocketAddr,
    /// How many connections.
    pub(crate) connections: usize,
    /// Whole requests, head and body.
    pub(crate) requests: Vec<Box<[u8]>>,
    /// What the body of a good answer contains.
    pub(crate) good: &'static str,
    /// No request is begun after this.
    pub(crate) limit: Duration,
    /// Requests a second that are offered; none: a closed loop.
    pub(crate) offered: Option<u64>,
}

impl Load {
    /// Sends; what was measured, and how many of the requests were sent.
    pub(crate) fn run(self) -> Result<(Measured, usize)> {
        let thread = std::thread::Builder::new().name("generator".to_owned());
        let thread = thread.spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            LocalSet::new().block_on(&runtime, generate(self))
        })?;
        thread.join().expect("the generator does not panic")
    }
}

/// What the connections share.
struct Shared {
    load: Load,
    next: Cell<usize>,
    began: Instant,
    last: Cell<Instant>,
    measured: RefCell<Measured>,
}

impl Shared {
    /// The next request and when it is due; none when there are no more or the time is over.
    fn take(&self) -> Option<(usize, Option<Instant>)> {
        let place = self.next.get();
        if place == self.load.requests.len() {
            return None;
        }
        let due = self.load.offered.map(|offered| {
            let place = u64::try_from(place).expect("a place fits");
            self.began + Duration::from_millis(place * 1000 / offered.max(1))
        });
        if due.is_none() && now() - self.began > self.load.limit {
            return None;
        }
        self.next.set(place + 1);
        Some((place, due))
    }

    fn answered(&self, began: Instant, good: bool) {
        let at = now();
        let mut measured = self.measured.borrow_mut();
        measured.record(at - began);
        measured.stall = measured.stall.max(at - self.last.get());
        self.last.set(at);
        if !good {
            measured.failed += 1;
        }
    }
}

async fn generate(load: Load) -> Result<(Measured, usize)> {
    let mut streams = Vec::new();
    for _ in 0..load.connections {
        let stream = TcpStream::connect(load.address).await.context("the server must listen")?;
        stream.set_nodelay(true)?;
        streams.push(stream);
    }
    let (began, cpu) = (now(), thread_cpu());
    let shared = Rc::new(Shared {
        load,
        next: Cell::new(0),
        began,
        last: Cell::new(began),
        measured: RefCell::new(Measured::default()),
    });
    let each = streams.into_iter();
    let tasks: Vec<_> = each
        .map(|stream| tokio::task::spawn_local(connection(Rc::clone(&shared), stream)))
        .collect();
    for task in tasks {
        task.await.expect("a connection does not panic")?;
    }
    let mut measured = shared.measured.take();
    measured.took = shared.last.get() - began;
    measured.generator_cpu = thread_cpu().saturating_sub(cpu);
    Ok((measured, shared.next.get()))
}

async fn connection(shared: Rc<Shared>, mut stream: TcpStream) -> Result<()> {
    let mut answer = Vec::with_capacity(4096);
    while let Some((place, due)) = shared.take() {
        let began = match due {
            Some(due) => {
                tokio::time::sleep_until(due.into()).await;
                due
            }
            None => now(),
        };
        stream.write_all(&shared.load.requests[place]).await?;
        let good = read_answer(&mut stream, &mut answer, shared.load.good).await?;
        if !good && shared.measured.borrow().failed == 0 {
            tracing::warn!(answer = %String::from_utf8_lossy(&answer), "an answer is not good");
        }
        shared.answered(began, good);
    }
    Ok(())
}

/// Reads one answer; whether it is 200 and has `good` in its body.
async fn read_answer(stream: &mut TcpStream, answer: &mut Vec<u8>, good: &str) -> Result<bool> {
    answer.clear();
    loop {
        let count = stream.read_buf(answer).await?;
        ensure!(count > 0, "the server closed a connection");
        if let Some(head) = find(answer, b"\r\n\r\n").map(|at| at + 4) {
            let whole = head + content_length(&answer[..head])?;
            if answer.len() >= whole {
                let status = answer.starts_with(b"HTTP/1.1 200 ");
                return Ok(status && find(&answer[head..], good.as_bytes()).is_some());
            }
        }
    }
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

fn content_length(head: &[u8]) -> Result<usize> {
    let Some(at) = find(head, b"content-length: ") else { bail!("an answer has no length") };
    let digits = head[at + 16..].iter().take_while(|byte| byte.is_ascii_digit());
    Ok(digits.fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0')))
}
