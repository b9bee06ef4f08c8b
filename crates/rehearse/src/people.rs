//! Seeded draws of people: what they have in their wallets, and when they notice.
//!
//! Everything is whole numbers, so that a seed gives the same world on every machine.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use yaoki_core::time::{DAY_MS, HOUR_MS};

/// How much is in wallets: so many in a thousand have between so much and so much, minor units.
/// Most wallets hold little, a few hold much.
const BALANCES: [(u64, i64, i64); 5] = [
    (250, 0, 300),
    (350, 300, 2_000),
    (250, 2_000, 6_000),
    (120, 6_000, 20_000),
    (30, 20_000, 100_000),
];
/// In a thousand: whose card is on file.
const HAVE_CARD: u64 = 800;
/// In a thousand: whom staff has seen.
const ARE_VERIFIED: u64 = 200;
/// What a card lets itself be charged with before its issuer says no, minor units.
const CARD_LINE: (i64, i64) = (30_000, 100_000);

/// When the notice of a new device, an unknown payment or a phone that shows no code any more is
/// seen and acted on: of a thousand victims so many do within so long. The rest never do.
pub const NOTICE: [(u64, i64); 5] =
    [(250, HOUR_MS), (300, DAY_MS), (150, 3 * DAY_MS), (100, 7 * DAY_MS), (100, 30 * DAY_MS)];

/// One victim.
#[derive(Clone, Debug)]
pub struct Person {
    /// In the wallet when the device is taken over, minor units.
    pub balance: i64,
    /// Whether a card is on file.
    pub has_card: bool,
    /// Whether staff has seen who it is.
    pub is_verified: bool,
    /// What the card's issuer lets through in all, minor units.
    pub card_line: i64,
    /// How long after the takeover the wallet is frozen, milliseconds; none: never.
    pub notices_after: Option<i64>,
    /// Whether the thief passes the issuer's challenge, too: he has the telephone number.
    pub is_challenged_in_vain: bool,
}

/// Draws from a seed.
#[derive(Clone, Debug)]
pub struct Dice(ChaCha8Rng);

impl Dice {
    /// Of a seed.
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// A whole number from `least` to below `most`, as good as even.
    pub fn between(&mut self, least: i64, most: i64) -> i64 {
        let width = most.saturating_sub(least).max(1).unsigned_abs();
        least + i64::try_from(self.0.next_u64() % width).unwrap_or(0)
    }

    /// Whether it is one of so many in a thousand.
    pub fn is_among(&mut self, thousandths: u64) -> bool {
        self.0.next_u64() % 1000 < thousandths
    }

    fn balance(&mut self) -> i64 {
        let mut place = self.0.next_u64() % 1000;
        for (share, least, most) in BALANCES {
            if place < share {
                return self.between(least, most);
            }
            place -= share;
        }
        0
    }

    fn notices_after(&mut self) -> Option<i64> {
        let mut place = self.0.next_u64() % 1000;
        let mut since = 0;
        for (share, until) in NOTICE {
            if place < share {
                return Some(self.between(since, until));
            }
            (place, since) = (place - share, until);
        }
        None
    }

    /// A victim. Every draw is made for each, so that two plans with one seed meet the same people.
    pub fn person(&mut self, challenged_in_vain: u64) -> Person {
        Person {
            balance: self.balance(),
            has_card: self.is_among(HAVE_CARD),
            is_verified: self.is_among(ARE_VERIFIED),
            card_line: self.between(CARD_LINE.0, CARD_LINE.1),
            notices_after: self.notices_after(),
            is_challenged_in_vain: self.is_among(challenged_in_vain),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_people_and_another_gives_others() {
        let people = |seed| {
            let mut dice = Dice::new(seed);
            (0..50).map(|_| format!("{:?}", dice.person(0))).collect::<Vec<_>>()
        };
        assert_eq!(people(1), people(1));
        assert_ne!(people(1), people(2));
    }

    #[test]
    fn shares_are_what_they_say() {
        assert_eq!(BALANCES.iter().map(|(share, ..)| share).sum::<u64>(), 1000);
        let mut dice = Dice::new(7);
        let people: Vec<Person> = (0..4000).map(|_| dice.person(100)).collect();
        let never = people.iter().filter(|person| person.notices_after.is_none()).count();
        assert!((300..500).contains(&never), "a tenth never notices: {never}");
        let soon = people.iter().filter_map(|person| person.notices_after);
        let soon = soon.filter(|after| *after < HOUR_MS).count();
        assert!((900..1100).contains(&soon), "a quarter does within an hour: {soon}");
    }
}
