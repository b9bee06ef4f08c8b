//! Messages: what waits in the outbox goes out by mail and by SMS, at least once.
//!
//! ```text
//! take up (lease, budgets) → words → transport → sent | given up | again, later
//! ```
//!
//! Each channel has a thread of its own, so that a mail server that is slow holds up no SMS. Nodes
//! share the outbox: each message belongs to one of them at a time ([`yaoki_store::outbox`]). A
//! node that ends after the next server took a message and before that is marked lets it be sent
//! once more, under the same `Message-ID` or `id`.
//!
//! What strangers cause has budgets of its own, and the [`Breaker`] stops a channel whose server
//! fails, or whose codes nobody types.
//!
//! Limits: [`CONCURRENT_MAX`] messages at once and [`TIMEOUT`] for each, [`ROUNDS_MAX`] times
//! [`TAKEN_MAX`] a turn; [`LEASE_MS`] is longer than a turn's worst.
//!
//! Not here: what is said when (decisions), how much may be sent (the store counts it).

pub mod breaker;
pub mod mail;
pub mod sms;
pub mod words;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;
use yaoki_core::message::{Channel, Message};
use yaoki_core::time::{HOUR_MS, Instant, MINUTE_MS, SECOND_MS};
use yaoki_store::outbox::{self, Budget, Budgets, Settled, TAKEN_MAX, TakeUp, TakenUp};
use yaoki_store::{BookKind, StoreError};

use self::breaker::{Breaker, Change};
use self::mail::{MailOptions, Mailer};
use self::sms::{SmsOptions, Texter};
use self::words::Words;
use crate::app::App;
use crate::metrics::MessageCounters;

/// Between two turns.
pub const PAUSE: Duration = Duration::from_millis(500);
/// How long one message may take, from the connection to the last answer.
pub const TIMEOUT: Duration = Duration::from_secs(10);
/// The most messages of a channel that are under way at once.
pub const CONCURRENT_MAX: usize = 8;
/// How often messages are taken up in one turn.
const ROUNDS_MAX: usize = 4;
/// How long a message belongs to the node that has taken it up, milliseconds.
pub const LEASE_MS: i64 = 90 * SECOND_MS;
/// How often it is tried to say what became of messages.
const SETTLE_TRIES_MAX: usize = 3;
/// How often codes that nobody types are counted, and old messages deleted, milliseconds.
const UPKEEP_MS: i64 = MINUTE_MS;
/// How long a code waits before it is tried again: by the count of its tries, then the last.
const CODE_WAITS_MS: [i64; 4] = [5 * SECOND_MS, 15 * SECOND_MS, 30 * SECOND_MS, MINUTE_MS];
/// The same for every other message. Greylisting asks for some minutes (RFC 6647, 5.).
const WAITS_MS: [i64; 6] =
    [30 * SECOND_MS, 2 * MINUTE_MS, 5 * MINUTE_MS, 15 * MINUTE_MS, HOUR_MS, 4 * HOUR_MS];

/// How messages go out.
#[derive(Clone, Debug)]
pub struct MessageOptions {
    /// Who sends, as people know him.
    pub sender: String,
    /// What links begin with, such as `https://wallet.example.jp`: the place of the member's page.
    /// Never taken from a request. None: this machine's listener of devices.
    pub origin: Option<String>,
    /// The mail server; none: mail is given up, or shown in the mailbox.
    pub mail: Option<MailOptions>,
    /// The SMS adapter; none: SMS is given up, or shown in the mailbox.
    pub sms: Option<SmsOptions>,
    /// Whether a page shows the newest messages, and stands in for a server that is not set. Not
    /// for live books.
    pub mailbox: bool,
    /// How many mails.
    pub mail_budgets: Budgets,
    /// How many SMS: each costs money, and some earn by being sent.
    pub sms_budgets: Budgets,
    /// Between two turns.
    pub pause: Duration,
    /// How long one message may take.
    pub timeout: Duration,
}

impl Default for MessageOptions {
    fn default() -> Self {
        Self {
            sender: "Yaoki".to_owned(),
            origin: None,
            mail: None,
            sms: None,
            mailbox: false,
            mail_budgets: budgets(5_000, 50_000),
            sms_budgets: Budgets {
                strangers: Budget { prefix_per_day: 100, ..budgets(500, 0).strangers },
                ..budgets(0, 5_000)
            },
            pause: PAUSE,
            timeout: TIMEOUT,
        }
    }
}

/// Budgets of a channel by what may go out in a day.
pub const fn budgets(strangers_per_day: i64, members_per_day: i64) -> Budgets {
    Budgets {
        strangers: Budget {
            address_per_hour: 5,
            address_per_day: 10,
            prefix_per_day: strangers_per_day,
            per_day: strangers_per_day,
        },
        members: Budget {
            address_per_hour: 20,
            address_per_day: 50,
            prefix_per_day: members_per_day,
            per_day: members_per_day,
        },
    }
}

/// What the next server made of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// It has it.
    Taken,
    /// It never takes this one.
    Refused(String),
    /// It takes it later, perhaps.
    Later(String),
    /// It cannot be spoken to, or not as we are: no message gets through.
    Unreachable(String),
}

/// How a channel sends.
#[derive(Clone)]
enum Transport {
    Mail(Mailer),
    Sms(Texter),
    /// It stays in the table, and a page shows it.
    Mailbox,
    /// There is none.
    Missing,
}

/// Sends the messages of one channel.
pub struct Postman {
    app: App,
    channel: Channel,
    transport: Transport,
    words: Arc<Words>,
    budgets: Budgets,
    breaker: Breaker,
    counters: MessageCounters,
    upkeep_at: Instant,
    runtime: Runtime,
}

impl Postman {
    /// The postman of a channel of this node.
    ///
    /// # Errors
    /// When the system has no room for what it needs, or the mail server's authority is none.
    ///
    /// # Panics
    /// When a live book is to have a mailbox: whoever starts refuses that.
    pub fn new(app: App, options: &MessageOptions, channel: Channel) -> io::Result<Self> {
        let is_live = app.book.kind() == BookKind::Live;
        assert!(!(is_live && options.mailbox), "a live book shows no messages");
        let missing = if options.mailbox { Transport::Mailbox } else { Transport::Missing };
        let timeout = options.timeout;
        let transport = match (channel, &options.mail, &options.sms) {
            (Channel::Mail, Some(mail), _) => Transport::Mail(Mailer::new(mail, timeout)?),
            (Channel::Sms, _, Some(sms)) => Transport::Sms(Texter::new(sms, timeout)),
            _ => missing,
        };
        if matches!(transport, Transport::Missing) && is_live {
            tracing::warn!(%channel, "no server is set: messages of this channel are given up");
        }
        let budgets = match channel {
            Channel::Mail => options.mail_budgets,
            Channel::Sms => options.sms_budgets,
        };
        Ok(Self {
            words: Arc::clone(app.words.get().expect("it is said before jobs begin")),
            counters: app.metrics.messages(channel),
            app,
            channel,
            transport,
            budgets,
            breaker: Breaker::default(),
            upkeep_at: Instant(0),
            runtime: Builder::new_current_thread().enable_all().build()?,
        })
    }

    /// One turn. What fails is said, and met again at the next.
    pub fn turn(&mut self) {
        // A restored book may hold messages of long ago: people look at it first.
        if self.app.book.health().closed {
            return;
        }
        if let Err(error) = self.look_after().and_then(|()| self.send_due()) {
            tracing::warn!(channel = %self.channel, %error, "messages could not be taken up");
        }
        self.counters.stopped(self.breaker.is_stopped(self.app.now()));
        self.counters.strangers_stopped(self.breaker.stops_strangers());
    }

    /// Counts codes that nobody types, and deletes what is old.
    fn look_after(&mut self) -> Result<(), StoreError> {
        let (now, channel) = (self.app.now(), self.channel);
        // A clock that was set back is no reason to wait for it.
        if now.0.abs_diff(self.upkeep_at.0) < UPKEEP_MS.unsigned_abs() {
            return Ok(());
        }
        self.upkeep_at = now;
        let codes = self.app.book.read_and_wait(move |conn| outbox::codes(conn, channel, now))?;
        let change = self.breaker.codes_went(codes);
        self.say(change);
        self.app.book.run_errand(move |conn| outbox::delete_old(conn, now)).map(drop)
    }

    fn send_due(&mut self) -> Result<(), StoreError> {
        for _ in 0..ROUNDS_MAX {
            let now = self.app.now();
            if self.breaker.is_stopped(now) {
                return Ok(());
            }
            let ask = TakeUp {
                channel: self.channel,
                budgets: self.budgets,
                without_strangers: self.breaker.stops_strangers(),
                lease_ms: LEASE_MS,
                now,
            };
            let taken: TakenUp = self.app.book.run_errand(move |c| outbox::take_up(c, &ask))?;
            self.counters.suppressed(taken.suppressed);
            self.counters.given_up(taken.given_up);
            let ended = taken.suppressed + taken.given_up + count(&taken.messages);
            self.send(taken.messages)?;
            if ended < TAKEN_MAX.unsigned_abs() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn send(&mut self, messages: Vec<Message>) -> Result<(), StoreError> {
        let mut messages = messages.into_iter();
        loop {
            let some: Vec<Message> = messages.by_ref().take(CONCURRENT_MAX).collect();
            if some.is_empty() {
                return Ok(());
            }
            let delivered = self.deliver(some);
            let settled: Vec<(([u8; 32], i64), Settled)> = delivered
                .into_iter()
                .map(|(message, delivery)| {
                    ((message.key, message.tries), self.settled(&message, delivery))
                })
                .collect();
            self.settle(&settled)?;
        }
    }

    fn deliver(&self, messages: Vec<Message>) -> Vec<(Message, Delivery)> {
        self.runtime.block_on(async {
            let mut under_way = JoinSet::new();
            for message in messages {
                let (transport, words) = (self.transport.clone(), Arc::clone(&self.words));
                let now = self.app.now();
                under_way.spawn(async move {
                    let delivery = transport.deliver(&words, &message, now).await;
                    (message, delivery)
                });
            }
            under_way.join_all().await
        })
    }

    /// What follows from a delivery, counted and, where it failed, said. Neither address nor words
    /// are said.
    fn settled(&mut self, message: &Message, delivery: Delivery) -> Settled {
        let now = self.app.now();
        let (settled, change) = match delivery {
            Delivery::Taken => {
                self.counters.sent();
                let shown = matches!(self.transport, Transport::Mailbox);
                let settled = if shown { Settled::Shown } else { Settled::Sent };
                (settled, self.breaker.succeeded())
            }
            Delivery::Refused(why) => {
                self.counters.given_up(1);
                let (channel, template) = (message.channel, message.template);
                tracing::warn!(%channel, %template, why, "a message was refused and is given up");
                (Settled::GivenUp, self.breaker.succeeded())
            }
            Delivery::Later(why) => {
                self.counters.failed();
                tracing::info!(channel = %message.channel, why, "a message is tried again later");
                (Settled::Again { at: self.again_at(message, now) }, Change::None)
            }
            Delivery::Unreachable(why) => {
                self.counters.failed();
                tracing::warn!(channel = %message.channel, why, "a message could not be sent");
                (Settled::Again { at: self.again_at(message, now) }, self.breaker.failed(now))
            }
        };
        self.say(change);
        settled
    }

    /// Later each time, by up to a quarter more, so that those of one moment do not come back at
    /// once; no later than the message is of use.
    fn again_at(&self, message: &Message, now: Instant) -> Instant {
        let waits: &[i64] = if message.template.is_code() { &CODE_WAITS_MS } else { &WAITS_MS };
        let tries = usize::try_from(message.tries - 1).unwrap_or(0);
        let wait_ms = waits[tries.min(waits.len() - 1)];
        let chance = i64::from(self.app.random::<1>()[0]);
        now.plus_ms(wait_ms + wait_ms * chance / 1024).min(message.expires_at)
    }

    /// Writes down what became of messages; one that is not written down is sent again.
    fn settle(&self, settled: &[(([u8; 32], i64), Settled)]) -> Result<(), StoreError> {
        let mut tries = 0;
        loop {
            let all = settled.to_vec();
            let work = move |conn: &mut yaoki_store::Conn| {
                all.into_iter()
                    .try_for_each(|(which, how)| outbox::settle(conn, which, how).map(drop))
            };
            tries += 1;
            match self.app.book.run_errand(work) {
                Err(error) if tries >= SETTLE_TRIES_MAX => return Err(error),
                Err(_) => {}
                Ok(()) => return Ok(()),
            }
        }
    }

    fn say(&self, change: Change) {
        let channel = self.channel;
        match change {
            Change::None => {}
            Change::Stopped { failures } => {
                tracing::error!(%channel, failures, "the channel is stopped: its server fails");
            }
            Change::GoesOn => tracing::warn!(%channel, "the channel goes on"),
            Change::StrangersStopped { unanswered, answered } => tracing::error!(
                %channel,
                unanswered,
                answered,
                "nobody types the codes that strangers ask for: they are suppressed"
            ),
            Change::StrangersGoOn => tracing::warn!(%channel, "strangers are sent codes again"),
        }
    }
}

fn count(messages: &[Message]) -> u64 {
    u64::try_from(messages.len()).expect("few are taken up at once")
}

impl Transport {
    async fn deliver(&self, words: &Words, message: &Message, now: Instant) -> Delivery {
        match self {
            Self::Mail(mailer) => mailer.send(&words.letter(message), message, now).await,
            Self::Sms(texter) => texter.send(&words.text(message), message, now).await,
            Self::Mailbox => Delivery::Taken,
            Self::Missing => Delivery::Refused("no server is set for this channel".to_owned()),
        }
    }
}
