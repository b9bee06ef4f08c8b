//! Witnesses of checkpoints: a server of another, real and on loopback, that takes, refuses, or
//! says nothing.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use yaoki_server::client::http::Request;
use yaoki_server::edge::listener::ListenerName;
use yaoki_server::jobs::checkpoint::checkpoint;
use yaoki_server::jobs::witness::{TIMEOUT, Witness, WitnessError, WitnessUrl};
use yaoki_store::on_both_storages;

use crate::world::World;

/// A witness that answers with a status of the test's; 0: it says nothing.
struct Stand {
    address: SocketAddr,
    status: Arc<AtomicU16>,
    bodies: Arc<Mutex<Vec<String>>>,
    /// Told of each body that was taken.
    next: Receiver<()>,
}

impl Stand {
    fn new(status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let (status, bodies) = (Arc::new(AtomicU16::new(status)), Arc::default());
        let (tell, next) = channel();
        let stand = Self { address, status, bodies, next };
        let (status, bodies) = (Arc::clone(&stand.status), Arc::clone(&stand.bodies));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (status, bodies) = (Arc::clone(&status), Arc::clone(&bodies));
                let tell = tell.clone();
                thread::spawn(move || {
                    while answer(&stream, &status, &bodies).is_some() {
                        // Not every test listens.
                        let _ = tell.send(());
                    }
                });
            }
        });
        stand
    }

    fn url(&self) -> WitnessUrl {
        let url = format!("http://{}/anchors?of=us", self.address);
        url.parse().expect("a URL")
    }

    fn taken(&self) -> Vec<String> {
        self.bodies.lock().expect("nobody panics").clone()
    }
}

/// Answers one request; none where the other side has gone.
fn answer(stream: &TcpStream, status: &AtomicU16, bodies: &Mutex<Vec<String>>) -> Option<()> {
    let mut lines = BufReader::new(stream);
    let mut length = 0;
    let mut head = String::new();
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
        head.push_str(&line);
        if line == "\r\n" {
            break;
        }
    }
    assert!(head.starts_with("POST /anchors?of=us HTTP/1.1\r\n"), "{head}");
    assert!(head.to_lowercase().contains("content-type: application/json"), "{head}");
    let mut body = vec![0; length];
    lines.read_exact(&mut body).ok()?;
    let status = status.load(Ordering::SeqCst);
    if status == 0 {
        // Until the other side loses patience.
        let _ = lines.read(&mut [0]);
        return None;
    }
    if (200..300).contains(&status) {
        bodies.lock().expect("nobody panics").push(String::from_utf8(body).expect("text"));
    }
    let answer =
        format!("HTTP/1.1 {status} So\r\nLocation: /anchors\r\nContent-Length: 2\r\n\r\nok");
    (&mut &*stream).write_all(answer.as_bytes()).ok()
}

fn lines_of(anchors: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(anchors).expect("an anchor file");
    text.lines().map(str::to_owned).collect()
}

fn metrics(world: &World) -> String {
    let request = Request { method: "GET", target: "/metrics", headers: &[], body: b"" };
    String::from_utf8(world.anonymous(ListenerName::Public, &request).body).expect("text")
}

on_both_storages! {
    fn a_witness_that_was_away_gets_every_anchor_in_order(db: &mut TestDatabase) {
        let world = World::with(db, 0, |options| {
            options.checkpoint_pause = Duration::from_hours(1);
            options.anchor_file = None;
        });
        let anchors = world.folder.join("witnessed");
        let app = &world.running.app;
        let stand = Stand::new(503);
        let witness = || {
            Witness::new(stand.url(), &anchors, app.metrics.witness("stand")).expect("a witness")
        };
        let mut first = witness();
        assert!(first.send().is_ok(), "there is nothing yet");
        for _ in 0..3 {
            checkpoint(app, Some(&anchors)).expect("it waits for no witness");
        }
        for refused in [503, 302, 404] {
            stand.status.store(refused, Ordering::SeqCst);
            let error = first.send().expect_err("it took none");
            assert!(matches!(error, WitnessError::Status(status) if status == refused), "{error}");
        }
        assert!(stand.taken().is_empty());
        stand.status.store(202, Ordering::SeqCst);
        first.send().expect("it takes all");
        assert_eq!(stand.taken(), lines_of(&anchors));
        checkpoint(app, Some(&anchors)).expect("a checkpoint");
        // Another process, after a restart; a line that is still written is not sent.
        let mut again = witness();
        let mut half = std::fs::OpenOptions::new().append(true).open(&anchors).expect("it is ours");
        half.write_all(b"{\"time\":").expect("it can be written");
        again.send().expect("it takes the new one");
        again.send().expect("there is nothing more");
        assert_eq!(stand.taken(), lines_of(&anchors)[..4]);
        // A restored book begins another file, which is another history.
        std::fs::remove_file(&anchors).expect("it is ours");
        checkpoint(app, Some(&anchors)).expect("a checkpoint");
        witness().send().expect("it takes the new file");
        assert_eq!(stand.taken().len(), 5);
        assert_eq!(stand.taken()[4..], lines_of(&anchors));
    }

    fn a_witness_that_says_nothing_holds_up_neither_checkpoints_nor_others(db: &mut TestDatabase) {
        let (good, silent) = (Stand::new(200), Stand::new(0));
        let witnesses = vec![silent.url(), good.url()];
        let mut world = World::with(db, 1, |options| {
            options.checkpoint_pause = Duration::from_millis(20);
            options.witness_pause = Duration::from_millis(10);
            options.witnesses = witnesses;
        });
        for _ in 0..3 {
            let taken = good.next.recv_timeout(TIMEOUT / 4);
            taken.expect("a checkpoint is witnessed, and nobody waits for the silent one");
        }
        let mut register = world.register(&world.till);
        assert!(world.run(register.pay(&world.payment(0, 100))).expect("paid").succeeded());
        let failed = format!(
            "yaoki_witness_posts_total{{witness=\"{}\",end=\"failed\"}} 1",
            silent.address
        );
        let mut turns = 0;
        while !metrics(&world).contains(&failed) {
            turns += 1;
            assert!(turns < 1_000, "the failure is never counted");
            world.run(async { tokio::time::sleep(Duration::from_millis(20)).await });
        }
        let metrics = metrics(&world);
        let waiting = format!("yaoki_witness_bytes_waiting{{witness=\"{}\"}}", silent.address);
        assert!(metrics.contains(&waiting), "{metrics}");
        assert!(silent.taken().is_empty());
        world.stop();
        let sent = good.taken();
        assert_eq!(sent, lines_of(&world.folder.join("anchors"))[..sent.len()]);
    }
}
