//! What a submitted command is answered with.

use yaoki_core::decide::{Outcome, Refused};

/// The answer to a submitted command. Said only after the commit is on disk.
#[derive(Debug)]
pub enum Answer {
    /// Decided, now or before.
    Decided(Outcome),
    /// Refused without a record.
    Refused(Refused),
    /// Nothing can be said: ask again with the same request id, or reverse.
    Unknown(Unknown),
}

/// Why nothing can be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// The queue is full; the command was not taken.
    QueueFull,
    /// The deadline passed in the queue; the command was not run and never will be.
    DeadlinePassed,
    /// The command made `decide` panic; its request id is refused for ten minutes.
    Poisoned,
    /// Other commands kept getting in the way.
    TooManyTries,
    /// The storage failed; the command may or may not be on disk.
    StorageFailed,
    /// The node is stopping; the command was not run.
    Stopping,
    /// The storage has no room for new writes; the command was not run.
    NoRoom,
    /// The book was restored and is closed until two people open it; the command was not run.
    Closed,
    /// The node's clock is not that of the database or of the book; the command was not run.
    ClockIsOff,
}

impl Unknown {
    /// Every reason.
    pub const ALL: [Self; 9] = [
        Self::QueueFull,
        Self::DeadlinePassed,
        Self::Poisoned,
        Self::TooManyTries,
        Self::StorageFailed,
        Self::Stopping,
        Self::NoRoom,
        Self::Closed,
        Self::ClockIsOff,
    ];

    /// What happened, as a sentence.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::QueueFull => "The queue is full; the request was not taken.",
            Self::DeadlinePassed => "The deadline passed before the request was decided.",
            Self::Poisoned => "The request cannot be decided because of a fault of ours.",
            Self::TooManyTries => "Other requests kept getting in the way.",
            Self::StorageFailed => "The storage failed while the request was being written.",
            Self::Stopping => "The server is stopping; the request was not run.",
            Self::NoRoom => "The storage must have room before new requests are taken.",
            Self::Closed => "The book was restored and is closed until two people open it.",
            Self::ClockIsOff => "The server's clock must be right before it decides requests.",
        }
    }

    /// After how many seconds it makes sense to ask again.
    pub const fn retry_after_seconds(self) -> u32 {
        match self {
            Self::QueueFull | Self::DeadlinePassed | Self::TooManyTries => 1,
            Self::StorageFailed | Self::Stopping => 3,
            Self::ClockIsOff => 5,
            Self::NoRoom | Self::Closed => 30,
            Self::Poisoned => 600,
        }
    }
}

/// How an answer gets back to who asked. Called on the lane's thread: it must only hand over.
pub type Reply = Box<dyn FnOnce(Answer) + Send>;
