//! Whether a payment stays within its member's limits.

use super::Stop;
use crate::limits::{Room, allowed_to_pay, room};
use crate::state::Member;
use crate::view::View;
use crate::window::WindowKind;

/// Whether `amount` more may be paid or held now.
///
/// # Errors
/// [`Stop::Later`]: the member's list must be walked back first.
pub(super) fn may_pay(view: &View, member: &Member, amount: i64) -> Result<bool, Stop> {
    let allowed = allowed_to_pay(&view.directory.policy, member, view.now);
    if amount > allowed.once {
        return Ok(false);
    }
    for kind in WindowKind::ALL {
        let (window, walked) = view.window(member, kind);
        match room(kind, window, allowed.within(kind), amount, view.now) {
            Room::Enough => {}
            Room::TooLittle => return Ok(false),
            // A list that is longer than what is walked back is counted as it stands.
            Room::Unknown if walked => return Ok(false),
            Room::Unknown => return Err(Stop::Later),
        }
    }
    Ok(true)
}
