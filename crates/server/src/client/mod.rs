//! The other side: a register and a member's device, as the demo, the bench and tests need them.
//! Plain HTTP to loopback; real registers and phones are not ours.

pub mod device;
pub mod http;
pub mod register;

pub use device::DeviceClient;
pub use register::RegisterClient;

use thiserror::Error;

/// Why a call has no answer.
#[derive(Debug, Error)]
pub enum ClientError {
    /// The connection failed or broke.
    #[error("the connection failed: {0}")]
    Connection(#[from] std::io::Error),
    /// The answer is no HTTP, or not what was expected.
    #[error("the answer is malformed: {0}")]
    Malformed(String),
    /// No outcome: a problem document.
    #[error("{}", .0.summary())]
    Problem(Box<Answer>),
    /// The device's key did not sign.
    #[error(transparent)]
    Key(#[from] crate::edge::proof::device_key::DeviceKeyError),
}

/// An answer as it came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// `Content-Type`.
    pub content_type: String,
    /// Whether it was given before.
    pub replayed: bool,
    /// `DPoP-Nonce`.
    pub nonce: Option<String>,
    /// The other headers that tests look at, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON; null where it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Status and refusal, for messages.
    pub fn summary(&self) -> String {
        let json = self.json();
        let refusal = json["refusal"].as_str().unwrap_or("no problem document");
        let detail = json["detail"].as_str().unwrap_or_default();
        format!("status {}, {refusal}: {detail}", self.status)
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}
