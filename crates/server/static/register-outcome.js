// The result of a request over the whole screen: a colour, a sign, a word, the amount, a sound, and
// what to do. What is unknown cannot be put away: it ends by itself.

import { fill, knows, make, moment, say, the, timeOfDay } from "./page.js";
import { play } from "./sound.js";
import { amountText, till } from "./register-till.js";

/** What is answered sooner is never shown as being checked, milliseconds. */
const PATIENCE_MS = 400;

/** The word of what succeeded. */
const DONE = {
  pay: "register-done-pay",
  order: "register-done-pay",
  authorize: "register-done-authorize",
  capture: "register-done-capture",
  void: "register-done-void",
  refund: "register-done-refund",
  top_up: "register-done-top-up",
  reverse: "register-done-reverse",
};
const CHARGES = ["pay", "authorize", "order", "top_up"];

let shown = null;
/** Of which it was said aloud that it is unknown. */
let said = null;
/** Results that wait until the one before was read. */
const unread = [];
let patience = 0;
let next = () => {};

/** Why a request was refused and what to do, in the clerk's language. */
export function reasonOf(name, otherwise) {
  const key = `register-refusal-${name}`;
  return knows(key) ? say(key) : otherwise;
}

/** Why something could not be had from the server. */
export const whyOf = (error) => reasonOf(error.refusal, say("common-unreachable"));

/** Has `then(entry, isAgain)` called when a result was read. */
export const afterwards = (then) => (next = then);

/** Shows that a request is being checked, unless its result comes at once. */
export function waitFor(entry) {
  clearTimeout(patience);
  patience = setTimeout(() => checking(entry, false), PATIENCE_MS);
}

/** Whether a result of another request waits to be read. */
function isUnread(entry) {
  const { open, dataset } = the("outcome");
  return open && dataset.tone !== "unknown" && shown !== entry;
}

/** Shows that nobody knows what became of a request. */
export function checking(entry, isSaid = true) {
  clearTimeout(patience);
  if (isUnread(entry)) return;
  const isFirst = isSaid && said !== entry;
  const isTaken = Boolean(entry.undo);
  const charge = CHARGES.includes(entry.kind);
  const lines = isTaken
    ? [say("register-checking-undo")]
    : [say(charge ? "register-checking-charge" : "register-checking-settle"),
      say("register-checking-until", { time: timeOfDay(entry.until) })];
  if (entry.trouble) lines.push(reasonOf(entry.trouble, null));
  show(entry, "unknown", say("register-checking"), isSaid ? lines : lines.slice(0, 1));
  the("outcome-stop").hidden = isTaken || entry.kind === "reverse";
  for (const id of ["outcome-next", "outcome-again", "outcome-receipt"]) the(id).hidden = true;
  if (!isFirst) return;
  said = entry;
  play("unknown");
}

/** Shows the result of a request. */
export function result(entry) {
  clearTimeout(patience);
  if (isUnread(entry)) return unread.push(entry);
  const { answer, kind } = entry;
  if (entry.state === "succeeded") {
    const { payment, amount, booked_at: at } = answer;
    const number = payment ? say("register-done-number", { payment, time: timeOfDay(at) }) : null;
    const word = answer.effect === "took_back" ? "register-done-took-back" : DONE[kind];
    show(entry, "succeeded", say(word), [...effect(entry), number], amount);
  } else if (entry.state === "declined") {
    const settles = CHARGES.includes(kind) ? "register-declined-charge" : "register-declined-settle";
    show(entry, "declined", say(kind === "top_up" ? "register-declined-top-up" : settles), [reason(answer), first(answer)]);
  } else if (entry.state === "dropped") {
    const isKept = entry.trouble !== undefined;
    const why = isKept ? reasonOf(entry.trouble, say("register-order-not-made")) : say("register-not-kept");
    show(entry, "declined", say("register-declined-settle"), [why]);
  } else {
    show(entry, "declined", say(kind === "top_up" ? "register-declined-top-up" : "register-undone"), undone(entry));
  }
  const isCharge = CHARGES.includes(kind);
  the("outcome-stop").hidden = true;
  the("outcome-next").hidden = false;
  the("outcome-again").hidden = !isCharge || entry.state === "succeeded" || Boolean(answer?.first_payment);
  the("outcome-receipt").hidden = !(entry.state === "succeeded" && answer.payment && kind !== "top_up");
  (the("outcome-again").hidden ? the("outcome-next") : the("outcome-again")).focus();
  play(the("outcome").dataset.tone);
}

function reason(answer) {
  return reasonOf(answer.refusal.name, `${answer.refusal.message} ${answer.refusal.cure}`);
}

/** The payment that has used the code before. */
function first({ first_payment: first }) {
  if (!first) return null;
  return say("register-first-payment", { payment: first.payment, time: moment(first.booked_at) });
}

/** What a success means beyond its word. */
function effect({ kind, answer }) {
  if (kind === "authorize") return [say("register-held-until", { time: moment(answer.hold_expires_at) })];
  if (kind === "capture") return [say("register-captured-rest")];
  if (kind === "reverse" && answer.effect === "released") return [say("register-effect-released")];
  if (kind === "top_up") return [say("register-topped-up")];
  if (kind === "reverse" && answer.effect === "took_back") return [say("register-effect-took-back")];
  if (kind === "reverse" && answer.effect !== "gave_back") return [say("register-effect-nothing")];
  return [];
}

/** What became of a request that was taken back. */
function undone({ kind, undo, trouble }) {
  const { effect } = undo.answer;
  const isBack = ["gave_back", "released", "took_back"].includes(effect);
  const why = trouble ? reasonOf(trouble, null) : null;
  if (kind === "top_up") return [why, say("register-undone-top-up")];
  const what = isBack ? "register-undone-gave-back" : "register-undone-never-charged";
  return [say(what), undo.by === "clerk" ? null : (why ?? say("register-undone-why"))];
}

function show(entry, tone, word, lines, amount = entry.amount) {
  shown = entry;
  const dialog = the("outcome");
  dialog.dataset.tone = tone;
  the("outcome-word").textContent = word;
  the("outcome-amount").textContent = amount ? amountText(amount) : "";
  const told = lines.filter((line) => line !== null);
  fill(the("outcome-lines"), ...told.map((line) => make("p", { text: line })));
  // A dialog that was opened later lies above this one.
  for (const other of document.querySelectorAll("dialog[open]")) if (other !== dialog) other.close();
  if (!dialog.open) dialog.showModal();
}

function leave(how) {
  if (the("outcome").dataset.tone === "unknown" || !the("outcome").open) return;
  the("outcome").close();
  const entry = shown;
  shown = null;
  if (unread.length > 0) result(unread.shift());
  else next(entry, how);
}

/** Makes the buttons work. */
export function startOutcome() {
  the("outcome").addEventListener("cancel", (event) => {
    event.preventDefault();
    leave("next");
  });
  // Whatever closes it (a second Escape does in some browsers), what is unknown stays before the eyes.
  the("outcome").addEventListener("close", () => {
    if (the("outcome").dataset.tone === "unknown" && shown) the("outcome").showModal();
  });
  the("outcome-next").addEventListener("click", () => leave("next"));
  the("outcome-again").addEventListener("click", () => leave("again"));
  the("outcome-receipt").addEventListener("click", () => leave("receipt"));
  the("outcome-stop").addEventListener("click", () => till.journal.undo(shown, "clerk"));
}
