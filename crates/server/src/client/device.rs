//! A member's device: keeps a key, proves its requests, takes the nonce of each answer for the
//! next.

use std::net::SocketAddr;

use ring::rand::{SecureRandom, SystemRandom};
use serde::Deserialize;
use serde_json::json;
use yaoki_core::time::SECOND_MS;
use yaoki_store::Clock;

use super::http::{Connection, Request};
use super::{Answer, ClientError};
use crate::api::time;
use crate::edge::hex;
use crate::edge::proof::device_key::{DeviceKey, DeviceKeyError, ProofInput};
use crate::edge::proof::{self, sha256};

/// How far ahead `valid_until` of what is paid at a sign is, milliseconds.
const VALID_MS: i64 = 45 * SECOND_MS;

/// One device with one connection.
pub struct DeviceClient {
    connection: Connection,
    key: DeviceKey,
    token: Option<String>,
    nonce: Option<String>,
    random: SystemRandom,
    clock: Clock,
    /// What begins each `jti`: another program with the same key counts its proofs, too.
    name: String,
    proofs: u64,
    /// What it sends besides, such as the cookie that its browser kept.
    headers: Vec<(String, String)>,
}

/// A code as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ShownCode {
    /// 24 digits.
    pub digits: String,
    /// The digits in groups, for people.
    pub grouped: String,
    /// When the next one can be obtained.
    pub renew_at: String,
    /// When it stops paying.
    pub dies_at: String,
    /// Code 128, SVG.
    pub code128_svg: Option<String>,
    /// QR, SVG.
    pub qr_svg: Option<String>,
}

/// What is in a wallet.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Wallet {
    /// Minor units, open holds included.
    pub money: i64,
    /// Minor units of open holds.
    pub held: i64,
    /// What can be spent now.
    pub available: i64,
    /// Points.
    pub points: i64,
    /// ISO 4217.
    pub currency: String,
    /// Newest first.
    pub movements: Vec<serde_json::Value>,
}

/// Whose something scanned is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Shop {
    /// `order` or `sign`.
    pub mode: String,
    /// Number, name and place.
    pub store: serde_json::Value,
    /// Number and name.
    pub merchant: serde_json::Value,
    /// An order's, minor units.
    pub amount: Option<i64>,
    /// An order's.
    pub valid_until: Option<String>,
    /// An order's.
    pub request_id: Option<String>,
}

/// What a device is told when it is enrolled.
#[derive(Deserialize)]
struct Enrolled {
    device: String,
    member: String,
    token: String,
}

impl DeviceClient {
    /// A device with a new key that talks to `address`.
    ///
    /// # Errors
    /// When the source of randomness failed.
    pub fn new(address: SocketAddr, clock: Clock) -> Result<Self, ClientError> {
        let key = DeviceKey::generate(&SystemRandom::new())?;
        Self::with_key(address, clock, key)
    }

    /// A device with this key, such as a copy of another's.
    ///
    /// # Errors
    /// When the source of randomness failed.
    pub fn with_key(
        address: SocketAddr,
        clock: Clock,
        key: DeviceKey,
    ) -> Result<Self, ClientError> {
        let random = SystemRandom::new();
        let connection = Connection::new(address);
        let mut name = [0; 16];
        random.fill(&mut name).map_err(|_| DeviceKeyError::Random)?;
        let name = hex::text(&name);
        Ok(Self {
            connection,
            key,
            token: None,
            nonce: None,
            random,
            clock,
            name,
            proofs: 0,
            headers: Vec::new(),
        })
    }

    /// The device's key.
    pub const fn key(&self) -> &DeviceKey {
        &self.key
    }

    /// The token that the server gave; none before it is enrolled.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// Takes a token that was given to this key before.
    pub fn set_token(&mut self, token: String) {
        self.token = Some(token);
    }

    /// Sends this header from now on, in the place of one of its name.
    pub fn set_header(&mut self, name: &str, value: &str) {
        self.headers.retain(|(known, _)| known != name);
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    /// Enrols by a one-time link: the identifiers of device and member.
    ///
    /// # Errors
    /// [`ClientError`]; ask again with the same link.
    pub async fn enrol(&mut self, link_token: &str) -> Result<(String, String), ClientError> {
        self.token = None;
        let body = json!({ "link_token": link_token }).to_string();
        let answer = self.post("/v1/device/enrol", body.as_bytes()).await?;
        let enrolled: Enrolled = read(answer)?;
        self.token = Some(enrolled.token);
        // The nonce of a newcomer is no nonce of the device.
        self.nonce = None;
        Ok((enrolled.device, enrolled.member))
    }

    /// A code to show.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn code(&mut self, pictures: bool) -> Result<ShownCode, ClientError> {
        let body = json!({ "pictures": pictures }).to_string();
        read(self.post("/v1/device/code", body.as_bytes()).await?)
    }

    /// Balance and latest movements.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn wallet(&mut self) -> Result<Wallet, ClientError> {
        read(self.post("/v1/device/wallet", b"{}").await?)
    }

    /// Whose what was scanned is: `payload`, or the typed number of a `store`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn shop(&mut self, name: &str, value: &str) -> Result<Shop, ClientError> {
        let body = json!({ name: value }).to_string();
        read(self.post("/v1/device/shop", body.as_bytes()).await?)
    }

    /// The body that confirms what was scanned.
    pub fn confirmation(payload: &str, request_id: &str, amount: i64, until: &str) -> String {
        json!({
            "request_id": request_id,
            "payload": payload,
            "amount": amount,
            "currency": "JPY",
            "valid_until": until,
        })
        .to_string()
    }

    /// Confirms an order that was scanned, as the shop's answer tells it.
    ///
    /// # Errors
    /// [`ClientError`]; ask again with the same order.
    pub async fn confirm(&mut self, payload: &str) -> Result<Answer, ClientError> {
        let shop = self.shop("payload", payload).await?;
        let (request, until) = (shop.request_id.unwrap_or_default(), shop.valid_until);
        let until = until.unwrap_or_default();
        let amount = shop.amount.unwrap_or_default();
        let body = Self::confirmation(payload, &request, amount, &until);
        self.post("/v1/device/payments", body.as_bytes()).await
    }

    /// Pays `amount` at a sign that was scanned.
    ///
    /// # Errors
    /// [`ClientError`]; ask again with the same request id.
    pub async fn pay_at_sign(
        &mut self,
        payload: &str,
        request_id: &str,
        amount: i64,
    ) -> Result<Answer, ClientError> {
        let until = time::text((self.clock)().plus_ms(VALID_MS));
        let body = Self::confirmation(payload, request_id, amount, &until);
        self.post("/v1/device/payments", body.as_bytes()).await
    }

    /// Sends a frame of grey pixels, once more when the nonce was missing or old.
    ///
    /// # Errors
    /// When the connection fails.
    pub async fn frame(&mut self, target: &str, luma: &[u8]) -> Result<Answer, ClientError> {
        let octets = "application/octet-stream";
        let first = self.send(target, luma, octets).await?;
        if asks_for_nonce(&first) { self.send(target, luma, octets).await } else { Ok(first) }
    }

    /// Sends a proven request, once more when the nonce was missing or old.
    ///
    /// # Errors
    /// When the connection fails.
    pub async fn post(&mut self, path: &str, body: &[u8]) -> Result<Answer, ClientError> {
        let first = self.post_once(path, body).await?;
        if asks_for_nonce(&first) { self.post_once(path, body).await } else { Ok(first) }
    }

    /// Sends a proven request with the nonce that is at hand.
    ///
    /// # Errors
    /// When the connection fails.
    pub async fn post_once(&mut self, path: &str, body: &[u8]) -> Result<Answer, ClientError> {
        self.send(path, body, "application/json").await
    }

    async fn send(
        &mut self,
        path: &str,
        body: &[u8],
        content_type: &str,
    ) -> Result<Answer, ClientError> {
        let proof = self.proof("POST", path, body)?;
        let authorization = self.token.as_ref().map(|token| format!("DPoP {token}"));
        let mut headers = vec![("DPoP", proof.as_str()), ("Content-Type", content_type)];
        headers.extend(authorization.as_deref().map(|value| ("Authorization", value)));
        let more = self.headers.iter();
        headers.extend(more.map(|(name, value)| (name.as_str(), value.as_str())));
        let request = Request { method: "POST", target: path, headers: &headers, body };
        let answer = self.connection.send(&request).await?;
        if answer.nonce.is_some() {
            self.nonce.clone_from(&answer.nonce);
        }
        Ok(answer)
    }

    /// The proof of one request.
    ///
    /// # Errors
    /// When the source of randomness failed.
    pub fn proof(&mut self, method: &str, path: &str, body: &[u8]) -> Result<String, ClientError> {
        let body_digest = sha256(body);
        let host = self.connection.host();
        self.proofs += 1;
        let jti = format!("{}.{}", self.name, self.proofs);
        let input = ProofInput {
            request: proof::Request {
                method,
                scheme: "http",
                host,
                path,
                body_digest: &body_digest,
            },
            token: self.token.as_deref(),
            nonce: self.nonce.as_deref(),
            jti: &jti,
            issued_at_seconds: (self.clock)().0.div_euclid(SECOND_MS),
        };
        Ok(self.key.proof(&input, &self.random)?)
    }
}

fn asks_for_nonce(answer: &Answer) -> bool {
    answer.status == 401 && answer.json()["refusal"] == "nonce_must_be_fresh"
}

fn read<T: for<'a> Deserialize<'a>>(answer: Answer) -> Result<T, ClientError> {
    if answer.status != 200 {
        return Err(ClientError::Problem(Box::new(answer)));
    }
    let body = serde_json::from_slice(&answer.body);
    body.map_err(|error| ClientError::Malformed(error.to_string()))
}
