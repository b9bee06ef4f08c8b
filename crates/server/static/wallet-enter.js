// How a browser becomes a member's device: signing up, signing in, and joining by an invitation.
//
// Every step is proved by one key, which is kept before anything is sent, and becomes the device's.
// Where somebody is on the way is kept, too, so that a reload goes on there. No password is kept.

import { announce, fill, language, make, newRequestId, pause, say, the } from "./page.js";
import { ProvingKey } from "./device.js";
import { drop, find, keep } from "./kept.js";
import { DEVICE, NONCES, isPassing, member, trouble, wasKnown } from "./wallet-member.js";
import {
  addressField,
  button,
  codeField,
  digitsOf,
  field,
  form,
  hasPasskeys,
  insist,
  makePasskey,
  more,
  notices,
  passwordField,
  passwordFields,
  saying,
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
const WAY = "way";
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

async function become(key, answer) {
  const device = await key.become(DEVICE, answer);
  await drop("state", WAY);
  await onEntered(device, answer);
}

/** What the view shows under each name. */
const STEPS = {
  "sign-up": signUp,
  "sign-in": signIn,
  join: () => joinBy(""),
  again,
};

export const enter = (name) => STEPS[name]();
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
    const answer = await insist(key, SIGN_IN, { ...body, code: digitsOf(code) || null });
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

/** The device is known, and signed out. */
function again() {
  const said = saying();
  const signedIn = async (answer) => onEntered(await member.key.become(DEVICE, answer), answer);
  step(
    "wallet-back-title",
    text("wallet-again-how"),
    hasPasskeys() &&
      button("wallet-passkey-use", async () => signedIn(await withPasskey("sign_in")), {
        said,
        kind: "act big wide",
      }),
    said,
    more(
      "wallet-password-way",
      form("again-form", passwordFields(false), "wallet-sign-in-act", async (values) =>
        signedIn(await withPassword("sign_in", values)),
      ),
    ),
  );
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

/** An invitation was opened as a link: nothing happens before somebody says so. */
export function joinBy(invitation) {
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
    make(
      "div",
      { class: "waiting", role: "status" },
      make("span", { class: "spinner", "aria-hidden": "true" }),
      text("wallet-wait-how"),
    ),
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
