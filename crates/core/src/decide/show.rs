//! Showing a code: who may obtain one. A read, no command: nothing is written to issue a code.

use super::must;
use crate::ids::FactId;
use crate::refusal::Refusal;
use crate::state::{Member, MemberState};
use crate::switches::{Capability, Place};
use crate::time::Instant;
use crate::view::Directory;

/// Whether `device`, which has proved itself, may obtain the member's code now. Only the paying
/// device of an open member may, unless the switch is closed.
pub fn may_show_code(
    directory: &Directory,
    member: &Member,
    device: FactId,
    now: Instant,
) -> Result<(), Refusal> {
    must(member.state == MemberState::Open, Refusal::MemberMustBeOpen)?;
    must(device.is_some() && member.device == device, Refusal::DeviceMustBeActive)?;
    let place = Place { member: member.number, ..Place::default() };
    let closed = directory.is_closed(Capability::CodeIssue, &place, now);
    must(!closed, Refusal::CodeIssueIsClosed)
}
