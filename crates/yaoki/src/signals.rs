//! SIGINT and SIGTERM: the first asks the server to end, the second ends the process at once.

use std::sync::mpsc::{Receiver, sync_channel};

use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

use crate::exit::Failure;
use crate::say;

/// The exit code of a process that was told twice.
const TOLD_TWICE: i32 = 130;

/// Begins to listen; the first signal comes out of the receiver.
///
/// # Errors
/// When the system refuses.
pub(crate) fn listen() -> Result<Receiver<()>, Failure> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let entered = runtime.enter();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    drop(entered);
    let (sender, receiver) = sync_channel(1);
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        runtime.block_on(async {
            for told in 0.. {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                if told > 0 {
                    say::aside("ended at once: requests under way are cut off");
                    std::process::exit(TOLD_TWICE);
                }
                // Whoever waited has gone: the process is ending by itself.
                let _ = sender.send(());
            }
        });
    })?;
    Ok(receiver)
}
