//! Acts on what limits depend on: the policy itself, and how far a member is verified.

use super::must;
use crate::command::Act;
use crate::facts::{Event, EventKind};
use crate::policy::Policy;
use crate::refusal::Refusal;
use crate::state::MemberState;
use crate::view::View;

/// Whether this act is the one that the event books.
pub(super) fn is_meant(event: &Event, act: &Act) -> bool {
    match act {
        Act::ChangePolicy(text) => event.kind == EventKind::PolicyChanged && event.text == *text,
        Act::VerifyMember(member, level) => {
            let is = (event.kind, event.subject) == (EventKind::MemberVerified, member.0);
            is && event.number == level.code()
        }
        _ => false,
    }
}

pub(super) fn decide(view: &View, act: &Act, event: Event) -> Result<Event, Refusal> {
    match act {
        Act::ChangePolicy(text) => {
            must(Policy::read(text).is_ok(), Refusal::PolicyMustBeRight)?;
            Ok(Event { kind: EventKind::PolicyChanged, text: text.clone(), ..event })
        }
        Act::VerifyMember(member, level) => {
            let row = view.members.get(member).ok_or(Refusal::MemberMustExist)?;
            must(row.state != MemberState::Closed, Refusal::MemberMustBeOpen)?;
            let (kind, number) = (EventKind::MemberVerified, level.code());
            Ok(Event { kind, number, subject: member.0, ..event })
        }
        other => unreachable!("{other:?} is no act on limits"),
    }
}
