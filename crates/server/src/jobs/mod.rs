//! Jobs: what a server does by itself. Each runs on a thread of its own, on every node, without a
//! leader: what it changes is a command with a request id that every node makes alike.

pub mod checkpoint;
pub mod housekeeping;
mod post;
pub mod sweeper;
pub mod webhooks;
pub mod witness;

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// One running job.
#[derive(Debug)]
pub struct Job {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Job {
    /// Starts `work`, to be done now and after each pause.
    ///
    /// # Errors
    /// When the system has no room for a thread.
    pub fn start(
        name: &str,
        pause: Duration,
        mut work: impl FnMut() + Send + 'static,
    ) -> std::io::Result<Self> {
        let (stop, stopped) = channel();
        let run = move || {
            work();
            while goes_on(&stopped, pause) {
                work();
            }
        };
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(run)?;
        Ok(Self { stop, thread })
    }

    /// Lets the job end what it is at, and waits for that.
    pub fn stop(self) {
        drop(self.stop);
        if self.thread.join().is_err() {
            tracing::error!("a job panicked");
        }
    }
}

fn goes_on(stopped: &Receiver<()>, pause: Duration) -> bool {
    matches!(stopped.recv_timeout(pause), Err(RecvTimeoutError::Timeout))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn a_job_is_done_again_until_it_is_stopped() {
        let count = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&count);
        let (done, each) = channel();
        let job = Job::start("test", Duration::from_millis(1), move || {
            counter.fetch_add(1, Ordering::SeqCst);
            // The test has seen enough when this fails.
            let _ = done.send(());
        });
        let job = job.expect("a thread");
        for _ in 0..3 {
            each.recv().expect("the job runs");
        }
        job.stop();
        let seen = count.load(Ordering::SeqCst);
        assert!(seen >= 3);
        assert_eq!(count.load(Ordering::SeqCst), seen);
    }
}
