//! What a register's request means.

use crate::facts::OperationKind;
use crate::ids::{FactId, RequestId, TerminalNumber};
use crate::money::Currency;
use crate::policy::rule::Goods;

/// The meaning of a register's request: what must be equal in a retry. Time stamps, free text and
/// the order of fields are no part of it.
#[derive(Clone, Debug)]
pub struct Meaning<'a> {
    /// What is asked.
    pub kind: OperationKind,
    /// Minor units; 0 where there is none.
    pub amount: i64,
    /// The currency.
    pub currency: Currency,
    /// The digits of the code; empty where there is none.
    pub code: &'a str,
    /// The payment, or none.
    pub payment: FactId,
    /// The request to reverse, or zeros.
    pub target: RequestId,
    /// The terminal of that request, where it is another's, or none.
    pub terminal: TerminalNumber,
    /// Seconds that a hold lasts; 0 where there is none.
    pub hold_seconds: i64,
    /// What is bought, as far as it is said.
    pub goods: Goods,
}

impl Meaning<'_> {
    /// 16 bytes of BLAKE3 keyed with the fingerprint key, so that a stored code cannot be guessed.
    pub fn fingerprint(&self, key: &[u8; 32]) -> [u8; 16] {
        let mut hasher = blake3::Hasher::new_keyed(key);
        for number in [self.kind.code(), self.amount, self.payment.0, self.hold_seconds] {
            hasher.update(&number.to_be_bytes());
        }
        hasher.update(self.currency.as_str().as_bytes());
        hasher.update(&self.target.0);
        hasher.update(self.code.as_bytes());
        // A code has digits only, so nothing else reads like this.
        if self.terminal.is_some() {
            hasher.update(b"terminal");
            hasher.update(&self.terminal.0.to_be_bytes());
        }
        if self.goods != Goods::NONE {
            hasher.update(b"goods");
            hasher.update(&self.goods.code().to_be_bytes());
        }
        let mut fingerprint = [0; 16];
        hasher.finalize_xof().fill(&mut fingerprint);
        fingerprint
    }
}
