//! A dry run of limits and rules over what is on record: see [`yaoki_core::decide::replay`].

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use yaoki_core::code::CodeRules;
use yaoki_core::decide::replay::{BEFORE_MS, DryRun, Life, Networks, Replay};
use yaoki_core::facts::{Event, Operation};
use yaoki_core::ids::{FactId, MemberNumber};
use yaoki_core::policy::Policy;
use yaoki_core::row::{Field, Value};
use yaoki_core::state::Member;
use yaoki_core::time::{DAY_MS, Instant, ZoneOffset};
use yaoki_core::top_up::{Rail, TopUp};
use yaoki_core::view::Rules;
use yaoki_core::window::WALKED_MAX;

use super::member::walked_back;
use super::{directory, page_of};
use crate::conn::Conn;
use crate::error::StoreError;
use crate::sql;
use crate::table::Book;

/// Rows of one page.
const PAGE: usize = 1_000;
/// What is read of lives for each operation that is judged, at the most, where that is bounded:
/// what came before it decides, too.
const LIVES_PER_OPERATION: usize = 5;

/// How much a dry run looks at.
#[derive(Clone, Copy, Debug)]
pub struct MostOf {
    /// The newest operations.
    pub operations: usize,
    /// Whose they may be.
    pub members: usize,
}

impl MostOf {
    /// Everything.
    pub const ALL: Self = Self { operations: usize::MAX, members: usize::MAX };
}

/// A dry run, and what it was of.
#[derive(Clone, Debug)]
pub struct DryRunOf {
    /// What it found.
    pub found: DryRun,
    /// From when on requests were judged: later than asked for where there were too many.
    pub since: Instant,
    /// Whether there were too many.
    pub cut: bool,
    /// Members whose facts do not give a life: `verify` says more.
    pub unreadable: usize,
}

/// Judges by `policy` what was asked since then: the newest operations, as many as `most` says, and
/// the cards' top-ups of the same time.
pub fn dry_run(
    conn: &mut Conn,
    policy: Policy,
    since: Instant,
    most: MostOf,
) -> Result<DryRunOf, StoreError> {
    let book = Book::load(conn)?;
    let directory = directory(conn)?;
    let (members, since, cut) = members_since(conn, since, most)?;
    let (networks, by_card) = top_ups_since(conn, since)?;
    // What codes look like and when days end is asked by nobody here.
    let code = CodeRules::new("0000", 30).expect("these are good settings");
    let rules = Rules { currency: book.currency, zone: ZoneOffset { minutes: 0 }, code };
    let replay = Replay::new(Arc::new(rules), &directory, policy, since);
    let mut of = DryRunOf { found: DryRun::default(), since, cut, unreadable: 0 };
    let budget = most.operations.saturating_mul(LIVES_PER_OPERATION);
    let mut walked: usize = 0;
    for (number, count) in members.union(&by_card).zip(1_usize..) {
        if count > most.members || walked > budget {
            of.cut = true;
            break;
        }
        let most = (WALKED_MAX.max(most.operations)).min(budget);
        let Some(life) = life(conn, *number, since, most)? else { continue };
        walked = walked.saturating_add(life.operations.len() + life.events.len());
        of.cut |= life.operations.len() >= most;
        let before = of.found.clone();
        let play = || replay.play(&life, &networks, &mut of.found);
        if catch_unwind(AssertUnwindSafe(play)).is_err() {
            (of.found, of.unreadable) = (before, of.unreadable + 1);
        }
    }
    Ok(of)
}

/// Whose operations are the newest since then, and from when on that is all of them.
fn members_since(
    conn: &mut Conn,
    since: Instant,
    most: MostOf,
) -> Result<(BTreeSet<MemberNumber>, Instant, bool), StoreError> {
    let least = FactId::least(since);
    let (mut members, mut count, mut before) = (BTreeSet::new(), 0, FactId(i64::MAX));
    loop {
        let asked = [least.value(), before.value(), page_of(PAGE.min(most.operations - count))];
        let page: Vec<Operation> = conn.query(&sql::OPERATIONS_BACK, &asked)?;
        count += page.len();
        members.extend(page.iter().map(|row| row.member).filter(|member| member.is_some()));
        let Some(oldest) = page.last() else { return Ok((members, since, false)) };
        before = oldest.id;
        if count >= most.operations || members.len() >= most.members {
            // The oldest millisecond may be known in part.
            return Ok((members, before.at().plus_ms(1).max(since), true));
        }
    }
}

/// Who topped up by card since then, and from which networks, those of the day before as well.
fn top_ups_since(
    conn: &mut Conn,
    since: Instant,
) -> Result<(Networks, BTreeSet<MemberNumber>), StoreError> {
    let (mut networks, mut members) = (Networks::new(), BTreeSet::new());
    let mut after = FactId::least(since.plus_ms(-DAY_MS));
    loop {
        let page: Vec<TopUp> = conn.query(&sql::TOP_UPS_AFTER, &[after.value(), page_of(PAGE)])?;
        let Some(last) = page.last() else { return Ok((networks, members)) };
        after = last.id;
        for row in page.iter().filter(|row| row.rail == Rail::Card) {
            if row.id.at() >= since {
                members.insert(row.member);
            }
            if !row.network.is_empty() {
                networks.entry(row.network.clone()).or_default().push((row.id, row.member));
            }
        }
    }
}

fn life(
    conn: &mut Conn,
    number: MemberNumber,
    since: Instant,
    most: usize,
) -> Result<Option<Life>, StoreError> {
    let Some(member) = conn.find::<Member, _>(&[number])?.pop() else { return Ok(None) };
    let events: Vec<Event> = conn.query(&sql::EVENTS_OF_STANDING, &[Value::Int(number.0)])?;
    let least = FactId::least(since.plus_ms(-BEFORE_MS));
    let mut operations = walked_back(conn, (member.last_operation, least), most)?;
    operations.sort_unstable_by_key(|row| row.id);
    Ok(Some(Life { member, events, operations }))
}
