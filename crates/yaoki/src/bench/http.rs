//! The whole way over HTTP: payments that a register has signed, with real codes; and codes that a
//! device asks for with ES256 proofs. Everything is rendered and signed before the clock starts.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use yaoki_core::ids::MemberNumber;
use yaoki_core::time::Instant;
use yaoki_server::api::enrolment::link_digest;
use yaoki_server::api::time;
use yaoki_server::client::DeviceClient;
use yaoki_server::edge::keys::KeyFile;
use yaoki_server::edge::signature::{self, RequestParts};
use yaoki_server::{Running, ServerOptions, serve};
use yaoki_store::{Book, Clock};

use super::load::Load;
use super::measure::{self, Measured, process_cpu};
use super::progress::Progress;
use super::world::{self, Draw, Spread, TERMINALS, World};

/// Devices that ask for codes: two requests of one device may be under way.
const DEVICES: i64 = 512;
const PAY: &str = "/v1/payments";
const CODE: &str = "/v1/device/code";
const CODE_BODY: &str = r#"{"pictures":false}"#;

/// A server in this process, over a book that is measured.
pub(crate) struct Server {
    running: Running,
    terminal_keys: Vec<[u8; 32]>,
    devices: Vec<DeviceClient>,
}

fn clock() -> Clock {
    Arc::new(|| Instant(measure::unix_ms()))
}

/// Makes a key file.
pub(crate) fn make_keys(path: &Path) -> Result<KeyFile> {
    let file = KeyFile::generate(&mut |bytes: &mut [u8]| random(bytes));
    file.create(path)?;
    Ok(file)
}

#[expect(clippy::disallowed_methods, reason = "the bench runs a real server")]
fn random(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the system has randomness");
}

/// Starts a server over `book`.
pub(crate) fn start(book: &Arc<Book>, keys: &Path) -> Result<Running> {
    let options = ServerOptions::new(
        Arc::clone(book),
        world::code_rules(),
        keys.to_owned(),
        clock(),
        Arc::new(random),
    );
    Ok(serve(&options)?)
}

impl Server {
    /// Starts a server over the world's book.
    pub(crate) fn start(world: &World) -> Result<Self> {
        let file = KeyFile::load(&world.keys)?;
        let terminals = 1..=u64::try_from(TERMINALS)?;
        let terminal_keys = terminals.map(|number| *file.terminal_key(number, 1).expose());
        let mut server = Self {
            running: start(&world.book, &world.keys)?,
            terminal_keys: terminal_keys.collect(),
            devices: Vec::new(),
        };
        server.enrol(world)?;
        Ok(server)
    }

    /// Members of their own whose devices ask for codes, so that payments' epochs stay known.
    fn enrol(&mut self, world: &World) -> Result<()> {
        let first = world.add_members(DEVICES)?;
        let bar = Progress::counted("devices for codes", usize::try_from(DEVICES)?);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        for member in first..first + DEVICES {
            let token = format!("bench link {member}");
            world.create_link(MemberNumber(member), link_digest(&token))?;
            let mut device = DeviceClient::new(self.running.devices, clock())?;
            runtime.block_on(device.enrol(&token))?;
            self.devices.push(device);
            bar.inc(1);
        }
        Ok(())
    }

    /// Pays over so many connections.
    pub(crate) fn pay(
        &self,
        world: &mut World,
        (connections, count): (usize, usize),
        limit: Duration,
        offered: Option<u64>,
    ) -> Result<Measured> {
        let draws = world.draw(count, Spread::Even);
        let address = self.running.registers;
        let requests = self.signed(world, &draws, address);
        let good = r#""outcome":"succeeded""#;
        let cpu = process_cpu();
        let load = Load { address, connections, requests, good, limit, offered };
        let (mut measured, sent) = load.run()?;
        measured.engine_cpu = process_cpu().saturating_sub(cpu);
        world.take_back_draws(&draws[sent..]);
        Ok(measured)
    }

    fn signed(&self, world: &World, draws: &[Draw], address: SocketAddr) -> Vec<Box<[u8]>> {
        let now = Instant(measure::unix_ms());
        let host = address.to_string();
        let half = draws.len().div_ceil(2).max(1);
        let render = |place: usize, draw: &Draw| {
            let body = payment_body(world, draw, now, place);
            let body_digest = signature::body_digest(body.as_bytes());
            let (method, path) = ("POST", PAY);
            let parts =
                RequestParts { method, path, query: "", host: &host, body_digest: &body_digest };
            let terminal = u64::try_from(draw.terminal).expect("terminals count from one");
            let key = &self.terminal_keys[usize::try_from(draw.terminal - 1).expect("fits")];
            let authorization = signature::sign(terminal, 1, key, &parts, now.0 / 1000);
            request(path, &host, &format!("Authorization: {authorization}\r\n"), &body)
        };
        let render = &render;
        std::thread::scope(|scope| {
            let chunks = draws.chunks(half).enumerate();
            let threads: Vec<_> = chunks
                .map(|(chunk, draws)| {
                    scope.spawn(move || {
                        let each = draws.iter().enumerate();
                        let each = each.map(|(at, draw)| render(chunk * half + at, draw));
                        each.collect::<Vec<_>>()
                    })
                })
                .collect();
            threads.into_iter().flat_map(|thread| thread.join().expect("signing works")).collect()
        })
    }

    /// Asks for codes over so many connections. A nonce lives for 30 to 60 s: so many proofs are
    /// signed as that allows.
    pub(crate) fn codes(
        &mut self,
        (connections, count): (usize, usize),
        limit: Duration,
    ) -> Result<Measured> {
        let address = self.running.devices;
        let host = address.to_string();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        for device in &mut self.devices {
            // The nonce for the proofs below. A connection that was silent for long is gone: again.
            if runtime.block_on(device.code(false)).is_err() {
                runtime.block_on(device.code(false))?;
            }
        }
        let mut requests = Vec::with_capacity(count);
        for place in 0..count {
            let at = place % self.devices.len();
            let device = &mut self.devices[at];
            let proof = device.proof("POST", CODE, CODE_BODY.as_bytes())?;
            let token = device.token().context("every device is enrolled")?;
            let headers = format!("Authorization: DPoP {token}\r\nDPoP: {proof}\r\n");
            requests.push(request(CODE, &host, &headers, CODE_BODY));
        }
        let cpu = process_cpu();
        let good = r#""digits":""#;
        let load = Load { address, connections, requests, good, limit, offered: None };
        let (mut measured, _) = load.run()?;
        measured.engine_cpu = process_cpu().saturating_sub(cpu);
        ensure!(measured.answers() > 0, "no code was answered");
        Ok(measured)
    }
}

fn payment_body(world: &World, draw: &Draw, now: Instant, place: usize) -> String {
    let id = uuid::Uuid::from_bytes(draw.request_id(now, place).0);
    let code = draw.code(&world.cipher, now);
    let until = time::text(now.plus_ms(59_000));
    format!(
        concat!(
            r#"{{"request_id":"{id}","amount":{},"currency":"JPY","#,
            r#""code":"{code}","valid_until":"{until}","capture":"now"}}"#
        ),
        draw.amount,
        id = id,
        code = code,
        until = until,
    )
}

fn request(path: &str, host: &str, headers: &str, body: &str) -> Box<[u8]> {
    format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\n{headers}Content-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len(),
    )
    .into_bytes()
    .into_boxed_slice()
}
