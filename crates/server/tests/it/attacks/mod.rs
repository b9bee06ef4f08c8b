//! Attacks on accounts against the running server: nothing is enrolled, nothing can be spent, and
//! no password is confirmed.
//!
//! | module       | attack                                                                     |
//! | ------------ | -------------------------------------------------------------------------- |
//! | [`pairs`]    | bought pairs of address and password; many tries at once                   |
//! | [`recovery`] | recovery led elsewhere, hurried, raced, and used to flood a mailbox         |
//! | [`codes`]    | typed codes guessed over many accounts                                     |
//! | [`theft`]    | cookies, tokens and whole profiles of a browser, used elsewhere            |
//! | [`phishing`] | a page between a member and us that passes everything on                   |
//! | [`external`] | external ids of somebody else                                              |
//! | [`staff`]    | whoever works here                                                         |

mod codes;
mod external;
mod pairs;
mod phishing;
mod recovery;
pub(crate) mod staff;
mod theft;
mod wearing_down;

use serde_json::{Value, json};
use yaoki_core::ids::MemberNumber;
use yaoki_core::state::Device;
use yaoki_server::client::{Answer, DeviceClient};
use yaoki_server::edge::identifier::{self, Kind};
use yaoki_store::read;

use crate::members::{Member, new_id};
use crate::world::World;

/// What of an answer anybody can see; the next nonce is chance.
pub(super) fn seen(answer: &Answer) -> (u16, String, Vec<(String, String)>, Vec<u8>) {
    let Answer { status, content_type, headers, body, .. } = answer.clone();
    (status, content_type, headers, body)
}

/// What is sent to sign in by a password.
pub(super) fn pair(address: &str, password: &str) -> Value {
    json!({
        "act": "password", "request_id": new_id(), "address": address, "password": password,
    })
}

impl World {
    /// The devices of a member that have authority.
    pub(super) fn active(&self, member: &Member) -> Vec<Device> {
        let number = identifier::parse(Kind::Member, &member.wallet).expect("an identifier");
        let number = MemberNumber(number);
        let people = self.book.read_and_wait(move |conn| read::people_of(conn, number));
        let people = people.expect("they can be read");
        people.devices.into_values().filter(Device::is_active).collect()
    }

    /// Sends the same bodies at once, each from a client of its own, and gathers the answers.
    pub(super) fn at_once(
        &self,
        path: &'static str,
        asks: Vec<(DeviceClient, Value)>,
    ) -> Vec<Answer> {
        let asks = asks.into_iter().map(|(mut device, body)| {
            self.spawn(async move { device.post(path, body.to_string().as_bytes()).await })
        });
        let asks: Vec<_> = asks.collect();
        let answers = asks.into_iter().map(|ask| self.run(ask).expect("no panic"));
        answers.map(|answer| answer.expect("an answer")).collect()
    }
}
