//! The figures of one day of the operator's zone: in all, by hour, by store.

use axum::extract::State;
use axum::response::Response;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::ops::Range;
use utoipa::ToSchema;
use yaoki_core::facts::OperationKind;
use yaoki_core::ids::StoreNumber;
use yaoki_core::time::{HOUR_MS, Instant};
use yaoki_core::view::Directory;
use yaoki_store::read;
use yaoki_store::read::console::{Day, Figure, Figures};
use yaoki_store::table::TallyOutcome;

use super::session::{Operator, caller_of, for_operator};
use crate::api::{render, time};
use crate::app::App;
use crate::edge::identifier::{self, Kind};
use crate::edge::problem::{Problem, ProblemDocument};
use crate::edge::reads::Side;
use crate::edge::request;
use crate::metrics::Endpoint;

const DATE_MUST_BE: &str = "must be a date as 2019-07-01, or left out";

/// How many, and how much.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ConsoleSum)]
pub struct Sum {
    /// How many.
    count: i64,
    /// Minor units.
    amount: i64,
}

/// What was asked for, by how it ended. What was paid, less what was refunded and reversed, is what
/// the shops are owed for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ConsoleTotals)]
pub struct Totals {
    /// Payments and captures.
    paid: Sum,
    /// Refunds.
    refunded: Sum,
    /// Reversals that gave back or released something; the amount is what was given back.
    reversed: Sum,
    /// Requests of any kind that were declined.
    declined: Sum,
    /// Authorizations; some may be captured, voided or over by now.
    held: Sum,
}

impl Totals {
    /// Adds up figures.
    pub fn of<'a>(all: impl IntoIterator<Item = &'a Figures>) -> Self {
        let mut totals = Self::default();
        for (&(kind, outcome), figure) in all.into_iter().flatten() {
            totals.add(kind, outcome, *figure);
        }
        totals
    }

    fn add(&mut self, kind: OperationKind, outcome: TallyOutcome, figure: Figure) {
        use OperationKind::{Authorize, Capture, Credit, Expire, Pay, Refund, Reverse, TopUp};
        use OperationKind::{Dispute, TakeBack, Tombstone, Void};
        let sum = match (kind, outcome) {
            // It stands for a request that was reversed, which counts as it was.
            (Tombstone, _) => return,
            (_, TallyOutcome::Declined) => &mut self.declined,
            (Pay | Capture, _) => &mut self.paid,
            (Refund, _) => &mut self.refunded,
            (Reverse, _) => &mut self.reversed,
            (Authorize, _) => &mut self.held,
            (Void | Expire | Credit | TopUp | TakeBack | Dispute, _) => return,
        };
        sum.count += figure.count;
        sum.amount += figure.amount;
    }
}

/// The figures of one hour.
#[derive(Serialize, ToSchema)]
#[schema(as = ConsoleHour)]
pub struct Hour {
    /// When it begins.
    #[schema(format = "date-time")]
    from: String,
    #[serde(flatten)]
    totals: Totals,
}

/// The figures of one store.
#[derive(Serialize, ToSchema)]
#[schema(as = ConsoleStoreTotals)]
pub struct StoreTotals {
    store: String,
    name: String,
    /// Who is paid there.
    merchant: String,
    merchant_name: String,
    #[serde(flatten)]
    totals: Totals,
}

/// Which day.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DayRequest<'a> {
    /// In the operator's zone; today when left out.
    #[serde(borrow, default)]
    #[schema(format = "date")]
    date: Option<Cow<'a, str>>,
}

/// The figures of a day in all and by hour.
#[derive(Serialize, ToSchema)]
#[schema(as = ConsoleDay)]
pub struct DayTotals {
    #[schema(format = "date")]
    date: String,
    /// The operator's zone, an IANA name.
    zone: String,
    /// ISO 4217.
    currency: String,
    /// When the first of its hours begins. Hours are whole hours of UTC: in a zone that is not
    /// whole hours off UTC, the one that midnight is in counts to the day that begins.
    #[schema(format = "date-time")]
    from: String,
    /// When the last of its hours ends.
    #[schema(format = "date-time")]
    to: String,
    totals: Totals,
    /// Every hour, those without figures too: 24, or as many as there are when the clock changes.
    by_hour: Vec<Hour>,
}

/// The figures of a day in all, by hour and by store.
#[derive(Serialize, ToSchema)]
#[schema(as = ConsoleToday)]
pub struct TodayAnswer {
    #[serde(flatten)]
    day: DayTotals,
    /// Stores of which something was asked, by number.
    by_store: Vec<StoreTotals>,
}

/// One day of the operator's zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OperatorsDay {
    date: Date,
    from: Instant,
    to: Instant,
}

impl OperatorsDay {
    /// The day that it is now.
    ///
    /// # Errors
    /// When the calendar does not reach so far.
    pub fn today(app: &App) -> Result<Self, Problem> {
        let now = Timestamp::from_millisecond(app.now().0);
        let now = now.map_err(|_| Problem::field("date", DATE_MUST_BE))?;
        Self::of(app.zone.to_datetime(now).date(), &app.zone)
    }

    /// The day that was asked for, or today.
    pub(super) fn asked(app: &App, date: Option<&str>) -> Result<Self, Problem> {
        let Some(text) = date else { return Self::today(app) };
        let date = text.parse::<Date>().ok().filter(|date| date.to_string() == text);
        Self::of(date.ok_or_else(|| Problem::field("date", DATE_MUST_BE))?, &app.zone)
    }

    fn of(date: Date, zone: &TimeZone) -> Result<Self, Problem> {
        let begins = |date: Date| {
            let begins = date.to_zoned(zone.clone()).ok()?;
            Some(Instant(begins.timestamp().as_millisecond()))
        };
        let next = date.checked_add(1.day()).ok();
        let day = begins(date).zip(next.and_then(begins));
        let (from, to) = day.ok_or_else(|| Problem::field("date", DATE_MUST_BE))?;
        Ok(Self { date, from, to })
    }

    /// Its whole hours of Unix time.
    pub fn hours(self) -> Range<i64> {
        read::console::hours(self.from, self.to)
    }

    /// Its figures as they are answered.
    pub(super) fn totals(self, app: &App, day: &Day) -> DayTotals {
        let hours = self.hours();
        let begins = |hour: i64| time::text(Instant(hour * HOUR_MS));
        let hour = |hour| Hour { from: begins(hour), totals: Totals::of(day.by_hour.get(&hour)) };
        DayTotals {
            date: self.date.to_string(),
            zone: app.book.zone().to_owned(),
            currency: app.book.currency().as_str().to_owned(),
            from: begins(hours.start),
            to: begins(hours.end),
            totals: Totals::of(day.by_hour.values()),
            by_hour: hours.map(hour).collect(),
        }
    }
}

fn by_store(day: &Day, directory: &Directory) -> Vec<StoreTotals> {
    let told = |(number, figures): (&StoreNumber, &Figures)| {
        let store = directory.stores.get(number)?;
        let merchant = directory.merchants.get(&store.merchant)?;
        Some(StoreTotals {
            store: identifier::text(Kind::Store, number.0),
            name: store.name.clone(),
            merchant: identifier::text(Kind::Merchant, merchant.number.0),
            merchant_name: merchant.name.clone(),
            totals: Totals::of([figures]),
        })
    };
    day.by_store.iter().filter_map(told).collect()
}

/// The figures of a day, today's when none is named. What was answered a moment ago is in them.
#[utoipa::path(
    post,
    path = "/v1/console/today",
    tag = "console",
    security(("operator" = [])),
    request_body = DayRequest,
    responses(
        (status = 200, description = "The figures", body = TodayAnswer),
        (status = "default", description = "Unknown", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub async fn today(State(app): State<App>, operator: Result<Operator, Problem>) -> Response {
    let caller = caller_of(&operator);
    let work = async {
        let operator = operator?;
        let asked: DayRequest<'_> = request::json(&operator.body)?;
        let day = OperatorsDay::asked(&app, asked.date.as_deref())?;
        let read = app.read(Side::Console, operator.deadline, move |conn| {
            Ok((read::console::day(conn, day.hours())?, read::directory(conn)?))
        });
        let (figures, directory) = read.await?;
        let by_store = by_store(&figures, &directory);
        Ok(render::said(&TodayAnswer { day: day.totals(&app, &figures), by_store }))
    };
    for_operator(app.answer(Endpoint::ConsoleToday, work).await, &app, &caller)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(zone: &str, date: &str) -> i64 {
        let zone = TimeZone::get(zone).expect("a zone");
        let date: Date = date.parse().expect("a date");
        let day = OperatorsDay::of(date, &zone).expect("a day");
        let hours = day.hours();
        hours.end - hours.start
    }

    #[test]
    fn a_day_has_twenty_four_hours_but_where_the_clock_changes() {
        assert_eq!(hours("Asia/Tokyo", "2026-01-05"), 24);
        assert_eq!(hours("Asia/Kolkata", "2026-01-05"), 24);
        assert_eq!(hours("Europe/Berlin", "2026-03-29"), 23);
        assert_eq!(hours("Europe/Berlin", "2026-10-25"), 25);
    }

    #[test]
    fn a_day_begins_at_midnight_of_its_zone() {
        let zone = TimeZone::get("Asia/Tokyo").expect("a zone");
        let date = "2026-01-05".parse().expect("a date");
        let day = OperatorsDay::of(date, &zone).expect("a day");
        assert_eq!(time::text(day.from), "2026-01-04T15:00:00.000Z");
        assert_eq!(time::text(day.to), "2026-01-05T15:00:00.000Z");
    }
}
