//! `yaoki device`: a member's device on the command line, to try things out. Its key is in a file;
//! real devices are browsers and apps, which keep the key where it cannot be taken out.

use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use ring::rand::SystemRandom;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;
use yaoki_core::time::SECOND_MS;
use yaoki_server::client::Answer;
use yaoki_server::client::http::{Connection, Request};
use yaoki_server::edge::proof::device_key::{DeviceKey, DeviceKeyError, ProofInput};
use yaoki_server::edge::proof::{self, sha256};

use crate::exit::Failure;
use crate::settings::Settings;
use crate::{outside, say};

#[derive(Debug, Args)]
pub(crate) struct Device {
    /// The device's file: its key, which must stay with its owner
    #[arg(long = "device", global = true, value_name = "FILE")]
    #[arg(default_value = "yaoki-device.json")]
    file: PathBuf,
    /// The listener for devices, plain HTTP [default: that of the settings]
    #[arg(long, global = true, value_name = "ADDRESS")]
    server: Option<SocketAddr>,
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Become a member's paying device by a one-time link
    Enrol {
        /// The link, or its token
        // Base64url: one token in 64 begins with a hyphen and is no flag.
        #[arg(allow_hyphen_values = true)]
        link_token: String,
        /// Where the file holds a device already: set that aside as FILE.old, and make another
        #[arg(long)]
        replace: bool,
    },
    /// Show a code
    Code {
        /// Also write code128.svg and qr.svg into this folder
        #[arg(long, value_name = "DIR")]
        pictures: Option<PathBuf>,
    },
    /// Show money, points and the latest movements
    Wallet,
}

/// What the file holds.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// PKCS#8, base64.
    key: String,
    /// What the server gave, and what follows with it; none before it answered.
    #[serde(default)]
    token: Option<String>,
    #[serde(default)]
    enrolled: Option<Enrolled>,
}

/// Whose device it is, and where.
#[derive(Clone, Serialize, Deserialize)]
struct Enrolled {
    server: SocketAddr,
    member: String,
    device: String,
    /// SHA-256 of the link's token, base64: the same link again is a lost answer, another is not.
    link: String,
}

/// Does one thing that a device does.
pub(crate) fn run(device: &Device, settings: &Settings) -> Result<(), Failure> {
    let address = device.server.unwrap_or(settings.devices);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match &device.act {
        Act::Enrol { link_token, replace } => {
            // The link as the wallet page takes it, or its token alone.
            let link_token = link_token.rsplit_once('#').map_or(&**link_token, |(_, token)| token);
            let (phone, done) = phone_for(&device.file, address, link_token, *replace)?;
            runtime.block_on(enrol(phone, &device.file, link_token, done))?;
        }
        Act::Code { pictures } => {
            let mut phone = Phone::load(&device.file, address)?;
            let body = json!({ "pictures": pictures.is_some() });
            let reply = runtime.block_on(phone.post("/v1/device/code", &body))?;
            say::columns(&[
                ("code", text(&reply["digits"])),
                ("to read", text(&reply["grouped"])),
                ("dies at", text(&reply["dies_at"])),
            ]);
            if let Some(folder) = pictures {
                write_pictures(folder, &reply)?;
            }
        }
        Act::Wallet => {
            let mut phone = Phone::load(&device.file, address)?;
            let reply = runtime.block_on(phone.post("/v1/device/wallet", &json!({})))?;
            say::line(serde_json::to_string_pretty(&reply)?);
        }
    }
    Ok(())
}

/// The phone that a link enrols, and what there is to say of it. A new one is kept before it is
/// sent: a lost answer is asked for again with the same key.
fn phone_for(
    file: &Path,
    address: SocketAddr,
    link_token: &str,
    replace: bool,
) -> Result<(Phone, &'static str), Failure> {
    if file.exists() && !replace {
        let phone = Phone::load(file, address)?;
        return match &phone.enrolled {
            Some(enrolled) if enrolled.link == link_of(link_token) => {
                Ok((phone, "enrolled before by this link; asked again with the same key"))
            }
            None if phone.token.is_none() => Ok((phone, "enrolled, with the key that was kept")),
            held => Err(already_held(file, held.as_ref())),
        };
    }
    let mut done = "enrolled";
    if file.exists() {
        let mut aside = file.as_os_str().to_owned();
        aside.push(".old");
        std::fs::rename(file, aside)?;
        done = "enrolled; the device of before is in the same place with .old behind its name";
    }
    let phone = Phone::new(address)?;
    phone.keep(file)?;
    Ok((phone, done))
}

/// A link tells nobody whose it is, so that a file of one member could become another's.
fn already_held(file: &Path, held: Option<&Enrolled>) -> Failure {
    let whose = held.map_or_else(String::new, |held| {
        format!(", {} of {} at {}", held.device, held.member, held.server)
    });
    Failure::fault(format!(
        "{} holds an enrolled device already{whose}, and the link is another: nothing was sent, \
         and the link is still good. Give another file with --device, or --replace to set this one \
         aside",
        file.display()
    ))
}

async fn enrol(mut phone: Phone, file: &Path, link_token: &str, done: &str) -> Result<(), Failure> {
    phone.token = None;
    let reply = phone.post("/v1/device/enrol", &json!({ "link_token": link_token })).await?;
    phone.token = reply["token"].as_str().map(str::to_owned);
    let enrolled = Enrolled {
        server: phone.address,
        member: text(&reply["member"]),
        device: text(&reply["device"]),
        link: link_of(link_token),
    };
    phone.enrolled = Some(enrolled.clone());
    phone.keep(file)?;
    say::columns(&[
        ("done", done.to_owned()),
        ("device", enrolled.device),
        ("member", enrolled.member),
        ("kept in", file.display().to_string()),
    ]);
    Ok(())
}

fn link_of(link_token: &str) -> String {
    STANDARD.encode(sha256(link_token.as_bytes()))
}

/// What a phone says where it is refused: what its owner can do, and whom to ask.
fn refused(answer: &Answer) -> Failure {
    let document = answer.json();
    let said = |name: &str| document[name].as_str().unwrap_or_default().to_owned();
    let (refusal, status) = (said("refusal"), answer.status);
    let text = match refusal.as_str() {
        "member_must_be_open" => "the account is frozen or closed: it shows no codes and no money \
             leaves it; money that is given back still arrives. Ask the operator of this service \
             why; two of them together can unfreeze it, a closed one stays closed"
            .to_owned(),
        "device_must_be_active" => "this device was ended, or another device of the account pays \
             now. Ask the operator of this service for a new link, and enrol with it"
            .to_owned(),
        "" => "the server answered without a problem document".to_owned(),
        _ => format!("{} {}", said("title"), said("detail")),
    };
    Failure::bad(format!("{text} (HTTP {status}, {refusal})"))
}

fn write_pictures(folder: &Path, reply: &Value) -> Result<(), Failure> {
    std::fs::create_dir_all(folder)?;
    for (field, name) in [("code128_svg", "code128.svg"), ("qr_svg", "qr.svg")] {
        let path = folder.join(name);
        std::fs::write(&path, text(&reply[field]))?;
        say::line(format_args!("written  {}", path.display()));
    }
    Ok(())
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// A device that is kept in a file.
struct Phone {
    address: SocketAddr,
    connection: Connection,
    key: DeviceKey,
    token: Option<String>,
    enrolled: Option<Enrolled>,
    nonce: Option<String>,
    random: SystemRandom,
}

impl Phone {
    fn new(address: SocketAddr) -> Result<Self, Failure> {
        let random = SystemRandom::new();
        let key = DeviceKey::generate(&random).map_err(Failure::fault)?;
        let connection = Connection::new(address);
        Ok(Self { address, connection, key, token: None, enrolled: None, nonce: None, random })
    }

    fn load(path: &Path, address: SocketAddr) -> Result<Self, Failure> {
        let bytes = std::fs::read(path).map_err(|error| {
            Failure::fault(format!(
                "the device's file {} must be readable ({error}): enrol first, with `yaoki device \
                 enrol TOKEN`; `yaoki admin link MEMBER` gives a token",
                path.display()
            ))
        })?;
        let wrong = || Failure::fault(format!("{} is no file of a device", path.display()));
        let kept: Kept = serde_json::from_slice(&bytes).map_err(|_| wrong())?;
        let pkcs8 = STANDARD.decode(&kept.key).map_err(|_| wrong())?;
        let random = SystemRandom::new();
        let key = DeviceKey::from_pkcs8(&pkcs8, &random).map_err(|_: DeviceKeyError| wrong())?;
        let connection = Connection::new(address);
        let Kept { token, enrolled, .. } = kept;
        Ok(Self { address, connection, key, token, enrolled, nonce: None, random })
    }

    fn keep(&self, path: &Path) -> Result<(), Failure> {
        let key = STANDARD.encode(self.key.pkcs8());
        let kept = Kept { key, token: self.token.clone(), enrolled: self.enrolled.clone() };
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(path).map_err(|error| {
            Failure::fault(format!("{} must be written: {error}", path.display()))
        })?;
        file.write_all(&serde_json::to_vec(&kept)?)?;
        Ok(file.sync_all()?)
    }

    /// Sends a proven request, once more with the server's nonce where it asks for one.
    async fn post(&mut self, path: &str, body: &Value) -> Result<Value, Failure> {
        let body = body.to_string();
        let mut answer = self.send(path, body.as_bytes()).await?;
        if answer.status == 401 && answer.json()["refusal"] == "nonce_must_be_fresh" {
            answer = self.send(path, body.as_bytes()).await?;
        }
        if answer.status == 200 {
            return Ok(answer.json());
        }
        Err(refused(&answer))
    }

    async fn send(&mut self, path: &str, body: &[u8]) -> Result<Answer, Failure> {
        let body_digest = sha256(body);
        let jti = Uuid::now_v7().to_string();
        let host = self.connection.host();
        let request = proof::Request {
            method: "POST",
            scheme: "http",
            host,
            path,
            body_digest: &body_digest,
        };
        let input = ProofInput {
            request,
            token: self.token.as_deref(),
            nonce: self.nonce.as_deref(),
            jti: &jti,
            issued_at_seconds: outside::now().0.div_euclid(SECOND_MS),
        };
        let proof = self.key.proof(&input, &self.random).map_err(Failure::fault)?;
        let authorization = self.token.as_ref().map(|token| format!("DPoP {token}"));
        let mut headers = vec![("DPoP", proof.as_str())];
        headers.extend(authorization.as_deref().map(|value| ("Authorization", value)));
        let request = Request { method: "POST", target: path, headers: &headers, body };
        let answer = self.connection.send(&request).await.map_err(|error| {
            let host = self.connection.host();
            Failure::fault(format!("nobody answers at {host} ({error}): does `yaoki serve` run?"))
        })?;
        if answer.nonce.is_some() {
            self.nonce.clone_from(&answer.nonce);
        }
        Ok(answer)
    }
}
