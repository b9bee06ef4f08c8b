//! Accounts at a provider: linked, signed in by, and unlinked.
//!
//! The provider is of the test's own: it says what a test has it say. What is forged in a token is
//! the server's to see, and is tested there.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};
use yaoki_browser::{Size, Stage, Tab};

use super::members::{MAILBOX, go_to, origin, page, phone, sign_up};
use super::{CODE_SHOWN, must_be_for_all};

const SHOWN: &str = "グループ ID";
/// The last part of what can be done about factors.
const LINK: &str = "#account > div:last-child .choices button";
const LINKED: &str = "#account [data-provider]";

/// Makes a key in the page; its public half.
const NEW_KEY: &str =
    "crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign'])
        .then(async (pair) => {
            window.pair = pair;
            const { x, y } = await crypto.subtle.exportKey('jwk', pair.publicKey);
            return { x, y };
        })";

/// Signs `ISSUER`'s token for `NONCE` with it.
const SIGN: &str = "(async () => {
    const url = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes)))
        .replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
    const utf8 = (text) => new TextEncoder().encode(text);
    const part = (json) => url(utf8(JSON.stringify(json)));
    const now = Math.floor(Date.now() / 1000);
    const head = { alg: 'ES256', typ: 'JWT', kid: 'one' };
    const claims = {
        iss: 'ISSUER', sub: 'person-1', aud: 'yaoki', iat: now, exp: now + 300, nonce: 'NONCE',
    };
    const text = `${part(head)}.${part(claims)}`;
    const how = { name: 'ECDSA', hash: 'SHA-256' };
    return `${text}.${url(await crypto.subtle.sign(how, window.pair.privateKey, utf8(text)))}`;
})()";

/// A provider: what it answers, by path.
struct Provider {
    address: SocketAddr,
    answers: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Provider {
    fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let answers = Arc::new(Mutex::new(BTreeMap::new()));
        let said = Arc::clone(&answers);
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let said = Arc::clone(&said);
                // A browser opens lines that it does not use.
                thread::spawn(move || answer(&mut stream, &said));
            }
        });
        Self { address, answers }
    }

    fn issuer(&self) -> String {
        format!("http://{}", self.address)
    }

    fn says(&self, path: &str, what: &Value) {
        let mut answers = self.answers.lock().expect("nobody panics");
        answers.insert(path.to_owned(), what.to_string());
    }

    /// Writes its settings into a folder; the flag that names them.
    fn settings(&self, folder: &Path) -> String {
        let (file, secret) = (folder.join("openid.toml"), folder.join("id.secret"));
        std::fs::write(&secret, "a secret\n").expect("it can be written");
        std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).expect("ours");
        let issuer = self.issuer();
        let text = format!(
            "[[provider]]\nname = \"group-id\"\nshown = \"{SHOWN}\"\nissuer = \"{issuer}\"\n\
             client_id = \"yaoki\"\nclient_secret_file = \"id.secret\"\n"
        );
        std::fs::write(&file, text).expect("it can be written");
        format!("--openid={}", file.display())
    }

    /// A tab with the provider's key, which is published.
    fn signer(&self, stage: &Stage) -> Tab {
        let mut tab = stage.tab();
        tab.open(&page(stage, "en")).wait_for("#to-sign-up");
        let key = tab.evaluate(NEW_KEY);
        let issuer = self.issuer();
        self.says(
            "/keys",
            &json!({ "keys": [{
                "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": "one",
                "x": key["x"], "y": key["y"],
            }]}),
        );
        self.says(
            "/.well-known/openid-configuration",
            &json!({
                "issuer": issuer,
                "authorization_endpoint": format!("{issuer}/authorize"),
                "token_endpoint": format!("{issuer}/token"),
                "jwks_uri": format!("{issuer}/keys"),
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["ES256"],
            }),
        );
        tab
    }

    /// Whoever is there now signs in, and is sent back.
    fn sends_back(&self, stage: &Stage, tab: &Tab, signer: &Tab) {
        let nonce = asked(tab, "nonce");
        let script = SIGN.replace("ISSUER", &self.issuer()).replace("NONCE", &nonce);
        self.says(
            "/token",
            &json!({
                "access_token": "an-access-token",
                "token_type": "Bearer",
                "expires_in": 60,
                "id_token": signer.evaluate(&script),
            }),
        );
        leave(stage, tab, "code=a-code");
    }
}

/// Answers one request.
fn answer(stream: &mut TcpStream, answers: &Mutex<BTreeMap<String, String>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read_exact(&mut byte).is_err() {
            return;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).expect("a head is text").to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length = length.map_or(0, |length| length.trim().parse().expect("a number"));
    let mut body = vec![0; length];
    if stream.read_exact(&mut body).is_err() {
        return;
    }
    let target = head.split(' ').nth(1).unwrap_or_default();
    let path = target.split('?').next().unwrap_or_default();
    let answers = answers.lock().expect("nobody panics");
    let (kind, text) = match answers.get(path) {
        Some(text) => ("application/json", text.as_str()),
        // Where people are asked who they are.
        None => ("text/html", "<!doctype html><title>a provider</title>"),
    };
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n",
        text.len()
    );
    // The other side may have gone.
    drop(stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(text.as_bytes())));
}

/// A parameter that the browser has brought to the provider.
fn asked(tab: &Tab, name: &str) -> String {
    tab.wait_until("location.pathname === '/authorize' && document.readyState === 'complete'");
    let value = tab.evaluate(&format!("new URLSearchParams(location.search).get('{name}')"));
    value.as_str().unwrap_or_else(|| panic!("no {name}")).to_owned()
}

/// Goes back as a provider's page does: from another site.
fn leave(stage: &Stage, tab: &Tab, with: &str) {
    let echoed = asked(tab, "state");
    let back = format!("{}/wallet?{with}&state={echoed}", origin(stage));
    // By the next turn, so that what asks for it is answered.
    tab.evaluate(&format!("setTimeout(() => location.assign('{back}')) > 0"));
}

#[test]
fn an_account_at_a_provider_is_linked_and_signs_the_device_in_until_it_is_unlinked() {
    let provider = Provider::open();
    let folder = tempfile::tempdir().expect("a folder");
    let settings = provider.settings(folder.path());
    let Some(stage) = Stage::start_with(&[MAILBOX[0], settings.as_str()]) else { return };
    let signer = provider.signer(&stage);
    let mut tab = phone(&stage);
    tab.allows("401").allows("403");
    sign_up(&stage, &mut tab, "linked@example.jp", "en");
    go_to(&mut tab, "factors");
    tab.wait_for_words("#account", &format!("Link {SHOWN}"));
    must_be_for_all(&tab);
    tab.screenshot("member-providers-phone", Size::Phone);

    // Turned back there, nothing is linked, and the page says so.
    tab.click(LINK).click("#prove .act");
    leave(&stage, &tab, "error=access_denied");
    tab.wait_for_words("#enter .said.bad", "did not say who you are");
    must_be_for_all(&tab);
    tab.click("#enter a.button").click(LINK).click("#prove .act");
    provider.sends_back(&stage, &tab, &signer);
    tab.wait_until(&format!("document.querySelector('{LINKED}')?.innerText === '{SHOWN}'"));
    assert!(!tab.url().contains("a-code"), "{}", tab.url());
    assert!(!tab.sees(LINK), "it is linked already");
    must_be_for_all(&tab);

    go_to(&mut tab, "");
    tab.click("#account > button.wide").wait_for("#enter .choices button");
    must_be_for_all(&tab);
    tab.screenshot("member-sign-in-provider-phone", Size::Phone);
    tab.click("#enter .choices button");
    provider.sends_back(&stage, &tab, &signer);
    tab.wait_for(CODE_SHOWN);

    // It signs in and no more: to change anything asks for the passkey.
    go_to(&mut tab, "factors");
    tab.click("#account li:has([data-provider]) .danger").click("#prove .act");
    tab.wait_until(&format!("!document.querySelector('{LINKED}')")).wait_for(LINK);
}
