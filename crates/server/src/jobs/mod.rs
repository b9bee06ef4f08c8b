//! Jobs: what a server does by itself. Each runs on a thread of its own, on every node, without a
//! leader: what it changes is a command with a request id that every node makes alike.

pub mod checkpoint;
pub mod housekeeping;
pub mod messages;
pub(crate) mod post;
pub mod sweeper;
pub mod top_ups;
pub mod webhooks;
pub mod witness;

use std::panic::{AssertUnwindSafe, catch_unwind};
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
    /// Starts `work`, to be done now and after each pause. A panic in it ends the process: nobody
    /// else would release holds, or sign checkpoints, from then on.
    ///
    /// # Errors
    /// When the system has no room for a thread.
    pub fn start(
        name: &str,
        pause: Duration,
        mut work: impl FnMut() + Send + 'static,
    ) -> std::io::Result<Self> {
        let (stop, stopped) = channel();
        let work = move || {
            work();
            while goes_on(&stopped, pause) {
                work();
            }
        };
        let run = move || {
            if catch_unwind(AssertUnwindSafe(work)).is_err() {
                std::process::abort();
            }
        };
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(run)?;
        Ok(Self { stop, thread })
    }

    /// Lets the job end what it is at, and waits for that.
    pub fn stop(self) {
        drop(self.stop);
        self.thread.join().expect("a panic ends the process before this");
    }
}

fn goes_on(stopped: &Receiver<()>, pause: Duration) -> bool {
    matches!(stopped.recv_timeout(pause), Err(RecvTimeoutError::Timeout))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Set for the process in which a job panics.
    const PANICS: &str = "YAOKI_TEST_JOB_PANICS";

    /// No test by itself: what a process does whose job panics.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "the parent process says that it is the one")]
    fn a_job_panics() {
        if std::env::var_os(PANICS).is_none() {
            return;
        }
        let job = Job::start("test", Duration::ZERO, || panic!("a bug, on purpose"));
        job.expect("a thread").stop();
    }

    #[test]
    fn a_job_that_panics_ends_the_process() {
        const SIGABRT: i32 = 6;
        let this = std::env::current_exe().expect("this program");
        let mut process = Command::new(this);
        let ended = process.args(["--exact", "jobs::tests::a_job_panics"]).env(PANICS, "yes");
        let ended = ended.output().expect("it starts");
        assert_eq!(ended.status.signal(), Some(SIGABRT), "{ended:?}");
    }

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
