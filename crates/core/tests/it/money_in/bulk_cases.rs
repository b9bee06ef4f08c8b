//! Credits in bulk, one line a case; and what members are told of cards.

use yaoki_core::bulk::{BulkRoot, BulkRow, BulkTree, Node};
use yaoki_core::command::{Act, BulkCredit, Command, MoneyInStep};
use yaoki_core::identity::contact::{Contact, ContactState};
use yaoki_core::ids::{MemberNumber, RequestId};
use yaoki_core::message::{Address, Channel, Language, Template};
use yaoki_core::time::Instant;
use yaoki_core::top_up::ThreeDSecure::Challenge;

use super::{Case, MINUTE, ONE, Wallet};

/// Member 1 gets 100, member 2 gets 200, and a member who is not there 300.
fn rows() -> Vec<BulkRow> {
    let row = |(index, member, amount)| BulkRow { index, member: MemberNumber(member), amount };
    [(0, 1, 100), (1, 2, 200), (2, 9, 300)].map(row).to_vec()
}

impl Wallet {
    /// Two agree on the file.
    fn opens(&mut self) -> RequestId {
        let root = BulkTree::new(&rows()).expect("a tree").root();
        self.world.act(Act::OpenBulk("June".to_owned(), root)).request_id
    }

    fn open_as(&mut self, name: &str, rows: i64, sum: i64) -> String {
        let root = BulkRoot { hash: [1; 32], rows, sum };
        let command = self.world.administer(Act::OpenBulk(name.to_owned(), root));
        let answer = self.world.run(&[command]).remove(0);
        self.world.say(&answer)
    }

    /// A row with the path of the one at this place.
    fn bulk(&mut self, bulk: RequestId, row: BulkRow, place: usize) -> String {
        let path: Vec<Node> = BulkTree::new(&rows()).unwrap().path(place).unwrap();
        let command = Command::BulkCredit(BulkCredit { bulk, row, path });
        let answer = self.world.run(&[command]).remove(0);
        self.world.say(&answer)
    }

    fn credits(&mut self, place: usize) -> String {
        let bulk = self.opens();
        self.bulk(bulk, rows()[place], place)
    }

    /// What was sent since, and whether a link in it freezes.
    fn told(&self) -> String {
        let sent = self.world.messages.iter();
        let of_cards = [Template::CardAdded, Template::TopUpHeld, Template::TopUpDisputed];
        let sent = sent.filter(|message| of_cards.contains(&message.template));
        sent.map(|message| message.template.name()).collect::<Vec<_>>().join(", ")
    }

    /// The member has an address.
    fn has_address(&mut self) {
        let contact = Contact {
            digest: [9; 32],
            member: ONE,
            channel: Channel::Mail,
            address: Address("a@example.jp".to_owned()),
            language: Language::Japanese,
            state: ContactState::Active,
            since: self.card,
            ended_at: Instant(0),
            returned_at: Instant(0),
        };
        self.world.people.contacts.insert(contact.digest, contact);
    }
}

pub(super) const BULK: &[Case] = &[
    (|w| w.credits(0), "credit 100"),
    (|w| w.credits(1), "credit 200"),
    (|w| w.credits(2), "refused member_must_exist"),
    (
        // Sent again it is the same credit.
        |w| {
            let bulk = w.opens();
            let first = w.bulk(bulk, rows()[0], 0);
            let again = w.bulk(bulk, rows()[0], 0);
            format!("{first}, {again}, {}", w.money())
        },
        "credit 100, again credit 100, 10100",
    ),
    (
        // The same file under the same name is agreed on once, and given once.
        |w| {
            w.credits(0);
            let root = BulkTree::new(&rows()).expect("a tree").root();
            let again = w.world.administer(Act::OpenBulk(" June".to_owned(), root));
            let again = w.world.run(&[again]).remove(0);
            let (again, bulk) = (w.world.say(&again), RequestId::of_bulk("June", &root.hash));
            format!("{again}, {}, {}", w.bulk(bulk, rows()[0], 0), w.money())
        },
        "again bulk_opened, again credit 100, 10100",
    ),
    (
        |w| {
            let bulk = w.opens();
            w.bulk(bulk, BulkRow { amount: 101, ..rows()[0] }, 0)
        },
        "refused bulk_row_must_be_in_the_file",
    ),
    (
        |w| {
            let bulk = w.opens();
            w.bulk(bulk, BulkRow { member: MemberNumber(2), ..rows()[0] }, 0)
        },
        "refused bulk_row_must_be_in_the_file",
    ),
    (
        |w| {
            let bulk = w.opens();
            w.bulk(bulk, BulkRow { index: 1, ..rows()[0] }, 0)
        },
        "refused bulk_row_must_be_in_the_file",
    ),
    (|w| w.bulk(RequestId([7; 16]), rows()[0], 0), "refused bulk_must_be_open"),
    (
        |w| {
            let bulk = w.opens();
            w.world.play("shut credit everything 0");
            w.bulk(bulk, rows()[0], 0)
        },
        "refused credits_are_closed",
    ),
    (
        |w| {
            w.world.play("credit rich 1 989950");
            w.credits(0)
        },
        "refused balance_must_stay_below_cap",
    ),
    (|w| w.open_as("June", 0, 1), "refused bulk_must_be_right"),
    (|w| w.open_as("June", 3, 2), "refused bulk_must_be_right"),
    (|w| w.open_as(" ", 3, 3), "refused name_must_be_short"),
    (
        |w| {
            let root = BulkTree::new(&rows()).expect("a tree").root();
            let mut command = w.world.administer(Act::OpenBulk("June".to_owned(), root));
            if let Command::Administer(administer) = &mut command {
                administer.second = String::new();
            }
            let answer = w.world.run(&[command]).remove(0);
            w.world.say(&answer)
        },
        "refused reopening_takes_two_people",
    ),
    (
        |w| {
            w.has_address();
            w.add(1, 9);
            w.told()
        },
        "card-added",
    ),
    (
        // A new card's large top-up is told with the way to stop it.
        |w| {
            w.has_address();
            w.add(1, 9);
            w.request(6_000);
            w.authorize(Challenge);
            w.told()
        },
        "card-added, top-up-held",
    ),
    (
        |w| {
            w.top_up(4_000, Challenge);
            w.has_address();
            w.wait(MINUTE);
            let step = MoneyInStep::Dispute { top_up: w.last, amount: 4_000, won: false };
            w.step(step);
            w.told()
        },
        "top-up-disputed",
    ),
];
