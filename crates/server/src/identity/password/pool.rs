//! Threads that hash, and the two lines in front of them.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use super::{KNOWN_MAX, Line, PasswordError, STRANGERS_MAX};

type Work = Box<dyn FnOnce() + Send>;

/// A pool of a fixed number of threads.
pub(super) struct Pool {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    lines: Mutex<Lines>,
    changed: Condvar,
    /// The most strangers that are hashed for at a time.
    strangers_running_max: usize,
    known_max: usize,
    strangers_max: usize,
}

#[derive(Default)]
struct Lines {
    known: VecDeque<Work>,
    strangers: VecDeque<Work>,
    strangers_running: usize,
    stopped: bool,
}

impl Pool {
    pub(super) fn start(threads: usize) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            lines: Mutex::new(Lines::default()),
            changed: Condvar::new(),
            strangers_running_max: (threads - 1).max(1),
            known_max: threads * KNOWN_MAX,
            strangers_max: threads * STRANGERS_MAX,
        });
        // A thread that cannot be started ends those before it, with the pool.
        let mut pool = Self { shared, threads: Vec::with_capacity(threads) };
        for number in 0..threads {
            let shared = Arc::clone(&pool.shared);
            let named = std::thread::Builder::new().name(format!("passwords-{number}"));
            pool.threads.push(named.spawn(move || shared.work())?);
        }
        Ok(pool)
    }

    /// What `work` gives, when its turn has come.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        line: Line,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PasswordError> {
        let (give, take) = oneshot::channel();
        self.shared.push(
            line,
            Box::new(move || {
                // Whoever has gone, by deadline or by connection, costs nothing.
                if !give.is_closed() {
                    let _ = give.send(work());
                }
            }),
        )?;
        take.await.map_err(|_| PasswordError::Stopped)
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("threads", &self.threads.len()).finish_non_exhaustive()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let mut lines = self.shared.lines();
        lines.stopped = true;
        lines.known.clear();
        lines.strangers.clear();
        drop(lines);
        self.shared.changed.notify_all();
        for thread in self.threads.drain(..) {
            // One that died answered `Stopped` to whom it worked for.
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// The lock holds nothing half done: work runs outside it.
    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, line: Line, work: Work) -> Result<(), PasswordError> {
        let mut lines = self.lines();
        if lines.stopped {
            return Err(PasswordError::Stopped);
        }
        let (waiting, max) = match line {
            Line::Known => (&mut lines.known, self.known_max),
            Line::Stranger => (&mut lines.strangers, self.strangers_max),
        };
        if waiting.len() >= max {
            return Err(PasswordError::Busy);
        }
        waiting.push_back(work);
        drop(lines);
        self.changed.notify_one();
        Ok(())
    }

    fn work(&self) {
        let mut lines = self.lines();
        while !lines.stopped {
            let next = match lines.known.pop_front() {
                Some(work) => Some((Line::Known, work)),
                None if lines.strangers_running < self.strangers_running_max => {
                    lines.strangers.pop_front().map(|work| (Line::Stranger, work))
                }
                None => None,
            };
            let Some((line, work)) = next else {
                lines = self.changed.wait(lines).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            if line == Line::Stranger {
                lines.strangers_running += 1;
            }
            drop(lines);
            work();
            lines = self.lines();
            if line == Line::Stranger {
                lines.strangers_running -= 1;
                // A thread may wait for this and for nothing else.
                self.changed.notify_one();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::{Pin, pin};
    use std::sync::mpsc;
    use std::task::{Context, Poll, Waker};

    /// Puts work in line now, and gives what waits for it.
    fn begun<'a, T>(
        work: impl Future<Output = Result<T, PasswordError>> + 'a,
    ) -> Pin<Box<dyn Future<Output = Result<T, PasswordError>> + 'a>> {
        let mut work: Pin<Box<dyn Future<Output = _>>> = Box::pin(work);
        let first = work.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(first.is_pending(), "it waits");
        work
    }

    /// Holds a thread until the sender is dropped; the receiver hears when it is held.
    fn hold(line: Line, pool: &Pool) -> (mpsc::Sender<()>, impl Future<Output = ()> + '_) {
        let (release, wait) = mpsc::channel::<()>();
        let (say, held) = mpsc::channel();
        let work = begun(pool.run(line, move || {
            say.send(()).expect("the test waits");
            let _ = wait.recv();
        }));
        held.recv().expect("a thread took it");
        (release, async move { work.await.expect("it ran") })
    }

    #[tokio::test]
    async fn known_devices_go_before_strangers_who_came_earlier() {
        let pool = Pool::start(1).expect("a thread");
        let (release, held) = hold(Line::Stranger, &pool);
        let (say, heard) = mpsc::channel();
        let other = say.clone();
        let stranger = begun(pool.run(Line::Stranger, move || say.send("stranger")));
        let known = begun(pool.run(Line::Known, move || other.send("known")));
        drop(release);
        held.await;
        stranger.await.expect("its turn came").expect("heard");
        known.await.expect("its turn came").expect("heard");
        assert_eq!(heard.iter().take(2).collect::<Vec<_>>(), ["known", "stranger"]);
    }

    #[tokio::test]
    async fn strangers_never_hold_the_last_of_two_threads() {
        let pool = Pool::start(2).expect("threads");
        let (release, held) = hold(Line::Stranger, &pool);
        let waiting = begun(pool.run(Line::Stranger, || ()));
        for _ in 0..3 {
            pool.run(Line::Known, || ()).await.expect("a thread is kept");
        }
        drop(release);
        held.await;
        waiting.await.expect("its turn came");
    }

    #[tokio::test]
    async fn a_full_line_is_busy_for_its_own_side_only() {
        let pool = Pool::start(1).expect("a thread");
        let (release, held) = hold(Line::Known, &pool);
        let waiting: Vec<_> =
            (0..STRANGERS_MAX).map(|_| begun(pool.run(Line::Stranger, || ()))).collect();
        assert_eq!(pool.run(Line::Stranger, || ()).await, Err(PasswordError::Busy));
        let known: Vec<_> = (0..KNOWN_MAX).map(|_| begun(pool.run(Line::Known, || ()))).collect();
        assert_eq!(pool.run(Line::Known, || ()).await, Err(PasswordError::Busy));
        drop(release);
        held.await;
        for work in waiting.into_iter().chain(known) {
            work.await.expect("its turn came");
        }
    }

    #[tokio::test]
    async fn work_of_whoever_has_gone_is_not_run() {
        let pool = Pool::start(1).expect("a thread");
        let (release, held) = hold(Line::Known, &pool);
        let (say, heard) = mpsc::channel();
        drop(begun(pool.run(Line::Known, move || say.send(()))));
        drop(release);
        held.await;
        pool.run(Line::Known, || ()).await.expect("its turn came");
        heard.try_recv().expect_err("it was not run");
    }

    #[tokio::test]
    async fn a_pool_that_stops_answers_whoever_waits() {
        let (release, wait) = mpsc::channel::<()>();
        let pool = Pool::start(1).expect("a thread");
        let shared = Arc::clone(&pool.shared);
        let (give, mut take) = oneshot::channel::<()>();
        shared
            .push(Line::Known, Box::new(move || assert!(wait.recv().is_err(), "released")))
            .expect("room");
        shared.push(Line::Known, Box::new(move || give.send(()).expect("awaited"))).expect("room");
        drop(release);
        drop(pool);
        let waited = pin!(&mut take).poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(waited, Poll::Ready(_)), "run or ended, but answered");
        assert_eq!(shared.push(Line::Known, Box::new(|| ())), Err(PasswordError::Stopped));
    }
}
