// Passkeys of operators: registering one at a link, signing in with one, showing it once more, and
// the digits by which two people compare one.

import { Unreachable, newRequestId, pause, say } from "./page.js";
import { ProvingKey } from "./device.js";
import { ask, because } from "./console-book.js";

const SIGN_IN = "/v1/console/sign-in";
const TRIES_MAX = 3;

/** No passkey was used: its holder said no, has none here, or let the time pass. */
class Declined extends Error {}

/** Whether this browser can make and use passkeys here. */
export const hasPasskeys = () =>
  typeof PublicKeyCredential === "function" &&
  typeof PublicKeyCredential.parseCreationOptionsFromJSON === "function";

/** Why, in words. */
export const whyNot = (error) => (error instanceof Declined ? say("console-passkey-declined") : because(error));

/** What two people compare of a passkey: the first eight hex digits of its name. */
export const digitsOf = (passkey) => `${passkey.slice(0, 4)} ${passkey.slice(4, 8)}`;

async function ceremony({ options, ceremony }, act, read) {
  try {
    const credential = await navigator.credentials[act]({ publicKey: PublicKeyCredential[read](options) });
    return { ceremony, answer: credential.toJSON() };
  } catch {
    // The browser tells nobody why.
    throw new Declined();
  }
}

const makePasskey = (asked) => ceremony(asked, "create", "parseCreationOptionsFromJSON");
const usePasskey = (asked) => ceremony(asked, "get", "parseRequestOptionsFromJSON");

/** Posts, and the same again where no answer came: it is done once. */
async function insist(key, path, body) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await key.call(path, body);
    } catch (error) {
      if (!(error instanceof Unreachable) || tries === TRIES_MAX) throw error;
      await pause(1_000 * tries);
    }
  }
}

/** Registers a passkey at the link of this token; its name, and whether a colleague must confirm it. */
export async function register(token) {
  const key = await ProvingKey.passing();
  const asked = await key.call(SIGN_IN, { act: "begin_registration", link_token: token });
  const passkey = await makePasskey(asked);
  return insist(key, SIGN_IN, { act: "register", request_id: newRequestId(), link_token: token, passkey });
}

/** Signs in with a passkey; the key of the session, kept under `name`. */
export async function signInByPasskey(name) {
  const key = await ProvingKey.passing();
  const passkey = await usePasskey(await key.call(SIGN_IN, { act: "begin" }));
  return key.become(name, await insist(key, SIGN_IN, { act: "passkey", request_id: newRequestId(), passkey }));
}

/** Does what may need its operator verified a moment ago: asks for the passkey then. */
export async function verified(work) {
  try {
    return await work();
  } catch (error) {
    if (error.refusal !== "verification_must_be_fresh") throw error;
    const passkey = await usePasskey(await ask("own", { act: "begin_verification" }));
    await ask("own", { act: "verify", request_id: newRequestId(), passkey });
    return work();
  }
}
