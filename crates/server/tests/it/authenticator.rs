//! Passkeys of the people in these tests, made and used in their browsers.

use serde_json::{Value, json};
use yaoki_server::client::DeviceClient;

use crate::world::World;

#[path = "../../src/identity/passkey/authenticator.rs"]
mod device;

pub(crate) use self::device::Authenticator;

impl World {
    /// Makes a passkey for what `begin` asks for, as the field `passkey` takes it.
    pub(crate) fn made(
        &self,
        device: &mut DeviceClient,
        (path, begin): (&str, &Value),
        authenticator: &mut Authenticator,
    ) -> Value {
        let asked = self.told(device, path, begin);
        let answer = self.run(authenticator.make(&asked["options"])).expect("it makes one");
        json!({ "ceremony": asked["ceremony"], "answer": answer })
    }

    /// Uses a passkey for what `begin` asks for, as the field `passkey` takes it.
    pub(crate) fn signed(
        &self,
        device: &mut DeviceClient,
        (path, begin): (&str, &Value),
        authenticator: &mut Authenticator,
    ) -> Value {
        let asked = self.told(device, path, begin);
        let answer = self.run(authenticator.sign(&asked["options"])).expect("it signs");
        json!({ "ceremony": asked["ceremony"], "answer": answer })
    }
}
