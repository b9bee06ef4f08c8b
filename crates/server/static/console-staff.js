// Operators with passkeys: registering one at a link, signing in, being verified again; what waits
// for a second person, and who works here.

import { Unreachable, announce, fill, make, newRequestId, pause, say, the } from "./page.js";
import { ProvingKey } from "./device.js";
import { ask, because, facts, showTrouble, when } from "./console-book.js";

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

async function ceremony(asked, work) {
  let credential;
  try {
    credential = await work();
  } catch {
    // The browser tells nobody which.
    throw new Declined();
  }
  return { ceremony: asked.ceremony, answer: credential.toJSON() };
}

const makePasskey = (asked) =>
  ceremony(asked, () => {
    const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(asked.options);
    return navigator.credentials.create({ publicKey });
  });

const usePasskey = (asked) =>
  ceremony(asked, () => {
    const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(asked.options);
    return navigator.credentials.get({ publicKey });
  });

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

/** Registers a passkey at the link of this token. */
export async function register(token) {
  const key = await ProvingKey.passing();
  const asked = await key.call(SIGN_IN, { act: "begin_registration", link_token: token });
  const passkey = await makePasskey(asked);
  await insist(key, SIGN_IN, { act: "register", request_id: newRequestId(), link_token: token, passkey });
}

/** Signs in with a passkey; the key of the session, kept under `name`. */
export async function signInByPasskey(name) {
  const key = await ProvingKey.passing();
  const passkey = await usePasskey(await key.call(SIGN_IN, { act: "begin" }));
  return key.become(name, await insist(key, SIGN_IN, { act: "passkey", request_id: newRequestId(), passkey }));
}

/** Does what may need its operator verified a moment ago: asks for the passkey then. */
async function verified(work) {
  try {
    return await work();
  } catch (error) {
    if (error.refusal !== "verification_must_be_fresh") throw error;
    const passkey = await usePasskey(await ask("own", { act: "begin_verification" }));
    await ask("own", { act: "verify", request_id: newRequestId(), passkey });
    return work();
  }
}

const loading = () => make("p", { class: "quiet", role: "status", text: say("console-loading") });

/** Who looks; null where a link signed him in. */
async function look() {
  try {
    return await ask("own", { act: "look" });
  } catch (error) {
    if (error.refusal === "staff_session_must_be_open") return null;
    throw error;
  }
}

/** Shows what waits for a second person, or to be carried out. */
export async function enterApprovals(parameters, stands) {
  const place = the("approvals-list");
  const again = () => enterApprovals(parameters, stands);
  fill(place, loading());
  try {
    const { proposals } = await ask("proposals");
    const own = await look();
    if (!stands()) return;
    const waiting = proposals.filter(({ state }) => state === "open" || state === "approved");
    const none = make("p", { class: "notice good", text: say("console-approvals-none") });
    fill(place, ...(waiting.length > 0 ? waiting.map((proposal) => card(proposal, own, again)) : [none]));
  } catch (error) {
    if (stands()) showTrouble(place, error, again);
  }
}

/** Each field of an act, as it was agreed on. */
const fields = ({ act: _, ...rest }) =>
  Object.entries(rest).map(([name, value]) => [name, make("code", { text: [value].flat().join(", ") })]);

function card(proposal, own, again) {
  const { what, reason, proposer, proposer_name: name, state, expires_at: expires } = proposal;
  const told = make("div", { role: "alert" });
  const actions = make("p", { class: "line" });
  const button = (text, kind, work) => make("button", { type: "button", class: kind, text, onclick: () => run(work) });
  const run = async (work) => {
    for (const one of actions.children) one.disabled = true;
    try {
      const done = await work();
      if (!done?.link) return again();
      // It is told once: whoever is meant registers there.
      announce(say("console-approvals-done"));
      fill(told, facts([[say("console-approvals-link"), make("code", { text: done.link })]]));
    } catch (error) {
      fill(told, make("p", { class: "notice bad", text: whyNot(error) }));
      for (const one of actions.children) one.disabled = false;
    }
  };
  // The same ids however often they are pressed: what was done is done once.
  const [decided, carried] = [newRequestId(), newRequestId()];
  const decide = (decision) => () =>
    verified(() => ask("decide", { request_id: decided, proposal: proposal.proposal, decision }));
  const carry = () => verified(() => ask("act", { request_id: carried, what, proposal: proposal.proposal }));
  const isOwn = own?.operator === proposer;
  if (own && state === "open" && !isOwn) {
    actions.append(button(say("console-approve"), "act", decide("approve")));
    actions.append(button(say("console-refuse"), null, decide("refuse")));
  }
  if (own && state === "open" && isOwn) actions.append(button(say("console-withdraw"), null, decide("refuse")));
  if (own && state === "approved") actions.append(button(say("console-carry-out"), "act", carry));
  return make("article", { class: "card shop" },
    make("h2", {}, make("code", { text: what.act }), " ",
      state === "approved" && make("span", { class: "tag good", text: say("console-approved") })),
    facts([
      ...fields(what),
      [say("console-proposer"), name],
      [say("console-reason"), reason],
      [say("console-approvals-until"), when(expires)],
    ]),
    actions, told);
}

/** Shows every operator with roles and passkeys. */
export async function enterColleagues(parameters, stands) {
  const place = the("colleagues-list");
  fill(place, loading());
  try {
    const { operators } = await ask("operators");
    if (!stands()) return;
    const none = make("p", { text: say("console-colleagues-none") });
    fill(place, ...(operators.length > 0 ? operators.map(colleague) : [none]));
  } catch (error) {
    if (stands()) showTrouble(place, error, () => enterColleagues(parameters, stands));
  }
}

function colleague({ operator, name, roles, state, passkeys }) {
  const [word, tone] = state === "active" ? ["console-active", "good"] : ["console-ended", "bad"];
  const active = passkeys.filter((passkey) => passkey.state === "active");
  return make("article", { class: "card shop" },
    make("h2", {}, name, " ", make("code", { class: "quiet", text: operator }), " ",
      make("span", { class: `tag ${tone}`, text: say(word) })),
    facts([
      [say("console-roles"), roles.join(", ")],
      [say("console-passkeys"), String(active.length)],
    ]));
}
