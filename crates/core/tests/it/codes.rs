//! The one-time code: layout, life, strength, and what guessing is worth.

use std::collections::BTreeSet;

use proptest::prelude::*;

use yaoki_core::code::{
    CODE_DIGITS, CodeCipher, CodeRules, CodeSettingError, SLOT_EARLY_MS, SLOT_MS, TagJudgement,
};
use yaoki_core::ids::{FactId, MemberNumber};
use yaoki_core::state::{CodeSecret, Member};
use yaoki_core::time::Instant;

use crate::world::{NOON, World};

const KEY: [u8; 32] = [11; 32];

fn rules() -> CodeRules {
    CodeRules::new("9900", 120).unwrap()
}

/// A member with a paying device, whose secret follows from the number.
fn member(number: i64) -> Member {
    let code_secret = CodeSecret(*blake3::hash(&number.to_be_bytes()).as_bytes());
    Member { device: FactId(1), code_secret, ..Member::new(MemberNumber(number)) }
}

fn cipher(rules: CodeRules) -> CodeCipher {
    CodeCipher::new(rules, &KEY, None)
}

/// What the member's code of `shown_at` is worth at `now`.
fn worth(rules: &CodeRules, member: &Member, shown_at: Instant, now: Instant) -> TagJudgement {
    let cipher = cipher(rules.clone());
    let shown = cipher.issue(member, shown_at).unwrap();
    let (handle, tag) = cipher.open(&shown.digits).unwrap().candidates[0].unwrap();
    assert_eq!(handle, member.number);
    rules.judge(member, tag, now)
}

/// A generator of our own, so that a seed means the same for ever (`SplitMix64`).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Digits of a well-formed code whose body is drawn at random.
    fn guess(&mut self, prefix: &str, body_digits: usize) -> String {
        let mut payload = prefix.to_owned();
        payload.extend(
            (0..body_digits)
                .map(|_| char::from_digit(u32::try_from(self.next() % 10).unwrap(), 10).unwrap()),
        );
        let check = ('0'..='9').find(|check| {
            let digits = format!("{payload}{check}");
            luhn_holds(&digits)
        });
        payload.push(check.unwrap());
        payload
    }
}

/// ISO/IEC 7812-1, written again.
fn luhn_holds(digits: &str) -> bool {
    let places = digits.bytes().rev().map(|byte| u32::from(byte - b'0')).enumerate();
    let sum: u32 = places
        .map(|(place, digit)| if place % 2 == 1 { digit * 2 / 10 + digit * 2 % 10 } else { digit })
        .sum();
    sum.is_multiple_of(10)
}

/// How many of `guesses` random codes pay when every handle is a member: the handle's share of the
/// formula is then 1, and live slots ÷ 10^tag digits is left.
fn accepted(tag_digits: usize, guesses: u32, now: Instant, seed: u64) -> u32 {
    let rules = CodeRules::with_tag_digits("9900", 120, tag_digits);
    let cipher = cipher(rules.clone());
    let mut chance = Chance(seed);
    let pays = |guess: String| {
        let (handle, tag) = cipher.open(&guess).unwrap().candidates[0].unwrap();
        handle.is_some() && rules.judge(&member(handle.0), tag, now) == TagJudgement::Live
    };
    let paid = (0..guesses).filter(|_| pays(chance.guess("9900", 10 + tag_digits)));
    u32::try_from(paid.count()).unwrap()
}

#[test]
fn random_guesses_pay_as_often_as_the_formula_says() {
    // 4 live slots, and 5 in the last two seconds of a slot. Bounds: 4 standard deviations.
    let late_in_slot = NOON.plus_ms(SLOT_MS - 1000);
    let cases = [
        (2, 20_000, NOON, 4, 800, 111),
        (2, 20_000, late_in_slot, 5, 1000, 123),
        (3, 20_000, NOON, 4, 80, 36),
        (4, 20_000, NOON, 4, 8, 11),
    ];
    for (tag_digits, guesses, now, live, expected, tolerance) in cases {
        assert_eq!(guesses * live / 10_u32.pow(u32::try_from(tag_digits).unwrap()), expected);
        let paid = accepted(tag_digits, guesses, now, 2018);
        assert!(paid.abs_diff(expected) <= tolerance, "{tag_digits} digits: {paid}");
    }
    let most = i64::from(cases.map(|case| case.3).into_iter().max().unwrap());
    assert_eq!(rules().live_slots(), most, "the strength check counts the worst moment");
}

#[test]
fn a_guess_at_full_length_pays_never() {
    assert_eq!(accepted(9, 3000, NOON, 7), 0);
}

#[test]
fn at_a_small_body_another_epoch_or_a_dead_slot_pays_by_chance_only() {
    // Codes of other epochs and of dead slots pay no more often than random digits do.
    let rules = CodeRules::with_tag_digits("9900", 120, 3);
    let member = member(5);
    let live: BTreeSet<u64> =
        (0..4).map(|back| tag(&rules, &member, NOON.plus_ms(-back * SLOT_MS))).collect();
    let mut paid = 0;
    for number in 1..=2000 {
        let other_epoch = Member { code_epoch: 1 + number, ..member.clone() };
        let shown_at = Instant(NOON.0 + (number + 1) * SLOT_MS);
        let dead = Instant(NOON.0 - (number + 3) * SLOT_MS);
        let tags = [
            tag(&rules, &other_epoch, NOON),
            tag(&rules, &member, shown_at),
            tag(&rules, &member, dead),
        ];
        for tag in tags {
            let pays = rules.judge(&member, tag, NOON) == TagJudgement::Live;
            assert_eq!(pays, live.contains(&tag), "only what equals a live tag pays");
            paid += i64::from(pays);
        }
    }
    assert!((24 - 20..=24 + 20).contains(&paid), "6,000 codes, 4 in 1,000 by chance: {paid}");
}

fn tag(rules: &CodeRules, member: &Member, shown_at: Instant) -> u64 {
    let cipher = cipher(rules.clone());
    let shown = cipher.issue(member, shown_at).unwrap();
    cipher.open(&shown.digits).unwrap().candidates[0].unwrap().1
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config(2000))]

    #[test]
    fn a_photographed_code_never_pays_after_its_life(
        number in 1..=9_999_999_999_i64,
        shown in 0..SLOT_MS,
        later in prop_oneof![120_000..600_000_i64, 120_000..=300_000_000_000_i64],
    ) {
        let shown_at = NOON.plus_ms(shown);
        let dies_at = cipher(rules()).issue(&member(number), shown_at).unwrap().dies_at;
        for now in [shown_at.plus_ms(later), dies_at] {
            let found = worth(&rules(), &member(number), shown_at, now);
            prop_assert!(found != TagJudgement::Live, "{found:?}");
        }
    }

    #[test]
    fn a_photographed_code_never_pays_at_any_whole_number_of_slots_later(
        slots in prop_oneof![4..20_000_i64, 4..=i64::from(u32::MAX)],
        power in 0..33_u32,
    ) {
        for slots in [slots, 4.max(1 << power)] {
            let found = worth(&rules(), &member(5), NOON, NOON.plus_ms(slots * SLOT_MS));
            prop_assert!(found != TagJudgement::Live, "after {slots} slots: {found:?}");
        }
    }

    #[test]
    fn a_code_of_another_epoch_never_pays(epoch in 2..1_000_000_i64, slot in -3..=0_i64) {
        let other = Member { code_epoch: epoch, ..member(5) };
        let tag = tag(&rules(), &other, NOON.plus_ms(slot * SLOT_MS));
        prop_assert!(rules().judge(&member(5), tag, NOON) != TagJudgement::Live);
    }

    #[test]
    fn a_code_of_another_secret_or_another_member_never_pays(number in 6..=9_999_999_999_i64) {
        let tag = tag(&rules(), &member(number), NOON);
        prop_assert_eq!(rules().judge(&member(5), tag, NOON), TagJudgement::Forged);
    }

    #[test]
    fn what_is_issued_opens_and_is_live(number in 1..=9_999_999_999_i64, at in 0..10_000_000_i64) {
        let now = NOON.plus_ms(at);
        prop_assert_eq!(worth(&rules(), &member(number), now, now), TagJudgement::Live);
    }

    #[test]
    fn any_digits_open_or_do_not_and_never_panic(digits in "[0-9]{0,30}", text in "\\PC{0,40}") {
        let cipher = cipher(rules());
        for presented in [digits.as_str(), text.as_str(), &format!("9900{digits}")] {
            if let Some(opened) = cipher.open(presented) {
                prop_assert!(luhn_holds(presented) && presented.len() == CODE_DIGITS);
                prop_assert!(opened.candidates[0].is_some() && opened.candidates[1].is_none());
            }
        }
    }
}

#[test]
fn a_code_lives_for_its_lifetime_and_two_seconds_before_its_slot() {
    for lifetime in (30..=300).step_by(30) {
        let rules = CodeRules::new("9900", lifetime).unwrap();
        let worth = |ms| worth(&rules, &member(5), NOON, NOON.plus_ms(ms));
        assert_eq!(worth(-SLOT_EARLY_MS), TagJudgement::Live);
        assert_eq!(worth(-SLOT_EARLY_MS - 1), TagJudgement::Forged, "too early to be known");
        assert_eq!(worth(lifetime * 1000 - 1), TagJudgement::Live);
        assert_eq!(worth(lifetime * 1000), TagJudgement::Stale);
        let issued = cipher(rules.clone()).issue(&member(5), NOON.plus_ms(SLOT_MS - 1)).unwrap();
        assert_eq!(issued.dies_at, NOON.plus_ms(lifetime * 1000));
        assert_eq!(issued.renew_at, NOON.plus_ms(SLOT_MS));
    }
}

#[test]
fn a_slot_shows_one_code_and_the_next_another() {
    let issue = |ms| cipher(rules()).issue(&member(5), NOON.plus_ms(ms)).unwrap().digits;
    assert_eq!(issue(0), issue(SLOT_MS - 1));
    assert_ne!(issue(0), issue(SLOT_MS));
}

#[test]
fn of_two_codes_of_a_device_the_other_dies_when_one_is_spent() {
    for (spent, other) in [("x", "y"), ("y", "x")] {
        for verb in ["pay", "authorize"] {
            let mut world = World::new();
            world.play(&format!("show x; wait 30s; show y; {verb} a 100 code {spent} @3"));
            assert_ne!(world.shown["x"], world.shown["y"]);
            for code in [spent, other] {
                let said = world.play(&format!("pay z{code} 100 code {code}"));
                assert_eq!(said, "declined code_not_valid", "{spent} was spent, then {code}");
            }
        }
    }
}

#[test]
fn a_code_dies_with_its_epoch_and_is_stale_for_an_hour() {
    let judge = |change: fn(&mut Member), now| {
        let mut later = member(5);
        change(&mut later);
        rules().judge(&later, tag(&rules(), &member(5), NOON), now)
    };
    let raise = |by: i64| -> fn(&mut Member) {
        match by {
            0 => |_| {},
            1 => |member| member.code_epoch += 1,
            3 => |member| member.code_epoch += 3,
            _ => |member| member.code_epoch += 4,
        }
    };
    assert_eq!(judge(raise(0), NOON), TagJudgement::Live);
    assert_eq!(judge(raise(1), NOON), TagJudgement::Stale);
    assert_eq!(judge(raise(3), NOON), TagJudgement::Stale);
    assert_eq!(judge(raise(4), NOON), TagJudgement::Forged);
    let hour = NOON.plus_ms(3_600_000);
    assert_eq!(judge(raise(0), hour), TagJudgement::Stale);
    assert_eq!(judge(raise(0), hour.plus_ms(SLOT_MS)), TagJudgement::Forged);
    assert_eq!(judge(|member| member.device = FactId::NONE, NOON), TagJudgement::Stale);
    let spent = |member: &mut Member| {
        member.last_epoch = member.code_epoch;
        member.code_epoch += 1;
    };
    assert_eq!(judge(spent, NOON), TagJudgement::Spent);
    assert_eq!(judge(spent, NOON.plus_ms(120_000)), TagJudgement::Stale);
    let never = Member::new(MemberNumber(5));
    let shown = tag(&rules(), &Member { device: FactId(1), ..never.clone() }, NOON);
    assert_eq!(rules().judge(&never, shown, NOON), TagJudgement::Forged, "never had a device");
}

#[test]
fn settings_are_refused_at_one_in_a_billion() {
    let strength = |prefix, lifetime, devices, rotating| {
        CodeRules::new(prefix, lifetime).unwrap().check_strength(devices, rotating).is_ok()
    };
    // Devices × live slots (lifetime ÷ 30 + 1) × keys ÷ 10^body must be under 1e-9.
    for (prefix, lifetime, devices, rotating, good) in [
        ("9900", 120, 10_000_000, true, true),
        ("9900", 300, 100_000_000, true, true),
        ("9900", 120, 1_999_999_999, false, true),
        ("9900", 120, 2_000_000_000, false, false),
        ("99001", 120, 100_000_000, true, false),
        ("99001", 120, 99_999_999, true, true),
        ("990012", 120, 10_000_000, true, false),
        ("990012", 120, 9_999_999, true, true),
        ("990012", 120, 19_999_999, false, true),
        ("990012", 120, 20_000_000, false, false),
        ("990012", 300, 9_999_999, true, false),
        ("990012", 30, 0, true, true),
        ("990012", 30, -1, true, true),
    ] {
        assert_eq!(strength(prefix, lifetime, devices, rotating), good, "{prefix} {devices}");
    }
}

#[test]
fn settings_out_of_range_are_refused() {
    for prefix in ["", "990", "9900123", "99a0", "９９００"] {
        let found = CodeRules::new(prefix, 120).unwrap_err();
        assert_eq!(found, CodeSettingError::PrefixMustBe4To6Digits, "{prefix}");
    }
    for (prefix, issuer) in [("9000", "LINE Pay"), ("900001", "Rakuten Pay"), ("2800", "Alipay")] {
        let found = CodeRules::new(prefix, 120).unwrap_err();
        assert_eq!(found, CodeSettingError::PrefixMustBeOurs(issuer), "{prefix}");
    }
    for lifetime in [0, -30, 29, 31, 45, 301, 330] {
        let found = CodeRules::new("9900", lifetime).unwrap_err();
        assert_eq!(found, CodeSettingError::LifetimeMustBe30To300Seconds, "{lifetime}");
    }
}

#[test]
fn one_wrong_digit_is_always_caught() {
    let cipher = cipher(rules());
    for number in [1, 77, 9_999_999_999] {
        let digits = cipher.issue(&member(number), NOON).unwrap().digits;
        assert!(cipher.open(&digits).is_some() && luhn_holds(&digits));
        for place in 0..CODE_DIGITS {
            for wrong in "0123456789".chars().filter(|&wrong| !digits[place..].starts_with(wrong)) {
                let mut mistyped = digits.clone();
                mistyped.replace_range(place..=place, &wrong.to_string());
                assert_eq!(cipher.open(&mistyped), None, "{mistyped} for {digits}");
            }
        }
    }
}

#[test]
fn no_two_payments_show_equal_codes() {
    let cipher = cipher(rules());
    let mut seen = BTreeSet::new();
    for number in 1..=40 {
        for epoch in 1..=20 {
            let member = Member { code_epoch: epoch, ..member(number) };
            for slot in 0..10 {
                let code = cipher.issue(&member, NOON.plus_ms(slot * SLOT_MS)).unwrap().digits;
                assert!(seen.insert(code), "member {number}, epoch {epoch}, slot {slot}");
            }
        }
    }
}

#[test]
fn a_code_says_nothing_about_its_member() {
    // Neighbours in number, slot or epoch share no more leading digits than chance gives.
    let cipher = cipher(rules());
    let body = |number, slot: i64| {
        let digits = cipher.issue(&member(number), NOON.plus_ms(slot * SLOT_MS)).unwrap().digits;
        digits[4..14].to_owned()
    };
    let mut same = 0;
    for number in 1..=500 {
        for (other, slot) in [(number + 1, 0), (number, 1)] {
            let pairs = body(number, 0);
            same += pairs.bytes().zip(body(other, slot).bytes()).filter(|(a, b)| a == b).count();
        }
    }
    assert!((850..1150).contains(&same), "10,000 pairs of digits, one in ten equal: {same}");
}

/// The published vectors: computed by a program of our own in another language, from NIST SP
/// 800-38G and the BLAKE3 paper, not with this crate.
const VECTORS: [(&str, i64, i64, i64, &str); 3] = [
    ("9900", 1, 58_907_880, 1, "990083871874347638363832"),
    ("9900", 1_234_567_890, 58_907_881, 7, "990041646918657492589818"),
    ("990012", 9_999_999_999, 58_907_880, 2, "990012456096985842693433"),
];

#[test]
fn the_layout_on_the_wire_is_the_published_one() {
    let key: [u8; 32] = std::array::from_fn(|place| u8::try_from(place).unwrap());
    let secret = CodeSecret(key.map(|byte| byte + 32));
    for (prefix, number, slot, code_epoch, digits) in VECTORS {
        let cipher = CodeCipher::new(CodeRules::new(prefix, 120).unwrap(), &key, None);
        let member = Member { code_epoch, code_secret: secret, ..member(number) };
        let issued = cipher.issue(&member, Instant(slot * SLOT_MS)).unwrap();
        assert_eq!(issued.digits, digits);
        assert_eq!(cipher.open(digits).unwrap().candidates[0].unwrap().0, member.number);
    }
}

#[test]
fn ff1_is_the_one_of_nist() {
    // SP 800-38G, FF1 samples, sample 7: AES-256, radix 10, empty tweak.
    let key = *b"\x2B\x7E\x15\x16\x28\xAE\xD2\xA6\xAB\xF7\x15\x88\x09\xCF\x4F\x3C\
                 \xEF\x43\x59\xD8\xD5\x80\xAA\x4F\x7F\x03\x6D\x6F\x04\xFC\x6A\x94";
    let ff1 = fpe::ff1::FF1::<aes::Aes256>::new(&key, 10).unwrap();
    let plain = fpe::ff1::FlexibleNumeralString::from((0..10).collect::<Vec<u16>>());
    let body = Vec::<u16>::from(ff1.encrypt(&[], &plain).unwrap());
    assert_eq!(body, [6, 6, 5, 7, 6, 6, 7, 0, 0, 9]);
}

#[test]
fn a_code_of_the_key_before_pays_while_a_rotation_keeps_that_key() {
    let (old, new) = ([1; 32], [2; 32]);
    let mut world = World::new();
    let digits = world.code(MemberNumber(1));
    let rotating = CodeCipher::new(rules(), &new, Some(&old));
    let opened = rotating.open(&digits).unwrap();
    assert_eq!(opened.candidates[1].unwrap().0, MemberNumber(1));
    let pay = |world: &World, name: &str, opened| match world.command(&format!("pay {name} 100")) {
        yaoki_core::command::Command::PayWithCode(mut pay) => {
            pay.code = opened;
            yaoki_core::command::Command::PayWithCode(pay)
        }
        other => panic!("{other:?}"),
    };
    let over = CodeCipher::new(rules(), &new, None).open(&digits);
    let command = pay(&world, "a", over);
    let answer = world.run(&[command]).remove(0);
    assert_eq!(world.say(&answer), "declined code_not_valid forged");
    let command = pay(&world, "b", Some(opened));
    let answer = world.run(&[command]).remove(0);
    assert_eq!(world.say(&answer), "pay 100");
    let fresh = rotating.issue(&world.members[&MemberNumber(1)], NOON).unwrap().digits;
    let by_new = CodeCipher::new(rules(), &new, None).open(&fresh).unwrap();
    assert_eq!(by_new.candidates[0].unwrap().0, MemberNumber(1), "issued under the new key");
}

#[test]
fn debug_output_holds_no_digits_and_no_secret() {
    let issued = cipher(rules()).issue(&member(5), NOON).unwrap();
    let text = format!("{issued:?} {:?} {:?}", cipher(rules()), member(5));
    assert!(!text.contains(&issued.digits) && text.contains("[redacted]"), "{text}");
}
