//! Storage of Yaoki: the only SQL. Synchronous. SQLite and PostgreSQL behind one enum,
//! [`conn::Conn`].
//!
//! | module               | what it is                                                     |
//! | -------------------- | -------------------------------------------------------------- |
//! | [`book`]             | an open book: submit a command, run a read, health             |
//! | `queue`, `lane`      | the line in front of a lane, and the thread that empties it    |
//! | `batch`, `save`      | one commit: load, decide, save                                 |
//! | `follow`, `maintain` | lists and balances behind a position; heartbeat, log size      |
//! | [`position`]         | where followers outside of the lanes are                       |
//! | [`outbox`], `errand` | messages that wait; short commits between batches              |
//! | `line`               | what waits in line for such a commit, and for how long         |
//! | `lease`              | which node writes which lane                                   |
//! | [`read`]             | what pages and reports ask                                     |
//! | [`conn`], [`table`], [`sql`] | the two storages, the tables, every statement          |
//! | [`migrate`]          | the numbered schema                                            |
//! | [`backup`]           | backup while serving, restore, opening after it                |
//! | [`verify`]           | is everything what the facts give, are these the facts         |

pub mod answer;
pub mod backup;
mod batch;
pub mod book;
mod checkpointer;
pub mod clock;
pub mod conn;
pub mod database;
mod errand;
pub mod error;
mod follow;
mod lane;
mod lease;
mod line;
mod maintain;
pub mod migrate;
pub mod outbox;
pub mod position;
mod queue;
pub mod read;
mod reading;
mod save;
pub mod sql;
pub mod table;
#[cfg(feature = "testing")]
pub mod testing;
pub mod verify;

pub use answer::{Answer, Reply, Unknown};
pub use book::{Book, BookOptions, Clock, Health, Zone};
pub use conn::Conn;
pub use database::Database;
pub use error::StoreError;
pub use migrate::create;
pub use queue::Part;
pub use table::BookKind;
