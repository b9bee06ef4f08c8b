// How a browser becomes a member's device, or one again: signing up, signing in, joining by an
// invitation, and by an account at a provider, which is linked by the same way there and back.
//
// Every step is proved by one key, which is kept before anything is sent, and becomes the device's.
// Where somebody is on the way is kept, too, so that a reload goes on there. No password is kept.

import { announce, fill, language, make, newRequestId, pause, say, the } from "./page.js";
import { ProvingKey } from "./device.js";
import { drop, find, keep } from "./kept.js";
import { DEVICE, Declined, NONCES, because, isPassing, member, trouble, wasKnown } from "./wallet-member.js";
import {
  addressField,
  button,
  codeField,
  digitsOf,
  field,
  form,
  freezeButton,
  hasPasskeys,
  insist,
  makePasskey,
  more,
  notices,
  passwordField,
  passwordFields,
  prove,
  run,
  saying,
  secondOf,
  titled,
  typedAtOnce,
  usePasskey,
  withPasskey,
  withPassword,
} from "./wallet-acts.js";

const NEWCOMER = "newcomer";
const SIGN_UP = "/v1/member/sign-up";
const SIGN_IN = "/v1/member/sign-in";
const JOIN = "/v1/member/join";
const EXTERNAL = "/v1/member/external";
const WAY = "way";
/** What is kept of a member who has left for a provider. */
const AWAY = "away";
const LOOK_MS = 2000;
const INVITATION_LENGTH = 8;

let onEntered = () => {};
/** Which visit of the view this is: what belongs to an earlier one comes too late. */
let visit = 0;

/** Begins; `entered` is called with the key of the device that this browser has become. */
export function begin(entered) {
  onEntered = entered;
}

const newcomer = () => ProvingKey.newcomer(NEWCOMER, NONCES);

/** How far somebody is: `sign-up` or `join`, and what belongs to it. */
const way = async () => (await find("state", WAY)) ?? {};
const remember = (more) => keep("state", WAY, more);

/** Shows one step. */
export function step(title, ...children) {
  visit += 1;
  titled(the("enter-title"), say(title));
  fill(the("enter"), ...children);
  return visit;
}

const text = (key, values) => make("p", { text: say(key, values) });

/** What is going on, while nothing else can be done. */
const waiting = (key) =>
  make(
    "div",
    { class: "waiting", role: "status" },
    make("span", { class: "spinner", "aria-hidden": "true" }),
    text(key),
  );

async function become(key, answer) {
  const device = await key.become(DEVICE, answer);
  await drop("state", WAY);
  await onEntered(device, answer);
}

/** What the view shows under each name. */
const STEPS = {
  "sign-up": signUp,
  "sign-in": signIn,
  join: joinBy,
  again,
  back,
};

/** Shows a step; `brought` is what the address brought: an invitation, or what a provider sent. */
export const enter = (name, brought) => STEPS[name](brought);
export function leave() {
  visit += 1;
}

/* Signing up. */

async function signUp() {
  // The title is there at once.
  askAddress("");
  const { kind, address, step: reached, finishes } = await way();
  if (kind !== "sign-up") return;
  if (finishes && (await wasFinished(finishes))) return;
  if (reached === "code") askCode(address);
  else if (reached === "factor") askFactor(address);
}

function askAddress(address) {
  const fields = [addressField()];
  fields[0].querySelector("input").value = address;
  step(
    "wallet-sign-up-title",
    text("wallet-sign-up-how"),
    form(
      "address-form",
      fields,
      "wallet-code-send",
      async (values) => {
        await sendCode(values.address);
        askCode(values.address);
      },
      { meant: say("wallet-address-wrong") },
    ),
  );
}

async function sendCode(address) {
  const key = await newcomer();
  await insist(key, SIGN_UP, { act: "begin", address, language });
  await remember({ kind: "sign-up", address, step: "code" });
}

function askCode(address) {
  const said = saying();
  const send = async ({ code }) => {
    const key = await newcomer();
    const answer = await insist(key, SIGN_UP, { act: "code", code: digitsOf(code) });
    if (!answer.confirmed) {
      said.textContent = say("wallet-code-wrong", { tries: answer.tries_left });
      said.hidden = false;
      return;
    }
    await remember({ kind: "sign-up", address, step: "factor" });
    askFactor(address);
  };
  const again = async () => {
    await sendCode(address);
    askCode(address);
    announce(say("wallet-code-sent", { address }));
  };
  step(
    "wallet-code-step",
    text("wallet-code-sent", { address }),
    said,
    typedAtOnce(form("code-form", [codeField("wallet-typed-code", 8)], "wallet-next", send)),
    make(
      "div",
      { class: "choices" },
      button("wallet-code-again", again, { said }),
      button("wallet-address-other", () => askAddress(address), { said }),
    ),
  );
  the("enter").querySelector("input").focus();
}

function askFactor(address) {
  const terms = Number(the("view-enter").dataset.terms);
  const agreed = make("input", { type: "checkbox", id: "terms-agreed", required: true });
  const said = saying();
  const finish = async (factor) => {
    if (!agreed.checked) {
      said.textContent = say("wallet-terms-missing");
      said.hidden = false;
      agreed.focus();
      return;
    }
    said.hidden = true;
    const key = await newcomer();
    const proof = await factor(key);
    const { finishes: kept } = await way();
    const finishes = kept ?? { act: "finish", request_id: newRequestId(), terms };
    await remember({ kind: "sign-up", address, step: "factor", finishes });
    await become(key, await insist(key, SIGN_UP, { ...finishes, ...proof }));
  };
  const passkey = () =>
    finish(async (key) => ({ passkey: await makePasskey(await insist(key, SIGN_UP, { act: "passkey" })) }));
  const password = ({ password: typed }) => finish(() => ({ password: typed }));
  const typing = form("password-form", [passwordField(true)], "wallet-password-set", password, {
    kind: hasPasskeys() ? "" : "act",
  });
  step(
    "wallet-factor-title",
    notices(terms),
    make(
      "label",
      { class: "check", for: "terms-agreed" },
      agreed,
      make("span", { text: say("wallet-terms-agree", { version: terms }) }),
    ),
    said,
    hasPasskeys() && button("wallet-passkey-make", passkey, { said, kind: "act big wide" }),
    hasPasskeys() && text("wallet-passkey-why"),
    hasPasskeys() ? more("wallet-password-instead", typing) : typing,
  );
}

/** Whether an answer that was lost said that the wallet was made. */
async function wasFinished(finishes) {
  const key = await newcomer();
  try {
    await become(key, await insist(key, SIGN_UP, finishes));
    return true;
  } catch (error) {
    if (isPassing(error)) trouble(error);
    return false;
  }
}

/* Signing in. */

async function signIn() {
  const said = saying();
  const known = wasKnown();
  step(
    known ? "wallet-back-title" : "wallet-sign-in-title",
    text(known ? "wallet-back-how" : "wallet-sign-in-how"),
    hasPasskeys() && button("wallet-passkey-use", byPasskey, { said, kind: "act big wide" }),
    said,
    more("wallet-join-way", text("wallet-join-how"), joinForm("")),
    more(
      "wallet-password-way",
      form(
        "sign-in-form",
        [addressField(), ...passwordFields(false)],
        "wallet-sign-in-act",
        byPassword,
        { meant: say("wallet-address-wrong") },
      ),
    ),
    make("a", { class: "button lost", href: "#/recover", text: say("wallet-recover-way") }),
  );
  const { kind, device } = await way();
  if (kind === "join" && device) await waitForApproval(device);
}

async function byPasskey() {
  const key = await newcomer();
  const passkey = await usePasskey(await insist(key, SIGN_IN, { act: "begin" }));
  const body = { act: "passkey", request_id: newRequestId(), passkey };
  await become(key, await insist(key, SIGN_IN, body));
}

async function byPassword({ address, password, code }) {
  const key = await newcomer();
  const body = { act: "password", request_id: newRequestId(), address, password };
  try {
    const answer = await insist(key, SIGN_IN, { ...body, code: secondOf(code) });
    await become(key, answer);
  } catch (error) {
    if (error.refusal !== "continue_on_your_device") throw error;
    guide();
  }
}

/** A password alone opens nothing here, right or wrong; what does is said. */
function guide() {
  const said = saying();
  step(
    "wallet-guide-title",
    text("wallet-guide-why"),
    hasPasskeys() && text("wallet-guide-passkey"),
    hasPasskeys() && button("wallet-passkey-use", byPasskey, { said, kind: "act wide" }),
    said,
    text("wallet-guide-join"),
    joinForm(""),
    text("wallet-guide-recover"),
    make("a", { class: "button", href: "#/recover", text: say("wallet-recover-way") }),
  );
  the("enter-title").focus();
}

const signedIn = async (answer) => onEntered(await member.key.become(DEVICE, answer), answer);

/** The device is known, and signed out; `why` says what has just gone wrong. */
async function again(why) {
  const said = saying();
  const others = make("div", { class: "choices" });
  const frozen = make("p", { class: "said", role: "status", hidden: true, text: say("wallet-frozen-now") });
  const freeze = freezeButton("wallet-freeze-title", () => {
    frozen.hidden = false;
    freeze.hidden = true;
  });
  step(
    "wallet-back-title",
    why,
    text("wallet-again-how"),
    hasPasskeys() &&
      button("wallet-passkey-use", async () => signedIn(await withPasskey("sign_in")), {
        said,
        kind: "act big wide",
      }),
    said,
    others,
    more(
      "wallet-password-way",
      form("again-form", passwordFields(false), "wallet-sign-in-act", async (values) =>
        signedIn(await withPassword("sign_in", values)),
      ),
    ),
    text("wallet-again-lost"),
    frozen,
    freeze,
  );
  await run(others, said, async () => fill(others, ...providerButtons(await providers(), "sign_in", said)));
}

/* Accounts at providers (OpenID Connect). On a browser that is no device they open nothing. */

const LEAVES = { sign_in: "wallet-external-sign-in", link: "wallet-external-link" };
/** What some refusals mean, by what the member has left for. */
const MEANT = {
  sign_in: { factor_must_exist: "wallet-external-unknown" },
  link: { user_must_be_verified: "wallet-external-late" },
};
let known = null;

/** The providers whose accounts are taken: by name, and as people read it. */
export async function providers() {
  known ??= (await insist(member.key, EXTERNAL, { act: "providers" })).providers;
  return known;
}

/** A button for each provider, to leave for it and come back to `sign_in` or `link`. */
export const providerButtons = (list, purpose, said) =>
  list.map(({ name, shown }) =>
    button(LEAVES[purpose], () => leaveFor(name, purpose), { said, values: { provider: shown } }),
  );

async function leaveFor(provider, purpose) {
  if (purpose === "link") {
    if (member.account.young) throw new Declined("wallet-refusal-device-must-not-be-young");
    // What comes back is good once, so what it takes besides is proved before.
    await prove();
  }
  const { address, attempt } = await insist(member.key, EXTERNAL, { act: "begin", provider });
  await keep("state", AWAY, { provider, purpose, attempt, request_id: newRequestId() });
  location.assign(address);
}

/** Back from a provider: goes on with what this browser left for, once. `sent`: what it was sent with. */
async function back(sent) {
  const mine = step("wallet-external-title", waiting("wallet-loading"));
  const { purpose, ...away } = (await find("state", AWAY)) ?? {};
  await drop("state", AWAY);
  const signsIn = purpose === "sign_in";
  the("tabs").hidden = member.isOut = signsIn;
  const [code, state, iss] = ["code", "state", "iss"].map((name) => sent.get(name));
  try {
    if (!purpose || !code) throw new Declined("wallet-external-declined");
    const answer = await insist(member.key, EXTERNAL, { act: purpose, ...away, code, state, iss });
    if (signsIn) return await signedIn(answer);
    announce(say("wallet-done"));
    if (mine === visit) location.hash = "#/account/factors";
  } catch (error) {
    const meant = MEANT[purpose]?.[error.refusal];
    const why = make("p", { class: "said bad", role: "alert", text: meant ? say(meant) : because(error) });
    const there = make("a", { class: "button", href: "#/account/factors", text: say("wallet-back") });
    if (mine !== visit) return;
    if (signsIn) again(why);
    else step("wallet-external-title", why, there);
  }
}

/* Joining. */

function joinForm(invitation) {
  const code = field(
    "invitation",
    "wallet-invitation",
    {
      class: "figure code",
      autocomplete: "off",
      autocapitalize: "characters",
      spellcheck: "false",
      maxlength: 12,
      value: invitation,
    },
    "wallet-invitation-hint",
  );
  return form("join-form", [code], "wallet-join-act", redeem, { meant: say("wallet-invitation-wrong") });
}

/** An invitation may have been opened as a link: nothing happens before somebody says so. */
function joinBy(invitation = "") {
  const plain = invitation.slice(0, INVITATION_LENGTH);
  step("wallet-join-title", text("wallet-join-how"), joinForm(plain));
}

async function redeem({ invitation }) {
  const key = await newcomer();
  const { request_id: kept, invitation: before } = await way();
  const request_id = before === invitation && kept ? kept : newRequestId();
  await remember({ kind: "join", request_id, invitation });
  const { device } = await insist(key, JOIN, { act: "redeem", request_id, invitation });
  await remember({ kind: "join", device });
  await waitForApproval(device);
}

/** Looks until the other device has decided. */
async function waitForApproval(device) {
  const said = saying();
  const stop = async () => {
    await drop("state", WAY);
    await signIn();
  };
  const mine = step(
    "wallet-wait-title",
    waiting("wallet-wait-how"),
    said,
    button("wallet-wait-stop", stop, { said, kind: "wide" }),
  );
  const key = await newcomer();
  while (mine === visit) {
    try {
      const answer = await key.call(JOIN, { act: "state", device });
      trouble(null);
      if (mine !== visit) return;
      if (answer.signed_in) return await become(key, answer.signed_in);
      if (answer.state === "ended") return await refused();
    } catch (error) {
      if (!isPassing(error)) return await refused();
      trouble(error);
    }
    await pause(LOOK_MS);
  }
}

async function refused() {
  await drop("state", WAY);
  // Its key was refused: another try is another device's.
  await drop("key", NEWCOMER);
  await signIn();
  const said = make("p", { class: "said bad", role: "alert", text: say("wallet-wait-refused") });
  the("enter").prepend(said);
}
