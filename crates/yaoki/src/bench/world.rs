//! The book that is measured: 10 merchants, 100 stores, 1,000 terminals, and members with money and
//! a paying device; and requests made in advance, codes and all.
//!
//! Two ways to make the members: by the commands of real life (facts, chain and all), or, for the
//! many, their rows alone, without facts (`verify` would say so; a row measured on them is marked).

use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use yaoki_core::code::{CodeCipher, CodeRules};
use yaoki_core::command::{
    Act, Administer, Ask, Asset, Caller, Command, Credit, Meaning, PayWithCode,
};
use yaoki_core::decide::Outcome;
use yaoki_core::facts::OperationKind;
use yaoki_core::ids::{
    FactId, MemberNumber, MerchantNumber, RequestId, RequestKey, StoreNumber, TerminalNumber,
};
use yaoki_core::money::Currency;
use yaoki_core::policy;
use yaoki_core::policy::rule::Goods;
use yaoki_core::state::{CodeSecret, Member};
use yaoki_core::time::{Instant, ZoneOffset};
use yaoki_store::conn::Purpose;
use yaoki_store::table::Position;
use yaoki_store::{Answer, Book, BookKind, BookOptions, Conn, Database, Part, read};

use super::progress::Progress;
use super::{http, measure};

pub(crate) const MERCHANTS: i64 = 10;
pub(crate) const STORES: i64 = 100;
pub(crate) const TERMINALS: i64 = 1000;
/// What each member has at the start.
const MONEY: i64 = 100_000_000;
/// The longest code life there is: requests are made in advance.
const LIFETIME_SECONDS: i64 = 300;
const FINGERPRINT_KEY: [u8; 32] = [9; 32];
/// A member pays again after so many other payments at the earliest.
const APART: u64 = 4096;
/// Commands under way while seeding.
const SEEDING_IN_FLIGHT: usize = 512;
/// Members of one transaction when their rows are written alone.
const SEEDING_ROWS: i64 = 10_000;

/// Where payments are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spread {
    /// Over all terminals.
    Even,
    /// At the ten terminals of one store.
    HotMerchant,
}

/// An open book that is measured.
pub(crate) struct World {
    pub(crate) book: Arc<Book>,
    pub(crate) database: Database,
    pub(crate) cipher: CodeCipher,
    /// The key file, for a server over this book.
    pub(crate) keys: PathBuf,
    /// Whether the members' rows were written alone.
    pub(crate) without_facts: bool,
    epochs: Vec<i64>,
    /// Which draw was each member's last, and how many there were.
    drawn: (Vec<u64>, u64),
    random: Random,
}

/// The settings of the bench's codes.
pub(crate) fn code_rules() -> CodeRules {
    CodeRules::new("9876", LIFETIME_SECONDS).expect("good settings")
}

/// How the bench opens a book.
pub(crate) fn book_options(database: &Database) -> BookOptions {
    let clock = Arc::new(|| Instant(measure::unix_ms()));
    let zone = Arc::new(|_| ZoneOffset { minutes: 540 });
    let mut options = BookOptions::new(database.clone(), code_rules(), clock, zone);
    "bench".clone_into(&mut options.node);
    options
}

/// The policy of a new book without its limits and rules.
pub(crate) fn policy_without_limits() -> String {
    let base = policy::DEFAULT.split("[[limit]]").next();
    base.unwrap_or_default().to_owned()
}

/// The code secret of a member of the bench.
pub(crate) fn secret(member: i64) -> [u8; 32] {
    *blake3::hash(&member.to_be_bytes()).as_bytes()
}

impl World {
    /// Makes a book with this many members and opens it.
    pub(crate) fn create(
        (database, keys): (Database, PathBuf),
        (members, without_facts): (i64, bool),
        lanes: usize,
    ) -> Result<Self> {
        let now = Instant(measure::unix_ms());
        yaoki_store::create(&database, BookKind::Demo, Currency::JPY, "Asia/Tokyo", now)?;
        if without_facts {
            write_member_rows(&database, members)?;
        }
        let first_epoch = if without_facts { 1 } else { 2 };
        let file = http::make_keys(&keys)?;
        let mut options = book_options(&database);
        options.lanes = lanes;
        let world = Self {
            book: Book::open(options)?,
            database,
            cipher: CodeCipher::new(code_rules(), file.code.secret.expose(), None),
            keys,
            without_facts,
            epochs: vec![first_epoch; usize::try_from(members).context("too many members")?],
            drawn: (vec![0; usize::try_from(members)?], APART),
            random: Random(0x9E37_79B9_7F4A_7C15),
        };
        world.make_shops()?;
        if !without_facts {
            world.make_members(members)?;
        }
        Ok(world)
    }

    fn make_shops(&self) -> Result<()> {
        let merchants = (0..MERCHANTS).map(|n| Act::CreateMerchant(format!("merchant {n}")));
        self.run_all("merchants", merchants.map(administer))?;
        let stores = (0..STORES).map(|n| Act::CreateStore {
            merchant: MerchantNumber(1 + n % MERCHANTS),
            name: format!("store {n}"),
            place: String::new(),
            cutoff_minutes: 0,
        });
        self.run_all("stores", stores.map(administer))?;
        let terminals = (0..TERMINALS)
            .map(|n| Act::CreateTerminal(StoreNumber(1 + n % STORES), format!("till {n}")));
        self.run_all("terminals", terminals.map(administer))
    }

    /// Other limits and rules from now on.
    pub(crate) fn change_policy(&self, text: &str) -> Result<()> {
        self.run_all("limits", std::iter::once(administer(Act::ChangePolicy(text.to_owned()))))
    }

    /// More members, without money and device; the first one's number.
    pub(crate) fn add_members(&self, count: i64) -> Result<i64> {
        let before = self.book.read_and_wait(read::last_member_number)?;
        let create = (0..count).map(|_| administer(Act::CreateMember));
        self.run_all("members", create)?;
        Ok(before + 1)
    }

    /// A link that enrols a device of `member`.
    pub(crate) fn create_link(&self, member: MemberNumber, digest: [u8; 32]) -> Result<()> {
        let until = Instant(measure::unix_ms() + 3_600_000);
        let command = administer(Act::CreateLink(member, digest, until));
        match self.book.submit_and_wait(Part::Members, command, Instant(i64::MAX)) {
            Answer::Decided(_) => Ok(()),
            other => bail!("no link: {other:?}"),
        }
    }

    fn make_members(&self, members: i64) -> Result<()> {
        self.add_members(members)?;
        let credit = (1..=members).map(|number| {
            let (member, asset) = (MemberNumber(number), Asset::Money);
            Command::Credit(Credit { request: request_id(), member, asset, amount: MONEY })
        });
        self.run_all("top-ups", credit)?;
        let until = Instant(measure::unix_ms() + 3_600_000);
        let token = |number: i64| *blake3::hash(&secret(number)).as_bytes();
        let link = (1..=members)
            .map(|number| administer(Act::CreateLink(MemberNumber(number), token(number), until)));
        self.run_all("links", link)?;
        let enrol = (1..=members).map(|number| {
            let (link, public_key) = (token(number), [4; 65]);
            administer(Act::EnrolDevice { link, public_key, secret: secret(number) })
        });
        self.run_all("devices", enrol)
    }

    /// Runs commands through the queue, many at once; each must be decided well.
    fn run_all(&self, what: &'static str, commands: impl Iterator<Item = Command>) -> Result<()> {
        let bar = Progress::counted(what, commands.size_hint().0);
        let (sender, receiver) = mpsc::channel();
        let mut under_way = 0;
        let settle = |under_way: &mut usize| -> Result<()> {
            *under_way -= 1;
            bar.inc(1);
            match receiver.recv()? {
                Answer::Decided(Outcome::Decided { operation, .. }) if operation.succeeded() => {
                    Ok(())
                }
                Answer::Decided(Outcome::Done { .. }) => Ok(()),
                other => bail!("seeding {what}: {other:?}"),
            }
        };
        for command in commands {
            let sender = sender.clone();
            let reply = Box::new(move |answer| {
                // The bench has ended with an error; nobody listens.
                let _ = sender.send(answer);
            });
            self.book.submit(Part::Money, command, Instant(i64::MAX), reply);
            under_way += 1;
            if under_way == SEEDING_IN_FLIGHT {
                settle(&mut under_way)?;
            }
        }
        while under_way > 0 {
            settle(&mut under_way)?;
        }
        Ok(())
    }

    /// Draws who pays where, `count` times, with the code epoch that will be theirs by then.
    pub(crate) fn draw(&mut self, count: usize, spread: Spread) -> Vec<Draw> {
        let members = u64::try_from(self.epochs.len()).expect("a count fits");
        let mut draws = Vec::with_capacity(count);
        for _ in 0..count {
            let index = self.someone(members);
            let member = Member {
                device: FactId(1),
                code_secret: CodeSecret(secret(i64::try_from(index).expect("fits") + 1)),
                code_epoch: self.epochs[index],
                ..Member::new(MemberNumber(i64::try_from(index).expect("fits") + 1))
            };
            self.epochs[index] += 1;
            let any = i64::try_from(self.random.below(u64::MAX >> 1)).expect("fits");
            let terminal = match spread {
                Spread::Even => 1 + any % TERMINALS,
                Spread::HotMerchant => 1 + STORES * (any % (TERMINALS / STORES)),
            };
            draws.push(Draw { member, terminal, amount: 1 + any % 997, random: any });
        }
        draws
    }

    /// A member who did not pay just before: requests of one member that overtake each other on
    /// their way would show codes of the wrong epoch.
    fn someone(&mut self, members: u64) -> usize {
        let (last, count) = (&mut self.drawn.0, &mut self.drawn.1);
        *count += 1;
        loop {
            let index = usize::try_from(self.random.below(members)).expect("an index fits");
            if *count - last[index] >= APART.min(members / 2) {
                last[index] = *count;
                return index;
            }
        }
    }

    /// Payments ready to be submitted: codes issued and opened, fingerprints taken.
    pub(crate) fn payments(&mut self, count: usize, spread: Spread) -> Vec<Command> {
        let draws = self.draw(count, spread);
        let now = Instant(measure::unix_ms());
        let half = draws.len().div_ceil(2).max(1);
        let cipher = &self.cipher;
        std::thread::scope(|scope| {
            let chunks = draws.chunks(half).enumerate();
            let threads: Vec<_> = chunks
                .map(|(chunk, draws)| {
                    scope.spawn(move || {
                        let each = draws.iter().enumerate();
                        let each =
                            each.map(|(at, draw)| draw.command(cipher, now, chunk * half + at));
                        each.collect::<Vec<_>>()
                    })
                })
                .collect();
            threads.into_iter().flat_map(|thread| thread.join().expect("minting works")).collect()
        })
    }

    /// Takes back payments that were made in advance and not used.
    pub(crate) fn take_back(&mut self, payments: impl Iterator<Item = Command>) {
        for payment in payments {
            let member = payment.member().expect("a payment names its member");
            self.epochs[usize::try_from(member.0 - 1).expect("fits")] -= 1;
        }
    }

    /// The same for payments that were only drawn.
    pub(crate) fn take_back_draws(&mut self, draws: &[Draw]) {
        for draw in draws {
            self.epochs[usize::try_from(draw.member.number.0 - 1).expect("fits")] -= 1;
        }
    }

    /// Waits until nothing is in line.
    pub(crate) fn settle(&self) {
        while self.book.health().queued > 0 {
            pause(Duration::from_millis(20));
        }
    }

    /// Waits until lists and balances are filled up to the last payment.
    pub(crate) fn come_to_rest(&self) -> Result<()> {
        self.settle();
        let until = measure::now() + Duration::from_mins(10);
        let mut conn = Conn::open(&self.database, Purpose::Reader)?;
        loop {
            let lanes = read::lanes(&mut conn)?;
            let names: Vec<_> = lanes.iter().map(|lane| ("roll_up".to_owned(), lane.id)).collect();
            let positions = conn.find::<Position, _>(&names)?;
            let behind = lanes.iter().any(|lane| {
                let reached = positions.iter().find(|position| position.lane == lane.id);
                reached.is_none_or(|position| position.seq < lane.seq)
            });
            if !behind {
                return Ok(());
            }
            ensure!(measure::now() < until, "the roll-up did not catch up in ten minutes");
            pause(Duration::from_millis(200));
        }
    }
}

/// One payment before it is made.
pub(crate) struct Draw {
    pub(crate) member: Member,
    pub(crate) terminal: i64,
    pub(crate) amount: i64,
    pub(crate) random: i64,
}

impl Draw {
    /// The digits of the member's code at `now`.
    pub(crate) fn code(&self, cipher: &CodeCipher, now: Instant) -> String {
        cipher.issue(&self.member, now).expect("the member has a device").digits
    }

    /// The `place`-th request id, a UUID of version 7: about a hundred a millisecond.
    pub(crate) fn request_id(&self, now: Instant, place: usize) -> RequestId {
        let ms = now.0 + i64::try_from(place / 100).expect("a place fits");
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&ms.to_be_bytes()[2..]);
        bytes[8..].copy_from_slice(&self.random.to_be_bytes());
        bytes[8] = 0x80 | (bytes[8] & 0x3F);
        bytes[6..8].copy_from_slice(&u16::try_from(place % 4096).expect("fits").to_be_bytes());
        bytes[6] |= 0x70;
        RequestId(bytes)
    }

    fn command(&self, cipher: &CodeCipher, now: Instant, place: usize) -> Command {
        let code = self.code(cipher, now);
        let meaning = Meaning {
            terminal: TerminalNumber::NONE,
            kind: OperationKind::Pay,
            amount: self.amount,
            currency: Currency::JPY,
            code: &code,
            payment: FactId::NONE,
            target: RequestId::default(),
            hold_seconds: 0,
            goods: Goods::NONE,
        };
        let key = RequestKey {
            request: self.request_id(now, place),
            terminal: TerminalNumber(self.terminal),
        };
        let ask = Ask {
            caller: Caller { key, generation: 1 },
            valid_until: now.plus_ms(60_000),
            fingerprint: meaning.fingerprint(&FINGERPRINT_KEY),
        };
        Command::PayWithCode(PayWithCode {
            ask,
            code: cipher.open(&code),
            amount: self.amount,
            currency: Currency::JPY,
            hold_seconds: None,
            goods: Goods::NONE,
        })
    }
}

fn administer(act: Act) -> Command {
    Command::Administer(Administer {
        request: request_id(),
        actor: "bench".to_owned(),
        second: "bench two".to_owned(),
        reason: "bench".to_owned(),
        act,
    })
}

fn request_id() -> RequestId {
    RequestId(*uuid::Uuid::now_v7().as_bytes())
}

/// Writes the members' rows alone: no facts.
fn write_member_rows(database: &Database, members: i64) -> Result<()> {
    let bar = Progress::counted("member rows", usize::try_from(members)?);
    let mut conn = Conn::open(database, Purpose::Lane)?;
    let mut first = 1;
    while first <= members {
        let last = members.min(first + SEEDING_ROWS - 1);
        let rows: Vec<Member> = (first..=last)
            .map(|number| Member {
                money: MONEY,
                device: FactId(1),
                code_secret: CodeSecret(secret(number)),
                ..Member::new(MemberNumber(number))
            })
            .collect();
        conn.begin()?;
        let written = conn.insert(&rows.iter().collect::<Vec<_>>())?;
        ensure!(usize::try_from(written)? == rows.len(), "the book had members");
        conn.commit()?;
        conn.checkpoint(yaoki_store::conn::CheckpointMode::Passive)?;
        bar.inc(written);
        first = last + 1;
    }
    Ok(())
}

/// An SQLite database in `folder`.
pub(crate) fn sqlite(folder: &Path, name: &str) -> Database {
    Database::Sqlite(folder.join(format!("{name}.db")))
}

#[expect(clippy::disallowed_methods, reason = "a bench waits for a book to come to rest")]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// Splitmix64: numbers that look random and are the same in every run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}
