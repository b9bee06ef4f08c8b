//! A register: signs its requests, and never takes silence for an answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;
use yaoki_core::time::SECOND_MS;
use yaoki_store::Clock;

use super::http::{Connection, Request};
use super::{Answer, ClientError};
use crate::api::time;
use crate::edge::signature::{self, RequestParts};

/// How far ahead a register's `valid_until` is, milliseconds.
const VALID_MS: i64 = 45 * SECOND_MS;

/// Who a register is.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The terminal's number.
    pub terminal: u64,
    /// The generation of its key.
    pub generation: u32,
    /// Its key.
    pub key: [u8; 32],
}

/// One connection of a register.
pub struct RegisterClient {
    connection: Connection,
    credentials: Credentials,
    clock: Clock,
    /// Between queries while an outcome is unknown.
    pub query_pause: Duration,
    /// How often is queried before the request is reversed.
    pub queries_max: u32,
}

/// What a register keeps before it sends a payment.
#[derive(Clone, Debug)]
pub struct Payment {
    /// Its own id for the request.
    pub request_id: Uuid,
    /// Minor units.
    pub amount: i64,
    /// The digits that were scanned.
    pub code: String,
    /// None: at once. Some: held, for so many seconds.
    pub hold_seconds: Option<i64>,
}

/// A recorded outcome.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Receipt {
    /// `succeeded` or `declined`.
    pub outcome: String,
    /// What was asked.
    pub operation: String,
    /// The request.
    pub request_id: String,
    /// The payment, where there is one.
    pub payment: Option<String>,
    /// Minor units.
    pub amount: i64,
    /// ISO 4217.
    pub currency: String,
    /// When it was booked.
    pub booked_at: String,
    /// The store's business date.
    pub business_date: String,
    /// What a reversal did.
    pub effect: Option<String>,
    /// Why it was declined.
    pub refusal: Option<ReceiptRefusal>,
}

/// Why a request was declined.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ReceiptRefusal {
    /// Stable.
    pub name: String,
    /// Stable.
    pub number: i64,
    /// For people.
    pub message: String,
}

impl Receipt {
    /// Whether it succeeded.
    pub fn succeeded(&self) -> bool {
        self.outcome == "succeeded"
    }

    /// The refusal's name; empty where it succeeded.
    pub fn refusal_name(&self) -> &str {
        self.refusal.as_ref().map_or("", |refusal| &refusal.name)
    }
}

/// How a payment ended that was followed to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// Its outcome.
    Outcome(Receipt),
    /// It stayed unknown and was reversed: the reversal's outcome.
    Reversed(Receipt),
}

/// A page of a list.
#[derive(Deserialize)]
struct Page {
    operations: Vec<Receipt>,
}

impl RegisterClient {
    /// A register that talks to `address`.
    pub fn new(address: SocketAddr, credentials: Credentials, clock: Clock) -> Self {
        Self {
            connection: Connection::new(address),
            credentials,
            clock,
            query_pause: Duration::from_secs(3),
            queries_max: 20,
        }
    }

    /// Another register with another connection.
    #[must_use]
    pub fn another(&self) -> Self {
        let mut other = Self::new(
            self.connection.host().parse().expect("made of an address"),
            self.credentials.clone(),
            Arc::clone(&self.clock),
        );
        (other.query_pause, other.queries_max) = (self.query_pause, self.queries_max);
        other
    }

    /// Closes the connection; the next request opens another.
    pub fn close(&mut self) {
        self.connection.close();
    }

    /// The headers of a signed request.
    pub fn sign(&self, method: &str, target: &str, body: &[u8]) -> String {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let body_digest = signature::body_digest(body);
        let host = self.connection.host();
        let parts = RequestParts { method, path, query, host, body_digest: &body_digest };
        let Credentials { terminal, generation, key } = &self.credentials;
        let seconds = (self.clock)().0.div_euclid(SECOND_MS);
        signature::sign(*terminal, *generation, key, &parts, seconds)
    }

    /// Sends any signed request.
    ///
    /// # Errors
    /// When the connection fails: nothing is known then.
    pub async fn send(
        &mut self,
        method: &str,
        target: &str,
        body: &[u8],
    ) -> Result<Answer, ClientError> {
        let authorization = self.sign(method, target, body);
        let headers = [("Authorization", authorization.as_str())];
        let request = Request { method, target, headers: &headers, body };
        Ok(self.connection.send(&request).await?)
    }

    async fn post(
        &mut self,
        target: &str,
        body: &serde_json::Value,
    ) -> Result<Receipt, ClientError> {
        receipt(self.send("POST", target, body.to_string().as_bytes()).await?)
    }

    fn valid_until(&self) -> String {
        time::text((self.clock)().plus_ms(VALID_MS))
    }

    /// The body of a payment.
    pub fn payment_body(&self, payment: &Payment) -> serde_json::Value {
        let mut body = json!({
            "request_id": payment.request_id.to_string(),
            "amount": payment.amount,
            "currency": "JPY",
            "code": payment.code,
            "valid_until": self.valid_until(),
            "capture": if payment.hold_seconds.is_some() { "later" } else { "now" },
        });
        if let Some(seconds) = payment.hold_seconds {
            body["hold_seconds"] = seconds.into();
        }
        body
    }

    /// Pays, or holds money.
    ///
    /// # Errors
    /// [`ClientError`]: the outcome is unknown.
    pub async fn pay(&mut self, payment: &Payment) -> Result<Receipt, ClientError> {
        let body = self.payment_body(payment);
        self.post("/v1/payments", &body).await
    }

    /// What became of a request; none when it was never seen.
    ///
    /// # Errors
    /// [`ClientError`]: nothing is known.
    pub async fn query(&mut self, request_id: Uuid) -> Result<Option<Receipt>, ClientError> {
        let answer = self.send("GET", &format!("/v1/requests/{request_id}"), b"").await?;
        if answer.status == 200 && answer.json()["reason"] == "not_seen" {
            return Ok(None);
        }
        receipt(answer).map(Some)
    }

    /// Undoes a request.
    ///
    /// # Errors
    /// [`ClientError`]: whether it is undone is unknown; ask again with the same ids.
    pub async fn reverse(
        &mut self,
        request_id: Uuid,
        target: Uuid,
    ) -> Result<Receipt, ClientError> {
        let body = json!({
            "request_id": request_id.to_string(),
            "target_request_id": target.to_string(),
        });
        self.post("/v1/reversals", &body).await
    }

    /// Gives back.
    ///
    /// # Errors
    /// [`ClientError`]: the outcome is unknown.
    pub async fn refund(
        &mut self,
        request_id: Uuid,
        payment: &str,
        amount: i64,
    ) -> Result<Receipt, ClientError> {
        self.settle("/v1/refunds", request_id, payment, Some(amount)).await
    }

    /// Takes a hold.
    ///
    /// # Errors
    /// [`ClientError`]: the outcome is unknown.
    pub async fn capture(
        &mut self,
        request_id: Uuid,
        payment: &str,
        amount: i64,
    ) -> Result<Receipt, ClientError> {
        self.settle("/v1/captures", request_id, payment, Some(amount)).await
    }

    /// Releases a hold.
    ///
    /// # Errors
    /// [`ClientError`]: the outcome is unknown.
    pub async fn void(&mut self, request_id: Uuid, payment: &str) -> Result<Receipt, ClientError> {
        self.settle("/v1/voids", request_id, payment, None).await
    }

    async fn settle(
        &mut self,
        target: &str,
        request_id: Uuid,
        payment: &str,
        amount: Option<i64>,
    ) -> Result<Receipt, ClientError> {
        let mut body = json!({
            "request_id": request_id.to_string(),
            "payment": payment,
            "valid_until": self.valid_until(),
        });
        if let Some(amount) = amount {
            body["amount"] = amount.into();
            body["currency"] = "JPY".into();
        }
        self.post(target, &body).await
    }

    /// Says that these outcomes are known; how many were not before.
    ///
    /// # Errors
    /// [`ClientError`]: ask again.
    pub async fn acknowledge(&mut self, request_ids: &[Uuid]) -> Result<u64, ClientError> {
        let ids: Vec<String> = request_ids.iter().map(Uuid::to_string).collect();
        let body = json!({ "request_ids": ids }).to_string();
        let answer = self.send("POST", "/v1/acknowledgements", body.as_bytes()).await?;
        let count = answer.json()["acknowledged"].as_u64();
        count.ok_or_else(|| ClientError::Problem(Box::new(answer)))
    }

    /// Makes an order for members to scan: the answer, with payload and picture.
    ///
    /// # Errors
    /// [`ClientError`]: nothing is recorded either way; ask again.
    pub async fn order(
        &mut self,
        request_id: Uuid,
        amount: i64,
    ) -> Result<serde_json::Value, ClientError> {
        let body = json!({
            "request_id": request_id.to_string(),
            "amount": amount,
            "currency": "JPY",
            "valid_until": self.valid_until(),
        });
        let answer = self.send("POST", "/v1/orders", body.to_string().as_bytes()).await?;
        if answer.status == 200 { Ok(answer.json()) } else { Err(problem(answer)) }
    }

    /// The sign of the store.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn sign_of_store(&mut self) -> Result<serde_json::Value, ClientError> {
        let answer = self.send("GET", "/v1/sign", b"").await?;
        if answer.status == 200 { Ok(answer.json()) } else { Err(problem(answer)) }
    }

    /// Sends a frame of grey pixels.
    ///
    /// # Errors
    /// When the connection fails.
    pub async fn frame(&mut self, target: &str, luma: &[u8]) -> Result<Answer, ClientError> {
        let authorization = self.sign("POST", target, luma);
        let headers = [
            ("Authorization", authorization.as_str()),
            ("Content-Type", "application/octet-stream"),
        ];
        let request = Request { method: "POST", target, headers: &headers, body: luma };
        Ok(self.connection.send(&request).await?)
    }

    /// The terminal's recent operations, newest first; or those that nobody acknowledged.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn recent(
        &mut self,
        limit: usize,
        unacknowledged: bool,
    ) -> Result<Vec<Receipt>, ClientError> {
        let target = format!("/v1/payments?limit={limit}&unacknowledged={unacknowledged}");
        let answer = self.send("GET", &target, b"").await?;
        let page: Result<Page, _> = serde_json::from_slice(&answer.body);
        page.map(|page| page.operations).map_err(|_| ClientError::Problem(Box::new(answer)))
    }

    /// The life of one payment, as JSON.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn payment(&mut self, payment: &str) -> Result<serde_json::Value, ClientError> {
        let answer = self.send("GET", &format!("/v1/payments/{payment}"), b"").await?;
        if answer.status == 200 { Ok(answer.json()) } else { Err(problem(answer)) }
    }

    /// Pays and follows the payment to its end: while it is unknown it is queried, and sent again;
    /// in the end it is reversed, for as long as it takes. `reversal_id` is kept before sending,
    /// too.
    pub async fn pay_until_known(&mut self, payment: &Payment, reversal_id: Uuid) -> Known {
        if let Ok(receipt) = self.pay(payment).await {
            return Known::Outcome(receipt);
        }
        for _ in 0..self.queries_max {
            tokio::time::sleep(self.query_pause).await;
            match self.query(payment.request_id).await {
                Ok(Some(receipt)) => return Known::Outcome(receipt),
                Ok(None) => {
                    if let Ok(receipt) = self.pay(payment).await {
                        return Known::Outcome(receipt);
                    }
                }
                Err(_) => {}
            }
        }
        loop {
            if let Ok(receipt) = self.reverse(reversal_id, payment.request_id).await {
                return Known::Reversed(receipt);
            }
            tokio::time::sleep(self.query_pause).await;
        }
    }
}

/// A recorded outcome, or the problem document instead of one.
///
/// # Errors
/// [`ClientError::Problem`].
pub fn receipt(answer: Answer) -> Result<Receipt, ClientError> {
    if answer.status != 200 {
        return Err(problem(answer));
    }
    let receipt = serde_json::from_slice(&answer.body);
    receipt.map_err(|error| ClientError::Malformed(error.to_string()))
}

fn problem(answer: Answer) -> ClientError {
    ClientError::Problem(Box::new(answer))
}
