//! A provider of the test's own: real HTTP on loopback, real signatures, and every forgery that a
//! test asks it for. It shares no code with what it is held against.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use openidconnect::url::Url;
use openidconnect::url::form_urlencoded::parse;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use ring::{digest, hmac};
use serde_json::{Value, json};
use yaoki_server::identity::openid::Begun;

use super::{CLIENT, NOW, SECRET};

/// How a token is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signer {
    /// The provider's ES256 key.
    Es256,
    /// The provider's `EdDSA` key.
    EdDsa,
    /// Another's ES256 key, under the provider's `kid`.
    Stranger,
    /// HMAC, the provider's public key as the secret.
    PublicKeyAsSecret,
    /// HMAC, the client's secret as the secret.
    ClientSecret,
    /// Not at all.
    Nobody,
}

/// What is changed of a token: claims and head, before it is signed.
pub(crate) type Change = fn(&mut Value, &mut Value);

/// What a browser comes back with.
#[derive(Clone, Debug)]
pub(crate) struct Came {
    pub(crate) code: String,
    pub(crate) state: String,
    pub(crate) issuer: Option<String>,
}

struct Grant {
    nonce: String,
    challenge: String,
    redirect: String,
}

/// How it behaves, and how often it was asked.
pub(crate) struct Mind {
    pub(crate) signer: Signer,
    pub(crate) change: Change,
    /// What is changed of the answer with the tokens.
    pub(crate) answer: fn(&mut Value),
    /// What is changed of the configuration.
    pub(crate) configuration: fn(&mut Value),
    /// The `kid` of its ES256 key.
    pub(crate) kid: String,
    /// It answers every call with this status.
    pub(crate) status: Option<u16>,
    /// It says nothing until this is over.
    pub(crate) silent: bool,
    /// It does not compare the verifier with the challenge.
    pub(crate) forgets_pkce: bool,
    /// Paths that were asked.
    pub(crate) asked: Vec<String>,
    grants: BTreeMap<String, Grant>,
    codes: u32,
}

/// The provider.
pub(crate) struct Stand {
    address: SocketAddr,
    mind: Arc<Mutex<Mind>>,
}

struct Keys {
    es256: EcdsaKeyPair,
    stranger: EcdsaKeyPair,
    ed25519: Ed25519KeyPair,
}

fn es256() -> EcdsaKeyPair {
    let (kind, chance) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
    let text = EcdsaKeyPair::generate_pkcs8(kind, &chance).expect("a key");
    EcdsaKeyPair::from_pkcs8(kind, text.as_ref(), &chance).expect("a key")
}

impl Stand {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let text = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("a key");
        let ed25519 = Ed25519KeyPair::from_pkcs8(text.as_ref()).expect("a key");
        let keys = Keys { es256: es256(), stranger: es256(), ed25519 };
        let mind = Mind {
            signer: Signer::Es256,
            change: |_, _| (),
            answer: |_| (),
            configuration: |_| (),
            kid: "one".to_owned(),
            status: None,
            silent: false,
            forgets_pkce: false,
            asked: Vec::new(),
            grants: BTreeMap::new(),
            codes: 0,
        };
        let mind = Arc::new(Mutex::new(mind));
        let stand = Self { address, mind: Arc::clone(&mind) };
        let keys = Arc::new(keys);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (keys, mind) = (Arc::clone(&keys), Arc::clone(&mind));
                thread::spawn(move || serve(stream, &format!("http://{address}"), &keys, &mind));
            }
        });
        stand
    }

    pub(crate) fn issuer(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn mind(&self) -> MutexGuard<'_, Mind> {
        self.mind.lock().expect("nobody panics")
    }

    /// How often a path was asked.
    pub(crate) fn asked(&self, path: &str) -> usize {
        self.mind().asked.iter().filter(|asked| *asked == path).count()
    }

    /// The person signs in and consents: what the browser is sent back with.
    pub(crate) fn consent(&self, begun: &Begun) -> Came {
        let address: Url = begun.address.parse().expect("a URL");
        assert!(begun.address.starts_with(&format!("{}/authorize?", self.issuer())));
        let asked: BTreeMap<String, String> = address.query_pairs().into_owned().collect();
        let of = |name: &str| asked.get(name).unwrap_or_else(|| panic!("no {name}")).clone();
        assert_eq!((of("response_type"), of("scope")), ("code".to_owned(), "openid".to_owned()));
        assert_eq!((of("client_id"), of("code_challenge_method")), (CLIENT.into(), "S256".into()));
        let grant = Grant {
            nonce: of("nonce"),
            challenge: of("code_challenge"),
            redirect: of("redirect_uri"),
        };
        let mut mind = self.mind();
        mind.codes += 1;
        let code = format!("code-{}", mind.codes);
        mind.grants.insert(code.clone(), grant);
        Came { code, state: of("state"), issuer: None }
    }
}

fn serve(mut stream: TcpStream, issuer: &str, keys: &Keys, mind: &Mutex<Mind>) {
    let Some((path, authorization, body)) = read(&mut stream) else { return };
    let lock = || mind.lock().expect("nobody panics");
    lock().asked.push(path.clone());
    while lock().silent {
        thread::park_timeout(Duration::from_millis(1));
    }
    let mut mind = lock();
    let (status, answer) = match (mind.status, path.as_str()) {
        (Some(status), _) => (status, json!({ "error": "server_error" })),
        (None, "/.well-known/openid-configuration") => (200, configuration(issuer, &mind)),
        (None, "/keys") => (200, published(keys, &mind.kid)),
        (None, "/token") => match tokens(issuer, keys, &mut mind, (&authorization, &body)) {
            Ok(tokens) => (200, tokens),
            Err(error) => (400, json!({ "error": error })),
        },
        _ => (404, json!({})),
    };
    let answer = answer.to_string();
    let head = format!(
        "HTTP/1.1 {status} So\r\nContent-Type: application/json\r\nLocation: {issuer}/elsewhere\r\n\
         Connection: close\r\nContent-Length: {}\r\n\r\n",
        answer.len()
    );
    // The other side may have gone.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(answer.as_bytes()));
}

/// Path, authorization and body of a request.
fn read(stream: &mut TcpStream) -> Option<(String, String, Vec<u8>)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).expect("a head is text");
    let header = |name: &str| {
        let of = |line: &str| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        };
        head.lines().find_map(of)
    };
    let length = header("content-length").map_or(0, |length| length.parse().expect("a number"));
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    let path = head.split(' ').nth(1).expect("a target").to_owned();
    Some((path, header("authorization").unwrap_or_default(), body))
}

fn configuration(issuer: &str, mind: &Mind) -> Value {
    let mut says = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256", "EdDSA"],
    });
    (mind.configuration)(&mut says);
    says
}

fn published(keys: &Keys, kid: &str) -> Value {
    let point = keys.es256.public_key().as_ref();
    let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    json!({ "keys": [
        { "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": kid,
          "x": text(&point[1..33]), "y": text(&point[33..65]) },
        { "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": "two",
          "x": text(keys.ed25519.public_key().as_ref()) },
    ]})
}

fn tokens(
    issuer: &str,
    keys: &Keys,
    mind: &mut Mind,
    (authorization, body): (&str, &[u8]),
) -> Result<Value, &'static str> {
    let given: BTreeMap<String, String> = parse(body).into_owned().collect();
    let of = |name: &str| given.get(name).cloned().unwrap_or_default();
    // RFC 6749, 2.3.1: both parts are form-encoded first.
    let secret: String =
        openidconnect::url::form_urlencoded::byte_serialize(SECRET.as_bytes()).collect();
    let basic = format!("Basic {}", STANDARD.encode(format!("{CLIENT}:{secret}")));
    if authorization != basic {
        return Err("invalid_client");
    }
    // A code is used once.
    let grant = mind.grants.remove(&of("code")).ok_or("invalid_grant")?;
    let challenge = digest::digest(&digest::SHA256, of("code_verifier").as_bytes());
    let is_verified = URL_SAFE_NO_PAD.encode(challenge) == grant.challenge;
    if grant.redirect != of("redirect_uri") || !(is_verified || mind.forgets_pkce) {
        return Err("invalid_grant");
    }
    let access = "an-access-token";
    let mut answer = json!({
        "access_token": access,
        "token_type": "Bearer",
        "expires_in": 60,
        "id_token": id_token(issuer, keys, mind, &grant.nonce),
    });
    (mind.answer)(&mut answer);
    Ok(answer)
}

fn id_token(issuer: &str, keys: &Keys, mind: &Mind, nonce: &str) -> String {
    let seconds = NOW.0 / 1000;
    let hash = digest::digest(&digest::SHA256, b"an-access-token");
    let mut claims = json!({
        "iss": issuer,
        "sub": "person-1",
        "aud": CLIENT,
        "exp": seconds + 300,
        "iat": seconds,
        "auth_time": seconds - 5,
        "nonce": nonce,
        "acr": "phr",
        "amr": ["hwk", "user"],
        "email": "somebody@example.jp",
        "email_verified": true,
    });
    if mind.signer == Signer::Es256 {
        claims["at_hash"] = URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16]).into();
    }
    let (algorithm, kid) = match mind.signer {
        Signer::Es256 | Signer::Stranger => ("ES256", mind.kid.as_str()),
        Signer::EdDsa => ("EdDSA", "two"),
        Signer::PublicKeyAsSecret | Signer::ClientSecret => ("HS256", mind.kid.as_str()),
        Signer::Nobody => ("none", mind.kid.as_str()),
    };
    let mut head = json!({ "alg": algorithm, "typ": "JWT", "kid": kid });
    (mind.change)(&mut claims, &mut head);
    let text = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", text(&head), text(&claims));
    let signature = sign(keys, mind.signer, signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn sign(keys: &Keys, signer: Signer, text: &[u8]) -> Vec<u8> {
    let chance = SystemRandom::new();
    let ecdsa =
        |key: &EcdsaKeyPair| key.sign(&chance, text).expect("a signature").as_ref().to_vec();
    let mac = |secret: &[u8]| {
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), text).as_ref().to_vec()
    };
    match signer {
        Signer::Es256 => ecdsa(&keys.es256),
        Signer::Stranger => ecdsa(&keys.stranger),
        Signer::EdDsa => keys.ed25519.sign(text).as_ref().to_vec(),
        Signer::PublicKeyAsSecret => mac(keys.es256.public_key().as_ref()),
        Signer::ClientSecret => mac(SECRET.as_bytes()),
        Signer::Nobody => Vec::new(),
    }
}
