//! Mail through SMTP (RFC 5321), by `lettre` over rustls.
//!
//! A connection is encrypted: TLS from its first byte (`smtps:`), or STARTTLS, without which
//! nothing is said (`smtp:`). In the clear only to this machine (`smtp+plain:`), where a relay of
//! the operator listens. Each message has a connection of its own.
//!
//! Not here: bounces that come back later; the operator reads them at the sender's address.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use lettre::message::header::{
    ContentTransferEncoding, ContentType, Header, HeaderName, HeaderValue,
};
use lettre::message::{Body, Mailbox};
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use yaoki_core::message::Message;
use yaoki_core::time::Instant;

use super::Delivery;
use super::words::Letter;
use crate::edge::hex;

/// Answers that speak of us, not of the message: wrong commands, wrong or missing password, TLS
/// demanded.
const OF_OURS: [u16; 10] = [500, 501, 502, 503, 504, 523, 530, 534, 535, 538];

/// How a connection is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// From its first byte.
    Tls,
    /// By STARTTLS, without which nothing is said.
    StartTls,
    /// Not at all: this machine only.
    Plain,
}

/// A mail server: `smtp://HOST:PORT`, `smtps://HOST:PORT`, `smtp+plain://127.0.0.1:PORT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailServer {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How connections are encrypted.
    pub security: Security,
}

/// What a mail server may be.
pub const MAIL_SERVER: &str = "`smtp://HOST:PORT` (STARTTLS), `smtps://HOST:PORT`, or \
                               `smtp+plain://127.0.0.1:PORT` for a relay on this machine";

impl FromStr for MailServer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || MAIL_SERVER.to_owned();
        let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
        let (security, usual) = match scheme {
            "smtps" => (Security::Tls, 465),
            "smtp" => (Security::StartTls, 587),
            "smtp+plain" => (Security::Plain, 25),
            _ => return Err(wrong()),
        };
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                (host, port.parse().ok().filter(|port| *port > 0).ok_or_else(wrong)?)
            }
            _ => (rest, usual),
        };
        let host = host.strip_prefix('[').map_or(host, |host| host.trim_end_matches(']'));
        let of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-.:".contains(&byte);
        let is_here = host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        let is_good = !host.is_empty() && host.bytes().all(of_name);
        if !is_good || (security == Security::Plain && !is_here) {
            return Err(wrong());
        }
        Ok(Self { host: host.to_owned(), port, security })
    }
}

/// A password, which shows in no log.
#[derive(Clone)]
pub struct Password(pub String);

impl fmt::Debug for Password {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("[redacted]")
    }
}

/// A sender, `Name <address>` or an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender(Mailbox);

impl FromStr for Sender {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.parse().map(Self);
        parsed.map_err(|_| "a mail address, or `Name <address>`".to_owned())
    }
}

/// How mail goes out.
#[derive(Clone, Debug)]
pub struct MailOptions {
    /// The next server.
    pub server: MailServer,
    /// Who we are to it; none: it does not ask.
    pub credentials: Option<(String, Password)>,
    /// From whom mail is.
    pub from: Sender,
    /// An authority that the server's certificate is by, PEM; none: the usual ones.
    pub authority: Option<Vec<u8>>,
}

/// Sends mail.
#[derive(Clone)]
pub(super) struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    timeout: Duration,
}

impl Mailer {
    /// # Errors
    /// When the authority is none.
    pub(super) fn new(options: &MailOptions, timeout: Duration) -> io::Result<Self> {
        let server = &options.server;
        let builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&server.host);
        let tls = match server.security {
            Security::Tls => Tls::Wrapper(tls(options)?),
            Security::StartTls => Tls::Required(tls(options)?),
            Security::Plain => Tls::None,
        };
        let mut builder = builder.port(server.port).tls(tls).timeout(Some(timeout));
        if let Some((user, password)) = &options.credentials {
            let credentials = Credentials::new(user.clone(), password.0.clone());
            builder = builder.credentials(credentials);
        }
        Ok(Self { transport: builder.build(), from: options.from.0.clone(), timeout })
    }

    pub(super) async fn send(&self, letter: &Letter, message: &Message, now: Instant) -> Delivery {
        let mail = match self.mail(letter, message, now) {
            Ok(mail) => mail,
            Err(why) => return Delivery::Refused(why),
        };
        // The clock of the time-out is the runtime's.
        match tokio::time::timeout(self.timeout, self.transport.send(mail)).await {
            Ok(Ok(_)) => Delivery::Taken,
            Ok(Err(error)) => delivery_of(&error),
            Err(_) => Delivery::Unreachable("the mail server did not answer in time".to_owned()),
        }
    }

    /// The error says nothing of the address.
    fn mail(
        &self,
        letter: &Letter,
        message: &Message,
        now: Instant,
    ) -> Result<lettre::Message, String> {
        let address: lettre::Address =
            message.address.0.parse().map_err(|_| "its address is no mail address".to_owned())?;
        let at = u64::try_from(now.0).map_err(|_| "it is of before 1970".to_owned())?;
        let id = format!("<{}@{}>", hex::text(&message.key), self.from.email.domain());
        // A line of UTF-8 is longer than RFC 5321 allows sooner than it looks.
        let body = Body::new_with_encoding(letter.body.clone(), ContentTransferEncoding::Base64);
        lettre::Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, address))
            .subject(letter.subject.clone())
            .date(SystemTime::UNIX_EPOCH + Duration::from_millis(at))
            .message_id(Some(id))
            .header(AutoSubmitted)
            .header(ContentType::TEXT_PLAIN)
            .body(body.map_err(|_| "its words cannot be encoded".to_owned())?)
            .map_err(|_| "it makes no mail".to_owned())
    }
}

fn tls(options: &MailOptions) -> io::Result<TlsParameters> {
    let mut builder = TlsParameters::builder(options.server.host.clone());
    builder = match &options.authority {
        Some(pem) => {
            let authority = Certificate::from_pem(pem).map_err(io::Error::other)?;
            builder.certificate_store(CertificateStore::None).add_root_certificate(authority)
        }
        None => builder.certificate_store(CertificateStore::WebpkiRoots),
    };
    builder.build_rustls().map_err(io::Error::other)
}

/// What follows from a failure. What the server says may repeat the address: only its number is
/// kept.
fn delivery_of(error: &SmtpError) -> Delivery {
    let Some(code) = error.status().map(u16::from) else {
        let why = match () {
            () if error.is_timeout() => "the mail server did not answer in time",
            () if error.is_tls() => "TLS with the mail server failed",
            () if error.is_client() => "the mail server does not offer what must be used: TLS",
            () if error.is_response() => "the mail server does not speak SMTP",
            () => "the connection to the mail server failed",
        };
        return Delivery::Unreachable(why.to_owned());
    };
    let why = format!("the mail server answered {code}");
    match code {
        421 => Delivery::Unreachable(why),
        400..500 => Delivery::Later(why),
        code if OF_OURS.contains(&code) => Delivery::Unreachable(why),
        _ => Delivery::Refused(why),
    }
}

/// No program answers it (RFC 3834, 5.).
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_spoken_to_in_the_clear_on_this_machine_only() {
        let server =
            |host: &str, port, security| MailServer { host: host.to_owned(), port, security };
        for (text, good) in [
            ("smtp://mail.example", server("mail.example", 587, Security::StartTls)),
            ("smtp://mail.example:2525", server("mail.example", 2525, Security::StartTls)),
            ("smtps://mail.example", server("mail.example", 465, Security::Tls)),
            ("smtps://[2001:db8::1]", server("2001:db8::1", 465, Security::Tls)),
            ("smtp+plain://127.0.0.1", server("127.0.0.1", 25, Security::Plain)),
            ("smtp+plain://[::1]:2525", server("::1", 2525, Security::Plain)),
        ] {
            assert_eq!(text.parse(), Ok(good), "{text}");
        }
        for wrong in [
            "",
            "mail.example",
            "smtp://",
            "smtp://mail.example:0",
            "smtp://mail.example:x",
            "smtp://user@mail.example",
            "smtp://mail.example/path",
            "smtp+plain://mail.example",
            "smtp+plain://localhost",
            "smtp+plain://10.0.0.1",
            "http://mail.example",
        ] {
            assert!(wrong.parse::<MailServer>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_password_shows_in_no_log() {
        assert!(!format!("{:?}", Password("open sesame".to_owned())).contains("sesame"));
    }
}
