// The member behind the wallet: the key that proves requests, what it holds, and what stands in
// the way, in words.

import {
  Refused,
  Unreachable,
  announce,
  fill,
  knows,
  make,
  money,
  number,
  say,
  the,
  timeOfDay,
} from "./page.js";

/**
 * The key of this device (null before it is enrolled), whether it is signed out, and wallet and
 * account as the server last told them.
 */
export const member = { key: null, isOut: false, wallet: null, toldAt: null, account: null };

/** What the key of this device is kept as, and where its first nonce is asked for. */
export const DEVICE = "device";
export const NONCES = "/v1/device/nonce";

/** Whether this browser was a device before: its cookie says so, where its key may be gone. */
export const wasKnown = () => the("view-enter").dataset.known === "true";

/** Whether this browser is a device that is signed in. */
export const isIn = () => member.key !== null && !member.isOut;

/** The browser's user or the browser itself did not go on: what is said stands in the texts. */
export class Declined extends Error {
  constructor(key) {
    super(key);
    this.key = key;
  }
}

/** Refusals that say the same to a member. */
const SAME = { token_must_be_ours: "device_must_be_active", payload_must_be_whole: "sign_must_be_ours" };

/** Why, for the member; `meant` is what is said of a field that cannot be meant. */
export function because(error, meant = "") {
  if (error instanceof Declined) return say(error.key);
  if (error instanceof Unreachable) return say("common-unreachable");
  if (isPassing(error)) return say("common-busy");
  const name = SAME[error.refusal] ?? error.refusal;
  if (name === "field_must_be_valid" && meant) return meant;
  const key = `wallet-refusal-${name.replaceAll("_", "-")}`;
  return knows(key) ? say(key) : say("wallet-refusal", { name });
}

/** Whether this device is no member's any more. */
export const isEnded = (error) => ["device_must_be_active", "token_must_be_ours"].includes(error.refusal);

/** Whether it is signed out, or was not used for long. */
export const isSignedOut = (error) => error.refusal === "device_must_be_signed_in";

/** Refusals with a status of passing faults that are answers, until somebody opens what is closed. */
const CLOSED = /_closed$|^clock_is_off$|^shop_takes_no_payments$|^(passkeys_must_be_set_up|too_many_tries|provider_must_answer)$/;
/** A browser may send a request again by itself; its proof was used the first time. */
const SIGN_AGAIN = ["proof_must_hold", "nonce_must_be_fresh"];

/** Whether nothing was decided and asking again may help by itself. */
export function isPassing(error) {
  if (error instanceof Unreachable) return true;
  if (!(error instanceof Refused)) throw error;
  const { status, refusal } = error;
  return (
    ((status === 429 || status === 408 || status >= 500) && !CLOSED.test(refusal)) ||
    SIGN_AGAIN.includes(refusal)
  );
}

/** Says on top of the page what stands in the way, or that nothing does any more. */
export function trouble(error) {
  const element = the("trouble");
  const text = error ? because(error) : "";
  if (element.textContent === text) return;
  element.textContent = text;
  element.hidden = !error;
}

/** Asks for balance and latest movements. Throws as `call` does. */
export async function askWallet() {
  const { key } = member;
  member.wallet = await key.call("/v1/device/wallet", {});
  member.toldAt = new Date(key.now()).toISOString();
  return member.wallet;
}

/** Shows what can be spent, and what the balance is made of. */
export function showBalance() {
  const { wallet, toldAt } = member;
  const yen = (amount) => money(amount, wallet.currency);
  const figure = (key, text) =>
    make("div", {}, make("dt", { text: say(key) }), make("dd", { class: "figure", text }));
  the("available").textContent = yen(wallet.available);
  fill(
    the("balance"),
    figure("wallet-money", yen(wallet.money)),
    wallet.held > 0 && figure("wallet-held", yen(wallet.held)),
    figure("wallet-points", number(wallet.points)),
  );
  the("told-at").textContent = say("wallet-told-at", { time: timeOfDay(toldAt) });
  the("spend").hidden = false;
  the("holdings").hidden = false;
}

/** A result nobody can misread: sign, word, amount and shop. */
export function result(kind, { title, amount, lines, actions = [] }) {
  announce([title, amount, ...lines].filter(Boolean).join(" "));
  return make(
    "div",
    { class: `result ${kind}` },
    make("span", {
      class: "result-sign",
      "aria-hidden": "true",
      text: { good: "✓", bad: "✕", open: "?" }[kind],
    }),
    make("p", { class: "result-title", text: title }),
    amount && make("p", { class: "result-amount figure", text: amount }),
    ...lines.filter(Boolean).map((text) => make("p", { text })),
    actions.length > 0 && make("div", { class: "result-actions" }, ...actions),
  );
}
