//! A proxy between registers and server that loses requests and replies at random, by a seed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A running proxy; gone with its runtime.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    dropped: Arc<AtomicUsize>,
}

/// What becomes of one connection.
#[derive(Clone, Copy)]
enum Fate {
    /// All goes well.
    Kept,
    /// The request never arrives.
    RequestLost,
    /// The reply never arrives.
    ReplyLost,
}

/// `SplitMix64`: a small, well-known generator, so that a seed is a run.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn fate(state: &mut u64) -> Fate {
    match next(state) % 10 {
        0..4 => Fate::Kept,
        4..6 => Fate::RequestLost,
        _ => Fate::ReplyLost,
    }
}

impl Proxy {
    /// Starts a proxy in front of `server`.
    pub(crate) async fn start(server: SocketAddr, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let dropped = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&dropped);
        tokio::spawn(async move {
            let mut state = seed;
            loop {
                let Ok((client, _)) = listener.accept().await else { return };
                let fate = fate(&mut state);
                if !matches!(fate, Fate::Kept) {
                    counter.fetch_add(1, Ordering::SeqCst);
                }
                tokio::spawn(async move {
                    // A connection that breaks is what this proxy is for.
                    let _ = carry(client, server, fate).await;
                });
            }
        });
        Self { address, dropped }
    }

    /// How many connections were cut.
    pub(crate) fn dropped(&self) -> usize {
        self.dropped.load(Ordering::SeqCst)
    }
}

async fn carry(mut client: TcpStream, server: SocketAddr, fate: Fate) -> std::io::Result<()> {
    if matches!(fate, Fate::RequestLost) {
        let mut some = [0; 64];
        // Whatever came of it goes nowhere.
        return client.read(&mut some).await.map(drop);
    }
    let mut server = TcpStream::connect(server).await?;
    if matches!(fate, Fate::Kept) {
        tokio::io::copy_bidirectional(&mut client, &mut server).await?;
        return Ok(());
    }
    let (mut from_client, _) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let forward = async {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let read = from_client.read(&mut buffer).await?;
            if read == 0 {
                return Ok::<_, std::io::Error>(());
            }
            to_server.write_all(&buffer[..read]).await?;
        }
    };
    let mut first = [0; 1];
    tokio::select! {
        done = forward => done,
        // The server has answered: that is the moment to be lost.
        read = from_server.read(&mut first) => read.map(drop),
    }
}
