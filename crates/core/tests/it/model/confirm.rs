//! The model's members, who pay what a shop shows.

use super::{Entry, Model, Payment, Stage, Step, Undo, store_of};

impl Model {
    /// A member pays what a shop shows. Nothing is remembered but success.
    pub(super) fn confirm(&mut self, step: &Step) -> String {
        let Step::Confirm { terminal, name, member, amount, sign, late } = *step else {
            panic!("{step:?} is no confirmation");
        };
        let store = store_of(terminal);
        // What is confirmed at a sign has a name of the member's own, and a terminal that registers
        // of this model never ask from.
        let at = if sign { if store == 1 { 1 } else { 3 } } else { terminal };
        let key = if sign { (-10 * member - store, name) } else { (terminal, name) };
        let meaning = format!("confirm {member} {sign} {amount}");
        if let Some(entry) = self.entries.get(&key) {
            let first = entry.meaning.as_deref().unwrap_or_default();
            return if first == meaning {
                format!("again {}", entry.answer)
            } else if first.starts_with(&format!("confirm {member} ")) {
                format!("refused request_id_has_another_meaning, first {}", entry.answer)
            } else {
                "refused order_is_settled".to_owned()
            };
        }
        let stores_terminals: &[i64] = if store == 1 { &[1, 2] } else { &[3] };
        let purse = &self.purses[&member];
        let open = |terminal: &i64| !self.suspended.contains(terminal) && !self.shut;
        let takes = if sign { stores_terminals.iter().any(open) } else { open(&terminal) };
        let refused = match () {
            () if late => "order_is_over",
            () if amount == 0 => "amount_must_be_in_range",
            () if purse.frozen || purse.closed => "member_must_be_open",
            () if !takes => "shop_takes_no_payments",
            () if purse.money - purse.held < amount => "balance_does_not_cover",
            () => "",
        };
        if !refused.is_empty() {
            return format!("refused {refused}");
        }
        self.purses.get_mut(&member).unwrap().money -= amount;
        *self.payable.get_mut(&store).unwrap() += amount;
        self.payments.push(Payment {
            terminal: at,
            member,
            held: 0,
            taken: amount,
            back: 0,
            stage: Stage::Paid,
            ends: self.now,
            expired: None,
        });
        // No register asked for what is paid at a sign, and the book says so.
        let at_sign = if sign { " at_sign" } else { "" };
        let answer = format!("pay {amount}{at_sign}");
        let undo = Undo::Begun(self.payments.len() - 1);
        let entry = Entry { meaning: Some(meaning), answer: answer.clone(), undo, at: self.now };
        self.entries.insert(key, entry);
        answer
    }
}
