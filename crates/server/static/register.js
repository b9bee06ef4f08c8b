// The clerk's page: pairing, the shift, the views, and how it stands with the server. The journal has
// what is asked until its outcome is known; the outcome is the result over the whole screen.

import { Refused, Unreachable, announce, fill, make, number, say, showOnly, takeFragment, the } from "./page.js";
import { all, drop, find, keep } from "./kept.js";
import { wake } from "./sound.js";
import { Terminal } from "./terminal.js";
import { amountText, confirmed, isCovered, till } from "./register-till.js";
import { Journal, alone } from "./register-journal.js";
import { afterwards, checking, reasonOf, result, startOutcome, waitFor } from "./register-outcome.js";
import { clearCharge, drawCharge, drawReady, orderSettled, orderShown, startCharge } from "./register-charge.js";
import { showPayments, showReceiptOf, startPayments } from "./register-payments.js";
import { cashSettled, startCash } from "./register-cash.js";
import { signOut, startClerk } from "./register-clerk.js";
import { loadShift, openShift, showShift, startShift } from "./register-shift.js";

/** How often the server is asked how it stands, milliseconds: while it answers, and while not. */
const LOOK_MS = 20_000;
const LOOK_AGAIN_MS = 3_000;
/** More than this, and a signature is soon not believed. */
const CLOCK_MS_MAX = 20_000;

const VIEWS = ["asking", "elsewhere", "pairing", "opening", "charge", "payments", "shift"].map(the);
/** What only another link mends. */
const KEY_TROUBLES = ["terminal_must_exist", "terminal_key_must_be_current", "signature_must_match"];
const KEYS = { F8: "payments", F9: "charge", F10: "shift" };

/** What hinders: the last trouble with the server, and whether the first answer is still out. */
let trouble = null;
let isAsked = false;
/** What is said until the page is left. */
let remark = "";
let isResuming = true;
let lookTimer = 0;

function show(id) {
  showOnly(the(id), VIEWS);
  the("views").hidden = !["charge", "payments", "shift"].includes(id);
  for (const button of the("views").children) {
    if (button.dataset.view === id) button.setAttribute("aria-current", "page");
    else button.removeAttribute("aria-current");
  }
}

function go(view) {
  if (!till.shift || isCovered()) return;
  show(view);
  if (view === "charge") drawCharge();
  if (view === "payments") showPayments();
  if (view === "shift") showShift();
  the("main").focus();
}

/** Where the clerk is when nothing is to be read: charging, or the beginning of a shift. */
function home() {
  if (!till.about) return show("asking");
  if (till.shift) return go("charge");
  the("open-where").textContent = `${till.about.merchant.name}　${till.about.store.name}　${till.about.name}`;
  show("opening");
  the("open-clerk").focus();
}

/** Whether something new may be asked: nothing is open, and the server can be reached. */
const mayAsk = () => till.about !== null && trouble === null && !isResuming && till.journal.open().length === 0;

/** How it stands with the server, in the bar, and what the clerk must know, above the view. */
function drawState() {
  const isClockOff = Math.abs(till.terminal?.behind ?? 0) > CLOCK_MS_MAX;
  const state = trouble ? "trouble" : isAsked ? "good" : "asking";
  const link = the("link");
  if (link.dataset.state !== state) {
    link.dataset.state = state;
    const words = { trouble: "register-link-lost", good: "register-link-good", asking: "register-link-asking" };
    the("link-text").textContent = say(words[state]);
  }
  const open = till.journal?.open().filter((entry) => !entry.order).length ?? 0;
  const lines = remark ? [["bad", remark]] : [];
  if (trouble) lines.push(["bad", troubleText(trouble)]);
  if (isClockOff) lines.push(["bad", clockText()]);
  if (till.about?.suspended) lines.push(["bad", reasonOf("terminal_is_suspended")]);
  if (till.about?.payments_closed) lines.push(["bad", reasonOf("payments_are_closed")]);
  if (open > 0) lines.push(["", say("register-open-entries", { count: number(open) })]);
  const text = JSON.stringify(lines);
  if (the("notices").dataset.shown !== text) {
    the("notices").dataset.shown = text;
    fill(the("notices"), ...lines.map(([tone, line]) => make("p", { class: `notice ${tone}`, text: line })));
  }
  drawWho();
  if (till.about && !the("charge").hidden) drawReady();
}

function drawWho() {
  the("who").hidden = till.about === null;
  if (till.about === null) return;
  the("store-name").textContent = till.about.store.name;
  the("terminal-name").textContent = till.about.name;
  the("clerk").hidden = till.shift === null;
  the("clerk").textContent = till.shift?.clerk ?? "";
}

const clockText = () => say("register-clock", { minutes: number(Math.ceil(Math.abs(till.terminal.behind) / 60_000)) });

function troubleText(error) {
  if (!(error instanceof Refused)) return say("common-unreachable");
  if (error.refusal === "signature_must_be_timely") return clockText();
  return reasonOf(error.refusal, say("common-busy"));
}

/** Whether a refusal is of one request, and says nothing of how it stands with the server. */
const isOfOne = ({ status, refusal }) =>
  refusal === "shop_takes_no_payments" || (status < 500 && ![401, 421].includes(status));

/** Takes note of how the last request fared. */
function heard(error) {
  trouble = error instanceof Refused && isOfOne(error) ? null : error;
  // A fault of ours stops nothing, and is not hidden either.
  if (error && !(error instanceof Refused || error instanceof Unreachable)) reportError(error);
  if (error === null) isAsked = true;
  drawState();
}

/** Asks who this is and how it stands, again and again. */
async function look() {
  clearTimeout(lookTimer);
  try {
    await till.terminal.renew();
    till.about = await till.terminal.get("/v1/terminal", LOOK_AGAIN_MS);
    await keep("state", "about", till.about);
    heard(null);
    till.journal.nudge();
    acknowledge();
  } catch (error) {
    heard(error);
  }
  lookTimer = setTimeout(look, trouble ? LOOK_AGAIN_MS : LOOK_MS);
}

/** Outcomes that could not be acknowledged now are with the next look. */
async function acknowledge() {
  try {
    await till.journal.acknowledge();
  } catch (error) {
    heard(error);
  }
}

const hear = {
  asked: (entry) => {
    if (entry.kind !== "order") waitFor(entry);
    drawState();
  },
  unsure: (entry) => {
    if (!entry.order) checking(entry);
    drawState();
  },
  shown: orderShown,
  settled: (entry) => {
    if (entry.kind === "order") orderSettled();
    if (entry.kind === "top_up") cashSettled(entry);
    const isWithdrawn = entry.undo?.by === "clerk" && entry.undo.answer?.effect === "never_seen";
    if (entry.kind === "order" && isWithdrawn) announce(say("register-order-withdrawn"));
    else result(entry);
    drawState();
    if (!isResuming) acknowledge();
  },
  trouble: heard,
};

/** After a result was read. */
afterwards((entry, how) => {
  const isCharge = ["pay", "authorize", "order", "top_up"].includes(entry.kind);
  if (isCharge && how !== "again") clearCharge();
  if (isCharge) go("charge");
  else if (!the("payments").hidden) showPayments();
  else if (!the("shift").hidden) go("shift");
  else home();
  if (how === "receipt") showReceiptOf(entry.answer.payment);
});

/** Takes what a pairing link says: the terminal, the generation of its key, the key. */
function linkOf(fragment) {
  const parts = new URLSearchParams(fragment);
  const [id, generation, key] = ["terminal", "generation", "key"].map((name) => parts.get(name) ?? "");
  const isWhole = /^trm_[0-9A-Za-z]{10,20}$/.test(id) && /^\d{1,6}$/.test(generation) && /^[0-9a-f]{64}$/i.test(key);
  return isWhole ? { id, generation: Number(generation), key } : null;
}

/** Whether this browser shall be that terminal: any page can open a link of ours. */
async function mayBe(id) {
  const present = await Terminal.load();
  if (!present || present.id === id) return true;
  const about = await find("state", "about");
  const name = about ? `${about.store.name}　${about.name}` : present.id;
  return confirmed(say("register-pair-other", { present: name, other: id }), say("register-pair-become"));
}

/** Becomes another terminal; not while the present one has something open. */
async function pair({ id, generation, key }) {
  const kept = await all("journal");
  if (kept.some((entry) => entry.state === "open" && entry.terminal !== id)) return false;
  await Terminal.pair(id, generation, key);
  return true;
}

function askToPair(text = "") {
  the("pair-told").textContent = text;
  show("pairing");
  the("pair-terminal").focus();
}

async function pairTyped(event) {
  event.preventDefault();
  const [id, generation, key] = ["pair-terminal", "pair-generation", "pair-key"].map((field) => the(field).value.trim());
  the("pair-form").reset();
  if (await pair({ id, generation: Number(generation), key })) location.reload();
  else askToPair(say("register-pair-open"));
}

async function unpair() {
  if (till.journal.open().length > 0) return announce(say("register-pair-open"));
  if (!(await confirmed(say("register-unpair-sure"), say("register-unpair")))) return;
  await Terminal.forget();
  await drop("state", "about");
  location.reload();
}

/** Goes on as the terminal that this browser is: first with what is open, then with the clerk. */
async function begin() {
  till.terminal = await Terminal.load();
  if (!till.terminal) return askToPair();
  till.journal = await Journal.load(till.terminal, hear);
  await loadShift();
  const about = await find("state", "about");
  // Of the last time, so that a register without network still says what is open.
  till.about = about?.terminal === till.terminal.id ? about : null;
  await look();
  if (KEY_TROUBLES.includes(trouble?.refusal)) askToPair(troubleText(trouble));
  else home();
  while (!till.about) await new Promise((done) => setTimeout(done, LOOK_AGAIN_MS));
  await till.journal.resume();
  isResuming = false;
  acknowledge();
  if (!isCovered() && the("payments").hidden && the("shift").hidden) home();
  drawState();
}

function onKey(event) {
  const view = KEYS[event.key];
  if (!view || isCovered() || !till.shift) return;
  event.preventDefault();
  go(view);
}

for (const event of ["pointerdown", "keydown"]) addEventListener(event, wake);
addEventListener("keydown", onKey);
// Another link was opened over the page; the one that skips to the content is none.
addEventListener("hashchange", () => linkOf(location.hash.slice(1)) && location.reload());
addEventListener("online", () => till.terminal && look());
addEventListener("offline", () => till.terminal && look());
document.addEventListener("visibilitychange", () => !document.hidden && till.terminal && look());
for (const button of the("views").children) button.addEventListener("click", () => go(button.dataset.view));
the("pair-form").addEventListener("submit", pairTyped);
the("unpair").addEventListener("click", unpair);
the("open-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  await openShift(the("open-clerk").value.trim());
  the("open-form").reset();
  drawState();
  go("charge");
});
startOutcome();
startCharge(mayAsk);
startPayments(mayAsk);
startClerk();
startCash(mayAsk);
startShift(() => {
  signOut();
  home();
});

// The link's key is taken out of the address before anything else is asked.
const fragment = takeFragment();
const link = linkOf(fragment);
await alone(() => show("elsewhere"));
if (link && (await mayBe(link.id)) && !(await pair(link))) remark = say("register-pair-open");
if (fragment && fragment !== "main" && !link) askToPair(say("register-pair-wrong"));
else await begin();
