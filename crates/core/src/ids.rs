//! Identifiers. Numbers of people, shops and accounts are small and given in order; facts carry an
//! [`FactId`] that says when and in which lane they were booked.

use crate::row::{Field, Kind, Source, Value};
use crate::time::Instant;

macro_rules! number {
    ($($(#[$meta:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub i64);

        impl $name {
            /// No such thing: zero, which is never given out.
            pub const NONE: Self = Self(0);

            /// Whether this names anything.
            pub const fn is_some(self) -> bool {
                self.0 != 0
            }
        }

        impl Field for $name {
            const KIND: Kind = Kind::Int;
            fn value(&self) -> Value<'_> {
                Value::Int(self.0)
            }
            fn read<S: Source>(source: &S, index: usize) -> Result<Self, String> {
                source.int(index).map(Self)
            }
        }
    )+};
}

number! {
    /// A member's number, 1 to 9,999,999,999: the ten digits inside a one-time code.
    MemberNumber,
    /// A merchant's number: who is paid.
    MerchantNumber,
    /// A store's number: where it is paid.
    StoreNumber,
    /// A terminal's number: the register that asked.
    TerminalNumber,
    /// A webhook endpoint's number: where a merchant is told of what happened.
    WebhookNumber,
    /// An operator's number: who works at the console.
    OperatorNumber,
    /// A clerk's number: who gives money back at a register.
    ClerkNumber,
    /// A lane's number, 0 to 1023.
    LaneNumber,
    /// A fact: 41 bits of milliseconds since 2020, 10 bits of lane, 12 bits of sequence.
    FactId,
}

/// The largest member number: ten digits.
pub const MEMBER_NUMBER_MAX: i64 = 9_999_999_999;
/// The largest lane number: ten bits.
pub const LANE_NUMBER_MAX: i64 = 1023;

const LANE_SHIFT: u32 = 12;
const TIME_SHIFT: u32 = 22;
const SEQUENCE_MAX: i64 = 4095;
/// 2020-01-01T00:00:00Z in Unix milliseconds: where the 41 bits start (they end in September 2089).
const EPOCH_MS: i64 = 1_577_836_800_000;

impl FactId {
    /// The first id of this lane at this time.
    pub fn first(lane: LaneNumber, at: Instant) -> Self {
        assert!((0..=LANE_NUMBER_MAX).contains(&lane.0), "a lane has ten bits");
        assert!(at.0 >= EPOCH_MS, "no fact is booked before 2020");
        Self(((at.0 - EPOCH_MS) << TIME_SHIFT) | (lane.0 << LANE_SHIFT))
    }

    /// The least id that a fact of this time or a later one can have. None is of before 2020.
    pub fn least(at: Instant) -> Self {
        Self::first(LaneNumber(0), Instant(at.0.max(EPOCH_MS)))
    }

    /// When the fact was booked.
    pub const fn at(self) -> Instant {
        Instant((self.0 >> TIME_SHIFT) + EPOCH_MS)
    }

    /// In which lane it was booked.
    pub const fn lane(self) -> LaneNumber {
        LaneNumber((self.0 >> LANE_SHIFT) & LANE_NUMBER_MAX)
    }

    /// The first of `count` consecutive ids of `lane`, later than `self` and not before `now`. A
    /// block never crosses a millisecond, so the ids after the first are `first + 1`, `first + 2`…
    #[must_use]
    pub fn next_block(self, lane: LaneNumber, now: Instant, count: i64) -> Self {
        assert!((1..=SEQUENCE_MAX).contains(&count), "a block is 1 to 4,095 ids");
        let earliest = Self::first(lane, now);
        if self.0 < earliest.0 {
            return earliest;
        }
        assert!(self.lane() == lane, "the last id is of the lane that asks");
        if (self.0 & SEQUENCE_MAX) + count <= SEQUENCE_MAX {
            return Self(self.0 + 1);
        }
        Self::first(lane, Instant(self.at().0 + 1))
    }

    /// The `n`-th id after this one, inside one block.
    #[must_use]
    pub const fn plus(self, n: i64) -> Self {
        Self(self.0 + n)
    }
}

/// A request id that a caller made and kept before sending: 16 bytes, a UUID (version 7 is
/// advised).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub [u8; 16]);

impl Field for RequestId {
    const KIND: Kind = Kind::Bytes;
    fn value(&self) -> Value<'_> {
        Value::Bytes(&self.0)
    }
    fn read<S: Source>(source: &S, index: usize) -> Result<Self, String> {
        <[u8; 16]>::read(source, index).map(Self)
    }
}

impl RequestId {
    /// A request id made from what it is for, so that doing a job twice does it once.
    pub fn deterministic(purpose: &str, number: i64) -> Self {
        Self::derived("yaoki job request 1", &[purpose.as_bytes(), &[0], &number.to_be_bytes()])
    }

    /// A request id of its own for each `context` and what is in it; parts are of fixed lengths, or
    /// end where another can begin.
    fn derived(context: &str, parts: &[&[u8]]) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key(context);
        for part in parts {
            hasher.update(part);
        }
        let mut bytes = [0; 16];
        hasher.finalize_xof().fill(&mut bytes);
        Self(bytes)
    }
}

impl RequestId {
    /// The id of a step of a top-up: the same on every node.
    pub fn of_step(step: &str, top_up: FactId) -> Self {
        Self::derived("yaoki top-up step 1", &[step.as_bytes(), &[0], &top_up.0.to_be_bytes()])
    }

    /// The id of a step that an acquirer has named itself, such as a dispute.
    pub fn of_reference(step: &str, reference: &str) -> Self {
        let parts: [&[u8]; 3] = [step.as_bytes(), &[0], reference.as_bytes()];
        Self::derived("yaoki acquirer's reference 1", &parts)
    }

    /// The id of the event that names the clerk of an operation.
    pub fn of_clerks_act(operation: FactId) -> Self {
        Self::deterministic("clerk of an operation", operation.0)
    }

    /// The id of credits in bulk: of what they are called and of their root, so that the same is
    /// agreed on once.
    pub fn of_bulk(name: &str, root: &[u8; 32]) -> Self {
        Self::derived("yaoki bulk 1", &[name.trim().as_bytes(), &[0], root])
    }

    /// The id under which a row of a bulk is credited: the same however often it is sent.
    pub fn of_bulk_row(bulk: Self, index: i64) -> Self {
        Self::derived("yaoki bulk row 1", &[&bulk.0, &index.to_be_bytes()])
    }

    /// The id of the event that says which rule fitted an operation.
    pub fn of_rule(operation: FactId) -> Self {
        Self::deterministic("rule of an operation", operation.0)
    }

    /// The id under which a clerk signs in or out at a terminal: no other terminal's is the same.
    pub fn of_clerk(terminal: TerminalNumber, asked: Self) -> Self {
        Self::derived("yaoki clerk request 1", &[&terminal.0.to_be_bytes(), &asked.0])
    }

    /// The id under which a terminal renews its key: no other terminal's is the same.
    pub fn of_renewal(terminal: TerminalNumber, asked: Self) -> Self {
        Self::derived("yaoki terminal key request 1", &[&terminal.0.to_be_bytes(), &asked.0])
    }

    /// The id of the event that keeps the proof of a payment.
    pub fn of_proof(key: RequestKey) -> Self {
        let parts: [&[u8]; 2] = [&key.request.0, &key.terminal.0.to_be_bytes()];
        Self::derived("yaoki payment proof 1", &parts)
    }

    /// The id of an event that the same request books after its first: its `place`.
    pub fn following(request: Self, place: usize) -> Self {
        let place = u64::try_from(place).expect("a place is small").to_be_bytes();
        Self::derived("yaoki following event 1", &[&request.0, &place])
    }

    /// The id of what `member` confirms at a store's sign, made from what his device made. Nobody
    /// can choose `request` so that it is the id of somebody's order.
    pub fn of_member(member: MemberNumber, request: Self) -> Self {
        Self::derived("yaoki request of a member 1", &[&member.0.to_be_bytes(), &request.0])
    }
}

/// The key under which a register's request is remembered for as long as the ledger lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestKey {
    /// What the register made.
    pub request: RequestId,
    /// The terminal that sent it; none for jobs and operators.
    pub terminal: TerminalNumber,
}

#[cfg(test)]
mod tests {
    use super::*;

    const LANE: LaneNumber = LaneNumber(5);
    const NOW: Instant = Instant(EPOCH_MS + 1000);

    #[test]
    fn an_id_says_when_and_in_which_lane() {
        let id = FactId::NONE.next_block(LANE, NOW, 2);
        assert_eq!((id.at(), id.lane()), (NOW, LANE));
        assert_eq!(id.next_block(LANE, NOW, 1), FactId(id.0 + 1));
    }

    #[test]
    fn ids_never_go_back_when_the_clock_does() {
        let id = FactId::NONE.next_block(LANE, NOW, 1);
        assert!(id.next_block(LANE, Instant(NOW.0 - 500), 1) > id);
    }

    #[test]
    fn a_block_never_crosses_a_millisecond() {
        let mut id = FactId::first(LANE, NOW);
        for _ in 0..10_000 {
            let next = id.next_block(LANE, NOW, 3);
            assert!(next > id);
            assert_eq!(next.at(), next.plus(2).at());
            assert_eq!(next.plus(2).lane(), LANE);
            id = next.plus(2);
        }
    }
}
