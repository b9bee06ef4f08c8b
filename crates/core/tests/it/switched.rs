//! What switches stop of members' acts.

use yaoki_core::command::Command;
use yaoki_core::identity::act::{By, Identity, IdentityAct, NewDevice, Tokens};
use yaoki_core::identity::challenge::{Challenge, ChallengeState, Purpose};
use yaoki_core::identity::credential::{CredentialKind, NewCredential};
use yaoki_core::ids::{FactId, MemberNumber, RequestId};
use yaoki_core::message::{Address, Channel, Language};
use yaoki_core::state::Verification;
use yaoki_core::switches::{Capability, Scope, provider_number};
use yaoki_core::time::Instant;

use crate::world::World;

const BROWSER: [u8; 32] = [7; 32];
const PROVIDER: &str = "group-id";

/// The subject of a switch of one of these capabilities.
pub(crate) fn subject(scope: Scope) -> i64 {
    match scope {
        Scope::Provider => provider_number(PROVIDER),
        Scope::Member => 2,
        _ => 0,
    }
}

fn device() -> NewDevice {
    NewDevice { public_key: [9; 65], label: "Safari on iPhone".to_owned(), secret: [5; 32] }
}

fn factor(kind: CredentialKind) -> NewCredential {
    NewCredential { kind, lookup: vec![3; 32], secret: vec![4], label: PROVIDER.to_owned() }
}

fn decide(world: &mut World, by: By, act: IdentityAct, request: u8) -> String {
    let member = match act {
        IdentityAct::SignUp { .. } => MemberNumber::NONE,
        _ => MemberNumber(2),
    };
    let (request, tokens) = (RequestId([request; 16]), Tokens::default());
    let identity = Identity { request, member, by, tokens, act };
    let decision = world.run(&[Command::Identity(identity)]).remove(0);
    world.say(&decision)
}

/// What is said of the act that a capability allows, of member 2 or of somebody new.
pub(crate) fn said(world: &mut World, capability: Capability) -> String {
    let browser = By::Browser(BROWSER);
    match capability {
        Capability::SignUp => {
            let id = Challenge::id_of(Purpose::SignUp, &BROWSER);
            let challenge = Challenge {
                id,
                purpose: Purpose::SignUp,
                member: MemberNumber::NONE,
                channel: Channel::Mail,
                contact: [6; 32],
                address: Address("hanako@example.jp".to_owned()),
                language: Language::Japanese,
                code: [0; 32],
                tries: 0,
                message: [0; 32],
                state: ChallengeState::Confirmed,
                expires_at: Instant(i64::MAX),
            };
            world.challenges.insert(id, challenge);
            let (device, factor) = (device(), factor(CredentialKind::Passkey));
            let act = IdentityAct::SignUp { challenge: id, device, factor, terms: 1 };
            decide(world, browser, act, 201)
        }
        Capability::Recovery => {
            let act = IdentityAct::StartRecovery {
                challenges: Vec::new(),
                code: None,
                passkey: None,
                token: [1; 32],
                binding: BROWSER,
            };
            decide(world, browser, act, 202)
        }
        Capability::ExternalId => {
            let id = world.members[&MemberNumber(2)].device;
            let session = world.people.devices[&id].session;
            let by = By::Device { device: id, session };
            let verify = IdentityAct::Verify(Verification::Passkey, None);
            assert_eq!(decide(world, by, verify, 203), "user_verified");
            let link = IdentityAct::AddFactor(factor(CredentialKind::ExternalId));
            let linked = decide(world, by, link, 204);
            let row = world.people.credentials.values().find(|row| row.label == PROVIDER);
            let used = row.map(|row| (row.id, row.used)).or(Some((FactId(1), 0)));
            let act = IdentityAct::OpenSession(id, Verification::ExternalId, used);
            if linked.starts_with("refused") { linked } else { decide(world, by, act, 205) }
        }
        other => unreachable!("{other} is no capability of members' acts"),
    }
}

/// What each of them is told when it is closed.
pub(crate) fn refused() -> Vec<String> {
    let capabilities = [Capability::SignUp, Capability::Recovery, Capability::ExternalId];
    let told = capabilities.into_iter().map(|capability| {
        let mut world = World::new();
        world.play(&format!("shut {capability} everything 0"));
        said(&mut world, capability)
    });
    told.collect()
}

#[test]
fn what_a_switch_of_members_acts_stops_goes_on_without_it() {
    for (capability, expected) in [
        (Capability::SignUp, "member_created"),
        (Capability::Recovery, "refused proofs_must_differ"),
        (Capability::ExternalId, "session_opened"),
    ] {
        assert_eq!(said(&mut World::new(), capability), expected, "{capability}");
    }
}
