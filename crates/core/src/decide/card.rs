//! A card's request in the eyes of limits and rules.

use super::money_in::must_be_open;
use super::must;
use super::risk::{self, Judged, ToppingUp};
use crate::identity::FRESH_MS;
use crate::ids::FactId;
use crate::limits::{AskedTopUp, top_up_must_be_within};
use crate::policy::rule::{Rule, Verdict};
use crate::policy::{Known, Limited, Profile, Secured};
use crate::refusal::Refusal;
use crate::state::{Device, Member};
use crate::switches::Place;
use crate::top_up::{Card, ThreeDSecure, TopUp};
use crate::view::View;

/// Judges the requests of one member.
#[derive(Clone, Copy)]
pub(super) struct Judge<'a> {
    pub(super) view: &'a View,
    pub(super) member: &'a Member,
}

impl<'a> Judge<'a> {
    pub(super) fn must_be_open(&self) -> Result<(), Refusal> {
        must_be_open(&self.view.directory, self.member, self.view.now)
    }

    pub(super) fn card(&self, card: FactId) -> Result<&'a Card, Refusal> {
        let row = self.view.people.cards.get(&card);
        let row = row.filter(|row| row.member == self.member.number && row.is_active());
        row.ok_or(Refusal::CardMustExist)
    }

    /// What limits look at. Before the issuer was asked, the best is assumed; the judgement after
    /// it is the one that counts.
    pub(super) fn profile(
        &self,
        device: &Device,
        card: &Card,
        said: Option<ThreeDSecure>,
    ) -> Profile {
        let now = self.view.now;
        let secured = match said {
            Some(ThreeDSecure::Absent) => Secured::No,
            Some(ThreeDSecure::Frictionless | ThreeDSecure::Challenge) | None => Secured::Yes,
        };
        let new = card.is_new(self.view.directory.policy.cards.new_seconds, now);
        Profile {
            on: Limited::Card,
            three_d_secure: Some(secured),
            member: self.member.verification.into(),
            device: Some(Known::of(device.is_limited(now))),
            card: Some(Known::of(new)),
        }
    }

    pub(super) fn must_be_within(&self, asked: &AskedTopUp) -> Result<(), Refusal> {
        // What failed is here too: a velocity counts what was tried.
        let theirs = |row: &&TopUp| row.member == self.member.number;
        let all = self.view.people.top_ups.values().filter(theirs);
        top_up_must_be_within(&self.view.directory.policy, all, asked, self.view.now)
    }

    /// The rule that fits a top-up.
    pub(super) fn rule(&self, asked: &AskedTopUp, network: &[u8]) -> Option<&'a Rule> {
        let AskedTopUp { profile, amount, itself } = *asked;
        let place = Place { member: self.member.number, ..Place::default() };
        let (view, member) = (self.view, self.member);
        risk::of_top_up(view, &ToppingUp { member, profile, amount, place, network, itself })
    }

    pub(super) fn may_go_on(&self, row: &TopUp) -> Result<(&'a Device, &'a Card), Refusal> {
        self.must_be_open()?;
        let device = self.view.people.devices.get(&row.device).filter(|row| row.is_active());
        Ok((device.ok_or(Refusal::DeviceMustBeActive)?, self.card(row.card)?))
    }

    /// Whether what an issuer has said something of may be taken: the rule that fits, and for how
    /// many seconds it is held; or which rule says no, and why.
    pub(super) fn may_be_taken(
        &self,
        row: &TopUp,
        said: ThreeDSecure,
    ) -> Judged<'a, (Option<&'a Rule>, i64)> {
        let by_none = |refusal| (None, refusal);
        let (device, card) = self.may_go_on(row).map_err(by_none)?;
        let challenged = row.challenge == 0 || said == ThreeDSecure::Challenge;
        must(challenged, Refusal::CardMustBeChallenged).map_err(by_none)?;
        let profile = self.profile(device, card, Some(said));
        let asked = AskedTopUp { profile, amount: row.amount, itself: Some(row.id) };
        self.must_be_within(&asked).map_err(by_none)?;
        let rule = self.rule(&asked, &row.network);
        match rule.map(|rule| rule.then) {
            Some(Verdict::Decline) => return Err((rule, Refusal::RuleMustAllowTopUp)),
            // Nobody is there to be asked now: it counts that he was when he asked for it.
            Some(Verdict::Ask) => {
                let asked_at = row.id.at();
                let known = device.verified_at.plus_ms(FRESH_MS) > asked_at;
                must(known, Refusal::UserMustBeVerified).map_err(|refusal| (rule, refusal))?;
            }
            Some(Verdict::Allow | Verdict::Hold) | None => {}
        }
        Ok((rule, rule.and_then(|rule| rule.hold_seconds).unwrap_or(0)))
    }
}
