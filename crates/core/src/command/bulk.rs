//! Commands of credits in bulk.

use crate::bulk::{BulkRow, Node};
use crate::ids::{RequestId, RequestKey, TerminalNumber};

/// One row of credits in bulk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BulkCredit {
    /// What two operators agreed on: see [`RequestId::of_bulk`].
    pub bulk: RequestId,
    /// The row.
    pub row: BulkRow,
    /// What shows that it is in the file.
    pub path: Vec<Node>,
}

impl BulkCredit {
    /// The same however often the row is sent.
    pub fn key(&self) -> RequestKey {
        let request = RequestId::of_bulk_row(self.bulk, self.row.index);
        RequestKey { request, terminal: TerminalNumber::NONE }
    }
}
