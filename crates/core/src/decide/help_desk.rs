//! What the help desk does for members, always by two: saying that a person was at a counter,
//! letting a contested recovery go on, and ending one. It sets and reads no password, changes no
//! address, and makes nothing faster: a recovery waits as it waits for everybody.

use super::must;
use crate::command::Act;
use crate::facts::{Event, EventKind};
use crate::identity::challenge::{Challenge, ChallengeState, Purpose};
use crate::identity::recovery::Recovery;
use crate::ids::{FactId, MemberNumber};
use crate::message::{Address, Channel, Language};
use crate::refusal::Refusal;
use crate::state::{Member, MemberState};
use crate::time::HOUR_MS;
use crate::view::{Effects, View};

/// How long what was checked at a counter counts.
const VOUCHED_MS: i64 = 24 * HOUR_MS;

pub(super) fn decide(
    view: &View,
    act: &Act,
    event: Event,
    effects: &mut Effects,
) -> Result<Event, Refusal> {
    match act {
        Act::VouchForMember(member, shown) => {
            member_must_not_be_closed(view, *member)?;
            effects.challenges.push(vouched(view, *member, shown));
            let digest = shown.to_vec();
            Ok(Event { kind: EventKind::RecoveryVouched, subject: member.0, digest, ..event })
        }
        Act::AllowRecovery(member, recovery) => {
            member_must_not_be_closed(view, *member)?;
            allow(view, *member, *recovery, event)
        }
        Act::EndRecovery(member, recovery) => {
            open_recovery(view, *member, *recovery)?;
            let (subject, object) = (member.0, recovery.0);
            Ok(Event { kind: EventKind::RecoveryEnded, subject, object, ..event })
        }
        other => unreachable!("{other:?} is no act of the help desk"),
    }
}

fn member_must_not_be_closed(view: &View, member: MemberNumber) -> Result<&Member, Refusal> {
    let row = view.members.get(&member).ok_or(Refusal::MemberMustExist)?;
    must(row.state != MemberState::Closed, Refusal::MemberMustBeOpen)?;
    Ok(row)
}

/// The proof that the browser of this person has now, beside one of another kind.
fn vouched(view: &View, member: MemberNumber, shown: &[u8; 10]) -> Challenge {
    Challenge {
        id: Challenge::id_of_counter(shown),
        purpose: Purpose::Counter,
        member,
        channel: Channel::Mail,
        contact: [0; 32],
        address: Address(String::new()),
        language: Language::Japanese,
        code: [0; 32],
        tries: 0,
        message: [0; 32],
        state: ChallengeState::Confirmed,
        expires_at: view.now.plus_ms(VOUCHED_MS),
    }
}

/// Whoever asked for it goes on with it in his browser, at its time and not before. The wallet
/// stays frozen as it is.
fn allow(
    view: &View,
    member: MemberNumber,
    recovery: FactId,
    event: Event,
) -> Result<Event, Refusal> {
    let row = open_recovery(view, member, recovery)?;
    must(row.is_contested(), Refusal::RecoveryMustBeOpen)?;
    let (subject, object) = (member.0, recovery.0);
    Ok(Event { kind: EventKind::RecoveryAllowed, subject, object, ..event })
}

fn open_recovery(
    view: &View,
    member: MemberNumber,
    recovery: FactId,
) -> Result<&Recovery, Refusal> {
    let row = view.people.recoveries.get(&recovery);
    let row = row.filter(|row| row.member == member && row.is_open(view.now));
    row.ok_or(Refusal::RecoveryMustBeOpen)
}
