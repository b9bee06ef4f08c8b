//! The life of a member, a step a line: who does what. See [`Life::command`] for the words.
//!
//! | who                     | meaning                                                      |
//! | ----------------------- | ------------------------------------------------------------ |
//! | `old`, `new`, …         | a device, under its present session; `old!` under another's  |
//! | `key:NAME`              | a browser that has the key NAME and nothing else             |
//! | `mail`                  | whoever holds a link from a message                          |
//! | `staff`                 | the help desk, two where it takes two                        |
//!
//! Words without such a subject are those of [`crate::script`]: `wait 3d`, `freeze 4`, `shut …`.

use std::collections::BTreeMap;

use yaoki_core::command::{Act, Command};
use yaoki_core::decide::{Decision, Outcome};
use yaoki_core::facts::EventKind;
use yaoki_core::identity::CHALLENGE_MS;
use yaoki_core::identity::act::{By, Identity, IdentityAct, NewDevice, Tokens, Use};
use yaoki_core::identity::challenge::{Challenge, ChallengeState, Purpose};
use yaoki_core::identity::credential::{CredentialKind, NewCredential};
use yaoki_core::ids::{FactId, MemberNumber, RequestId};
use yaoki_core::message::{Address, Channel, Language};
use yaoki_core::state::{Device, Evidence, Member, Verification};
use yaoki_core::time::{HOUR_MS, Instant, MINUTE_MS};

use crate::world::World;

/// The member whose life it is: the first after those of the world.
pub(crate) const MEMBER: MemberNumber = MemberNumber(4);
const CODE: &str = "12345678";
const INVITATION: [u8; 32] = [0x1A; 32];
const TOKEN: [u8; 32] = [0x7C; 32];

/// A digest of a name, in the place of whatever is a digest.
pub(crate) fn digest(name: &str) -> [u8; 32] {
    *blake3::hash(name.as_bytes()).as_bytes()
}

pub(crate) fn new_device(name: &str) -> NewDevice {
    let mut public_key = [4; 65];
    public_key[1..33].copy_from_slice(&digest(name));
    NewDevice { public_key, label: format!("phone {name}"), secret: digest(&format!("of {name}")) }
}

fn new_factor(kind: CredentialKind, name: &str) -> NewCredential {
    let found = matches!(kind, CredentialKind::Passkey | CredentialKind::ExternalId);
    NewCredential {
        kind,
        lookup: if found { digest(name).to_vec() } else { Vec::new() },
        secret: digest(&format!("secret of {name}")).to_vec(),
        label: name.to_owned(),
    }
}

fn factor_kind(word: &str) -> CredentialKind {
    CredentialKind::from_name(word).unwrap()
}

/// A world in which one more member lives.
#[derive(Clone)]
pub(crate) struct Life {
    pub(crate) world: World,
    devices: BTreeMap<String, FactId>,
    requests: u128,
}

impl Life {
    /// Signed up at noon on the device `old`, by passkey, with the mail address `mail`.
    pub(crate) fn new() -> Self {
        let world = World::new();
        let mut life = Self { world, devices: BTreeMap::new(), requests: 1 << 100 };
        life.play("key:old open sign_up mail; key:old try sign_up; key:old sign_up passkey");
        life
    }

    /// The same eight days later, with another address, a password, one-time passwords and recovery
    /// codes; its user was not verified since.
    pub(crate) fn settled() -> Self {
        let mut life = Self::new();
        life.play("old open add_contact phone; old try add_contact; old contact");
        life.play("old factor password; old factor totp; old factor recovery_codes; wait 8d");
        life
    }

    pub(crate) fn member(&self) -> &Member {
        &self.world.members[&MEMBER]
    }

    pub(crate) fn device(&self, name: &str) -> &Device {
        &self.world.people.devices[&self.devices[name]]
    }

    /// Plays steps parted by `;`, and says what came of the last.
    pub(crate) fn play(&mut self, script: &str) -> String {
        let steps = script.split(';').map(str::trim).filter(|step| !step.is_empty());
        steps.map(|step| self.step(step)).last().unwrap_or_default()
    }

    fn step(&mut self, step: &str) -> String {
        match self.command(step) {
            None => self.world.play(step),
            Some(command) => self.ask(&command),
        }
    }

    /// Asks, keeps the name of a device that came of it, and says what was answered.
    pub(crate) fn ask(&mut self, command: &Command) -> String {
        let answer = self.world.run(std::slice::from_ref(command)).remove(0);
        self.learn(command, &answer);
        self.world.say(&answer)
    }

    fn learn(&mut self, command: &Command, answer: &Decision) {
        let Command::Identity(Identity { act, .. }) = command else { return };
        let Decision::Done(Outcome::Done { event, .. }) = answer else { return };
        let name = |device: &NewDevice| device.label.strip_prefix("phone ").unwrap().to_owned();
        let (name, id) = match act {
            IdentityAct::SignUp { device, .. } => (name(device), FactId(event.id.0).plus(2)),
            IdentityAct::RedeemInvitation(_, device) | IdentityAct::AddDevice(_, device) => {
                (name(device), FactId(event.object))
            }
            IdentityAct::FinishRecovery(_, _, device, _) => (name(device), FactId(event.number)),
            _ => return,
        };
        self.devices.insert(name, id);
    }

    /// The names of the messages that a step sends, with their addresses, in order.
    pub(crate) fn told(&mut self, step: &str) -> Vec<String> {
        let before = self.world.messages.len();
        self.play(step);
        // What is over when it is written goes to nobody.
        let new = self.world.messages[before..].iter();
        let new = new.filter(|message| message.created_at < message.expires_at);
        let mut told: Vec<String> =
            new.map(|message| format!("{} {}", message.template, message.address.0)).collect();
        told.sort();
        told
    }

    /// The command of a step; none where it is no act of a member's.
    pub(crate) fn command(&mut self, step: &str) -> Option<Command> {
        let words: Vec<&str> = step.split_whitespace().collect();
        if words[0] == "staff" {
            let act = self.act_of_staff(&words[1..]);
            return Some(self.world.administer(act));
        }
        let by = self.by(words[0])?;
        self.requests += 1;
        let stranger = matches!(words[1], "sign_up" | "redeem" | "open" | "try");
        let named = !stranger || matches!(by, By::Device { .. });
        Some(Command::Identity(Identity {
            request: RequestId(self.requests.to_be_bytes()),
            member: if named { MEMBER } else { MemberNumber::NONE },
            by,
            tokens: Tokens {
                freeze: "f".to_owned(),
                contest: "c".to_owned(),
                back: "b".to_owned(),
            },
            act: self.act(words[0].trim_start_matches("key:"), &words[1..]),
        }))
    }

    fn by(&self, who: &str) -> Option<By> {
        if let Some(name) = who.strip_prefix("key:") {
            return Some(By::Browser(digest(name)));
        }
        let name = who.trim_end_matches('!');
        match name {
            "mail" => Some(By::Message),
            name => {
                let device = *self.devices.get(name)?;
                let session = self.world.people.devices[&device].session;
                let session = if who.ends_with('!') { FactId(7) } else { session };
                Some(By::Device { device, session })
            }
        }
    }

    /// A device by its name; one that was never there for any other.
    fn named(&self, words: &[&str], place: usize) -> FactId {
        let name = words.get(place).copied().unwrap_or_default();
        self.devices.get(name).copied().unwrap_or(FactId(5))
    }

    fn act(&self, who: &str, words: &[&str]) -> IdentityAct {
        let word = |place: usize| words.get(place).copied().unwrap_or_default();
        let soon = self.world.now.plus_ms(5 * MINUTE_MS);
        match words[0] {
            "sign_up" => IdentityAct::SignUp {
                challenge: Challenge::id_of(Purpose::SignUp, &digest(who)),
                device: new_device(who),
                factor: new_factor(factor_kind(word(1)), "passkey"),
                terms: if word(2) == "unread" { 0 } else { 3 },
            },
            "sign_in" => {
                let (verified, used) = self.verification(word(1));
                IdentityAct::OpenSession(self.devices[who.trim_end_matches('!')], verified, used)
            }
            "sign_out" => IdentityAct::EndSession,
            "verify" => {
                let (verified, used) = self.verification(word(1));
                IdentityAct::Verify(verified, used)
            }
            "restore" => {
                let (verified, used) = self.verification(word(2));
                IdentityAct::RestoreDevice(self.named(words, 1), new_device(who), verified, used)
            }
            "invite" if word(1) == "long" => IdentityAct::Invite(INVITATION, soon.plus_ms(1)),
            "invite" => IdentityAct::Invite(invitation(word(1)), soon),
            "redeem" => IdentityAct::RedeemInvitation(invitation(word(1)), new_device(who)),
            "approve" => {
                let secret = (word(2) == "paying").then(|| digest("approved"));
                IdentityAct::ApproveDevice(self.named(words, 1), secret)
            }
            "end" => IdentityAct::EndDevice(self.named(words, 1)),
            "add" => IdentityAct::AddDevice(self.factor("passkey"), new_device(who)),
            "move" => IdentityAct::MovePayingRight(self.named(words, 1), digest("moved")),
            "refuse" => IdentityAct::RefusePayingRight(self.named(words, 1)),
            "evidence" => {
                let evidence = Evidence::from_name(word(2)).unwrap();
                IdentityAct::AddEvidence(self.named(words, 1), evidence)
            }
            _ => self.act_on_wallet(who, words),
        }
    }

    fn act_on_wallet(&self, who: &str, words: &[&str]) -> IdentityAct {
        let word = |place: usize| words.get(place).copied().unwrap_or_default();
        let recovery = self.recovery();
        let add_contact = Challenge::id_of(Purpose::AddContact, &digest(who));
        match words[0] {
            "open" => {
                let challenge = self.challenge(who, word(1), word(2));
                IdentityAct::OpenChallenge(challenge, CODE.to_owned())
            }
            "try" => {
                let id = Challenge::id_of(Purpose::from_name(word(1)).unwrap(), &digest(who));
                let typed = if word(2) == "wrong" { "87654321" } else { CODE };
                IdentityAct::TryChallenge(id, digest(typed))
            }
            "factor" => {
                let name = if word(2).is_empty() { word(1) } else { word(2) };
                IdentityAct::AddFactor(new_factor(factor_kind(word(1)), name))
            }
            "unfactor" => IdentityAct::EndFactor(self.factor(word(1))),
            "contact" => IdentityAct::AddContact(add_contact),
            "uncontact" => IdentityAct::EndContact(digest(word(1))),
            "return" => IdentityAct::ReturnContact(digest(word(1))),
            "consent" => IdentityAct::Consent(word(1).parse().unwrap()),
            "freeze" => IdentityAct::Freeze,
            "unfreeze" => IdentityAct::Unfreeze,
            "close" => IdentityAct::Close,
            "notice" => IdentityAct::NoticeSignIn("Firefox".to_owned()),
            "recover" => self.recover(who, word(1)),
            "contest" => IdentityAct::ContestRecovery(recovery),
            "cancel" => IdentityAct::CancelRecovery(recovery),
            "finish" => {
                let token = if word(1) == "wrong" { [1; 32] } else { TOKEN };
                let lately = Instant(self.world.now.0 - HOUR_MS);
                let seen_at = match word(1) {
                    "seen" => lately,
                    // Noted before the start: within the hour it may have signed again.
                    "noted" => Instant(recovery.at().0 - HOUR_MS + 1),
                    "noted_before" => Instant(recovery.at().0 - HOUR_MS),
                    _ => Instant(0),
                };
                IdentityAct::FinishRecovery(recovery, token, new_device(who), seen_at)
            }
            other => panic!("{other} is no act"),
        }
    }

    /// The newest recovery; one that was never there without any.
    fn recovery(&self) -> FactId {
        self.world.people.recoveries.keys().next_back().copied().unwrap_or(FactId(5))
    }

    fn act_of_staff(&self, words: &[&str]) -> Act {
        match words[0] {
            "freeze" => Act::FreezeOnCall(MEMBER),
            "end" => Act::EndDevice(self.named(words, 1)),
            "vouch" => Act::VouchForMember(MEMBER, Challenge::shown_of(&digest(words[1]))),
            "allow" => Act::AllowRecovery(MEMBER, self.recovery()),
            "stop" => Act::EndRecovery(MEMBER, self.recovery()),
            other => panic!("{other} is no act of staff"),
        }
    }

    /// Proofs parted by `+`: `mail`, `phone`, `counter`, `code` (the first, or another as `code1`),
    /// `passkey`.
    fn recover(&self, who: &str, proofs: &str) -> IdentityAct {
        let (mut challenges, mut code, mut passkey) = (Vec::new(), None, None);
        let id_of = |purpose| Challenge::id_of(purpose, &digest(who));
        let shown = Challenge::shown_of(&digest(who));
        for proof in proofs.split('+').filter(|proof| !proof.is_empty()) {
            match proof {
                "mail" => challenges.push(id_of(Purpose::RecoverByMail)),
                "phone" => challenges.push(id_of(Purpose::RecoverByPhone)),
                "counter" => challenges.push(Challenge::id_of_counter(&shown)),
                "code" => code = Some((self.factor("recovery_codes"), 0)),
                "code1" => code = Some((self.factor("recovery_codes"), 1)),
                "passkey" => passkey = Some(self.factor("passkey")),
                other => panic!("{other} is no proof"),
            }
        }
        let binding = digest(who);
        IdentityAct::StartRecovery { challenges, code, passkey, token: TOKEN, binding }
    }

    fn challenge(&self, who: &str, purpose: &str, address: &str) -> Challenge {
        let purpose = Purpose::from_name(purpose).unwrap();
        let recovers = matches!(purpose, Purpose::RecoverByMail | Purpose::RecoverByPhone);
        let is_phone = address.starts_with("phone");
        Challenge {
            id: Challenge::id_of(purpose, &digest(who)),
            purpose,
            member: if purpose == Purpose::SignUp { MemberNumber::NONE } else { MEMBER },
            channel: if is_phone { Channel::Sms } else { Channel::Mail },
            contact: digest(address),
            address: Address(if recovers { String::new() } else { address.to_owned() }),
            language: Language::English,
            code: digest(CODE),
            tries: 0,
            message: [0; 32],
            state: ChallengeState::Waiting,
            expires_at: self.world.now.plus_ms(CHALLENGE_MS),
        }
    }

    /// `passkey`, `password`, `external_id`, `device_key`; `totp:N`, `code:N`: the password and
    /// that time step or recovery code; `totp` alone claims one without naming it.
    fn verification(&self, word: &str) -> (Verification, Use) {
        if let Some(step) = word.strip_prefix("totp:") {
            let used = (self.factor("totp"), step.parse().unwrap());
            return (Verification::PasswordAndFactor, Some(used));
        }
        if let Some(place) = word.strip_prefix("code:") {
            let used = (self.factor("recovery_codes"), place.parse().unwrap());
            return (Verification::PasswordAndFactor, Some(used));
        }
        match word {
            "totp" => (Verification::PasswordAndFactor, None),
            "" => (Verification::Passkey, None),
            word => (Verification::from_name(word).unwrap(), None),
        }
    }

    /// The newest factor of this kind, ended or not.
    fn factor(&self, kind: &str) -> FactId {
        let all = self.world.people.credentials.values();
        let mut theirs = all.filter(|row| row.member == MEMBER && row.kind == factor_kind(kind));
        theirs.next_back().map_or(FactId(5), |row| row.id)
    }

    /// How many events of this kind there are about the member.
    pub(crate) fn count(&self, kind: EventKind) -> usize {
        let all = self.world.events.values();
        all.filter(|event| event.kind == kind && event.subject == MEMBER.0).count()
    }
}

fn invitation(name: &str) -> [u8; 32] {
    if name.is_empty() { INVITATION } else { digest(name) }
}
