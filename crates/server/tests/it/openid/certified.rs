//! The whole way against a certified provider, npm's `oidc-provider`: a child process, real HTTP,
//! the real clock, and a browser that follows redirects and keeps cookies.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use openidconnect::url::Url;
use yaoki_core::time::{DAY_MS, Instant, MINUTE_MS};
use yaoki_server::identity::openid::{
    Algorithm, Asked, Begun, CHANCE_BYTES, Identified, OpenidError, Provider, ProviderOptions,
    Sealing, TokenError,
};

use super::provider::Came;
use super::{BROWSER, REDIRECT, SECRET, Seal, wait};

/// The variable with the path of Node.js.
const NODE: &str = "YAOKI_TEST_NODE";
/// The variable with the folder that `oidc-provider` is installed in.
const FOLDER: &str = "YAOKI_TEST_OPENID_PROVIDER";
/// The variable that makes a skipped test fail.
const REQUIRE: &str = "YAOKI_TEST_REQUIRE";
/// The most redirects from the provider's first page to our own address.
const REDIRECTS_MAX: usize = 10;

/// The provider; it ends with the test.
struct Certified {
    child: Child,
    issuer: String,
    /// Kept open: it says more later, and would end where nobody listens.
    _said: BufReader<ChildStdout>,
}

impl Drop for Certified {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Certified {
    /// Starts it; none, said out loud, where Node.js or the package is missing.
    fn start() -> Option<Self> {
        let found = [NODE, FOLDER].map(variable);
        let [Some(node), Some(folder)] = found else {
            let said = writeln!(
                std::io::stderr(),
                "SKIPPED: a certified OpenID Connect provider: {NODE} and {FOLDER} must be set, as \
                 `cargo x test` does"
            );
            said.expect("standard error can be written");
            assert!(variable(REQUIRE).is_none(), "a skipped test fails here");
            return None;
        };
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/openid/provider/provider.mjs");
        let mut child = Command::new(node)
            .arg(script)
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("node runs");
        let mut said = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut issuer = String::new();
        said.read_line(&mut issuer).expect("it says its issuer");
        let issuer = issuer.trim_end().to_owned();
        assert!(issuer.starts_with("http://127.0.0.1:"), "it did not start");
        Some(Self { child, issuer, _said: said })
    }

    fn provider(&self, client: Algorithm, allowed: Algorithm) -> Provider {
        let client = format!("yaoki-{}", client.name());
        let options = ProviderOptions::new("id", &self.issuer, (&client, SECRET));
        let mut options = options.expect("an issuer");
        options.algorithms = vec![allowed];
        Provider::new(options, true).expect("a provider")
    }
}

#[expect(clippy::disallowed_methods, reason = "tests are told of their tools by the environment")]
fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).map(PathBuf::from)
}

#[expect(clippy::disallowed_methods, reason = "the provider reads the real clock")]
fn now() -> Instant {
    let passed = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    Instant(i64::try_from(passed.as_millis()).expect("it is before the end of time"))
}

fn begun(provider: &Provider, chance: u8, now: Instant) -> Begun {
    let asked = Asked { binding: &BROWSER, redirect: REDIRECT };
    let begun = wait(provider.begin(asked, now, &[chance; CHANCE_BYTES], &Seal::new(1)));
    begun.expect("the provider is there")
}

fn finished(
    provider: &Provider,
    begun: &Begun,
    came: &Came,
    now: Instant,
) -> Result<Identified, OpenidError> {
    wait(provider.finish(came.with(begun), &BROWSER, now, &Seal::new(1)))
}

/// Goes where a browser goes, until it is sent to our own address.
fn sent_back(address: &str) -> Came {
    let mut url: Url = address.parse().expect("a URL");
    let mut cookies = BTreeMap::new();
    for _ in 0..REDIRECTS_MAX {
        if url.as_str().starts_with(REDIRECT) {
            let given: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
            let of = |name: &str| given.get(name).cloned();
            let code = of("code").unwrap_or_else(|| panic!("no code: {given:?}"));
            return Came { code, state: of("state").expect("a state"), issuer: of("iss") };
        }
        let next = visited(&url, &mut cookies);
        url = url.join(&next).expect("a location");
    }
    panic!("too many redirects, the last to {url}");
}

/// Where one page redirects to.
fn visited(url: &Url, cookies: &mut BTreeMap<String, String>) -> String {
    let host = format!("127.0.0.1:{}", url.port().expect("a port"));
    let mut stream = TcpStream::connect(&host).expect("it listens");
    let kept: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let target = &url.as_str()[url.origin().ascii_serialization().len()..];
    let request = format!(
        "GET {target} HTTP/1.1\r\nHost: {host}\r\nCookie: {}\r\nConnection: close\r\n\r\n",
        kept.join("; ")
    );
    stream.write_all(request.as_bytes()).expect("it takes it");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers in text");
    let head = answer.split("\r\n\r\n").next().unwrap_or_default();
    let headers = head.lines().filter_map(|line| line.split_once(": "));
    let mut location = None;
    for (name, value) in headers {
        match name.to_ascii_lowercase().as_str() {
            "set-cookie" => {
                let pair = value.split(';').next().and_then(|pair| pair.split_once('='));
                let (name, value) = pair.expect("a cookie");
                cookies.insert(name.to_owned(), value.to_owned());
            }
            "location" => location = Some(value.to_owned()),
            _ => {}
        }
    }
    location.unwrap_or_else(|| panic!("no redirect: {answer}"))
}

#[test]
fn a_certified_provider_identifies_a_person_with_every_algorithm() {
    let Some(certified) = Certified::start() else { return };
    for algorithm in Algorithm::ALL {
        let provider = certified.provider(algorithm, algorithm);
        let begun = begun(&provider, 1, now());
        let came = sent_back(&begun.address);
        assert_eq!(came.issuer.as_deref(), Some(&*certified.issuer), "it names itself");
        let person = finished(&provider, &begun, &came, now()).expect("a person");
        assert_eq!((&*person.issuer, &*person.subject), (&*certified.issuer, "person-1"));
        let again = finished(&provider, &begun, &came, now());
        assert_eq!(again, Err(OpenidError::Code("invalid_grant".to_owned())));
    }
}

#[test]
fn what_a_certified_provider_gives_is_refused_where_it_is_not_for_this_attempt() {
    let Some(certified) = Certified::start() else { return };
    let provider = certified.provider(Algorithm::Es256, Algorithm::Es256);
    let (ours, theirs) = (begun(&provider, 1, now()), begun(&provider, 2, now()));
    let came = sent_back(&ours.address);
    let injected = Came { code: sent_back(&theirs.address).code, ..came.clone() };
    let refused = finished(&provider, &ours, &injected, now());
    assert_eq!(refused, Err(OpenidError::Code("invalid_grant".to_owned())), "PKCE");
    let nameless = Came { issuer: None, ..came.clone() };
    assert_eq!(finished(&provider, &ours, &nameless, now()), Err(OpenidError::Answering));
    let other = wait(provider.finish(came.with(&ours), &[8; 32], now(), &Seal::new(1)));
    assert_eq!(other, Err(OpenidError::Browser));
    finished(&provider, &ours, &came, now()).expect("none of them has used the code up");

    // The provider knows one client's codes from another's.
    let stranger = certified.provider(Algorithm::Rs256, Algorithm::Rs256);
    let attempt = begun(&stranger, 3, now());
    let came = sent_back(&attempt.address);
    let mixed = Came { code: sent_back(&begun(&provider, 4, now()).address).code, ..came };
    let refused = finished(&stranger, &attempt, &mixed, now());
    assert_eq!(refused, Err(OpenidError::Code("invalid_grant".to_owned())));
}

#[test]
fn a_certified_providers_token_is_held_against_our_list_and_our_clock() {
    let Some(certified) = Certified::start() else { return };
    let provider = certified.provider(Algorithm::Rs256, Algorithm::Es256);
    let attempt = begun(&provider, 1, now());
    let refused = finished(&provider, &attempt, &sent_back(&attempt.address), now());
    assert_eq!(refused, Err(TokenError::Algorithm.into()));
    for (apart, expected) in [
        (DAY_MS, TokenError::Expired),
        (11 * MINUTE_MS, TokenError::IssuedLongAgo),
        (-2 * MINUTE_MS, TokenError::IssuedAhead),
    ] {
        let provider = certified.provider(Algorithm::Ps256, Algorithm::Ps256);
        let then = now().plus_ms(apart);
        let attempt = begun(&provider, 2, then);
        let refused = finished(&provider, &attempt, &sent_back(&attempt.address), then);
        assert_eq!(refused, Err(expected.into()), "{apart} ms");
    }
}

#[test]
fn an_attempt_with_a_certified_provider_is_sealed() {
    let Some(certified) = Certified::start() else { return };
    let provider = certified.provider(Algorithm::EdDsa, Algorithm::EdDsa);
    let attempt = begun(&provider, 1, now());
    let other = Seal::new(1).seal("something else", b"{}");
    let forged = Begun { attempt: other, ..attempt };
    let came = sent_back(&forged.address);
    assert_eq!(finished(&provider, &forged, &came, now()), Err(OpenidError::Attempt));
}
