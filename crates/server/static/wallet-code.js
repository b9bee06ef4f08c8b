// The code that a till scans. It is shown only while this page is in front, renewed before it
// lapses, and gone from the page at the moment it dies: what is shown can be paid with.

import { announce, fill, make, say, the, timeOfDay } from "./page.js";
import { symbol } from "./symbols.js";
import {
  askWallet,
  because,
  isEnded,
  isPassing,
  isSignedOut,
  member,
  result,
  showBalance,
  trouble,
} from "./wallet-member.js";
import { amountOf, done, entries } from "./wallet-history.js";
import { hasPaid } from "./wallet-journal.js";

const TICK_MS = 250;
/** How often the page looks whether a code was paid with: soon after it was shown, and later. */
const LOOK_MS = 2500;
const LOOK_LATER_MS = 8000;
const EAGER_MS = 60_000;
/** How soon what failed is asked for again, and what is closed. */
const AGAIN_MS = 2000;
const CLOSED_AGAIN_MS = 10_000;
/** The server names its time to the second. */
const SECOND_MS = 1000;
/** How long a code is shown; the bar is full then. */
const SHOWN_MS = 30_000;
const BARCODE_HEIGHT = "4.75rem";
/** How wide the QR may be: of the card, and in points. */
const SQUARE_PART = 0.8;
const SQUARE_MAX = 290;
const LATEST = 4;

const state = {
  isOpen: false,
  isInFront: !document.hidden,
  /** The code that is on the page: when it was asked for, and its times since then. */
  code: null,
  isAsking: false,
  askAt: 0,
  lookAt: 0,
  openedAt: 0,
  newest: undefined,
  asked: undefined,
  lock: null,
};
let onEnded = () => {};

/** Begins; `ended` is called where this device shows no code, is signed out, or is no member's. */
export function begin(ended) {
  onEnded = ended;
  document.addEventListener("visibilitychange", () => come(!document.hidden));
  addEventListener("pagehide", () => come(false));
  addEventListener("blur", () => come(false));
  addEventListener("focus", () => come(true));
  addEventListener("pointerdown", () => come(true));
  addEventListener("online", soon);
  addEventListener("resize", fit);
  setInterval(tick, TICK_MS);
}

export function enter() {
  state.isOpen = true;
  state.openedAt = performance.now();
  if (member.wallet) showWallet();
  soon();
}

export function leave() {
  state.isOpen = false;
  fill(the("paid"));
  drop(say("wallet-code-coming"));
}

/** No code is shown here, and why; it is asked for again now and then. */
export function rest(said) {
  drop(said);
  state.askAt = performance.now() + CLOSED_AGAIN_MS;
}

/** Asks at once. */
export function soon() {
  state.askAt = 0;
  state.lookAt = 0;
  tick();
}

/** The page came to the front, or went. */
function come(isInFront) {
  if (isInFront === state.isInFront) return;
  state.isInFront = isInFront;
  state.openedAt = performance.now();
  if (!isInFront) drop(say("wallet-code-covered"));
  else if (state.isOpen) soon();
}

/** Takes the code off the page. */
function drop(said) {
  state.code = null;
  fill(the("ticket-code"));
  the("ticket-code").hidden = true;
  the("ticket-time").hidden = true;
  the("ticket-said").textContent = said;
  the("ticket-said").hidden = false;
  state.lock?.release();
  state.lock = null;
}

/** How old something is, also where one of the two clocks stood still or was set. */
const age = (start) => Math.max(performance.now() - start.running, Date.now() - start.wall);
const now = () => ({ running: performance.now(), wall: Date.now() });

function tick() {
  if (state.code && age(state.code.start) >= state.code.diesIn) {
    drop(say("wallet-code-died"));
    announce(say("wallet-code-died"));
  }
  if (!state.isOpen || !state.isInFront || !member.key) return;
  if (state.code) showTime();
  const running = performance.now();
  if (running >= state.askAt && !state.isAsking) ask();
  if (running >= state.lookAt) {
    state.lookAt = running + (running - state.openedAt < EAGER_MS ? LOOK_MS : LOOK_LATER_MS);
    look();
  }
}

async function ask() {
  state.isAsking = true;
  const start = now();
  const { key } = member;
  try {
    const code = await key.call("/v1/device/code", { pictures: true });
    const served = key.now();
    trouble(null);
    const until = (time) => Date.parse(time) - served;
    // From the moment of asking, so what the way back took is not added to its life.
    const times = {
      renewIn: Math.max(until(code.renew_at), SECOND_MS),
      diesIn: until(code.dies_at) - SECOND_MS,
    };
    state.askAt = start.running + times.renewIn;
    if (state.isOpen && state.isInFront) show({ ...code, ...times, start });
  } catch (error) {
    failed(error);
  } finally {
    state.isAsking = false;
  }
}

function failed(error) {
  if (isEnded(error) || isSignedOut(error)) {
    drop(say("wallet-code-coming"));
    state.askAt = performance.now() + CLOSED_AGAIN_MS;
    onEnded(error);
    return;
  }
  const passes = isPassing(error);
  state.askAt = performance.now() + (passes ? AGAIN_MS : CLOSED_AGAIN_MS);
  if (passes) {
    // The code that is shown is good until it dies.
    trouble(error);
    if (!state.code && state.isInFront) the("ticket-said").textContent = say("wallet-code-waits");
  } else {
    trouble(null);
    drop(because(error));
  }
}

function show(code) {
  const isNew = code.digits !== state.code?.digits;
  state.code = code;
  if (isNew) {
    const bars = symbol(code.code128_svg, say("wallet-code-barcode"));
    bars.setAttribute("preserveAspectRatio", "none");
    const groups = code.grouped.split(" ").map((text) => make("span", { text }));
    const spaced = groups.flatMap((group) => [group, " "]);
    fill(
      the("ticket-code"),
      bars,
      symbol(code.qr_svg, say("wallet-code-qr")),
      make("p", { class: "digits" }, ...spaced),
    );
  }
  the("ticket-said").hidden = true;
  the("ticket-code").hidden = false;
  the("ticket-time").hidden = false;
  if (isNew) fit();
  showTime();
  stayAwake();
}

/** Makes each module whole device pixels wide, where there is room for one. */
function fit() {
  const box = the("ticket-code");
  const [bars, square] = box.querySelectorAll("svg");
  if (!square) return;
  for (const [drawing, most] of [
    [bars, box.clientWidth],
    [square, Math.min(box.clientWidth * SQUARE_PART, SQUARE_MAX)],
  ]) {
    const modules = drawing.viewBox.baseVal.width;
    const pixels = Math.floor((most * devicePixelRatio) / modules);
    const width = pixels > 0 ? (pixels * modules) / devicePixelRatio : most;
    drawing.style.setProperty("width", `${width}px`);
    if (drawing === square) drawing.style.setProperty("height", `${width}px`);
    else drawing.style.setProperty("height", BARCODE_HEIGHT);
  }
}

function showTime() {
  const old = age(state.code.start);
  const { renewIn, diesIn } = state.code;
  // Past its renewal nothing new came yet: what counts is when it dies.
  const isLate = old > renewIn + AGAIN_MS;
  const left = Math.max((isLate ? diesIn : renewIn) - old, 0);
  const seconds = Math.ceil(left / SECOND_MS);
  const part = Math.min(left / (isLate ? diesIn : SHOWN_MS), 1);
  the("time-bar").style.setProperty("transform", `scaleX(${part.toFixed(3)})`);
  the("ticket-time").classList.toggle("late", isLate);
  const text = say(isLate ? "wallet-code-dies-in" : "wallet-code-renews-in", { seconds });
  if (the("time-left").textContent !== text) the("time-left").textContent = text;
}

async function stayAwake() {
  if (state.lock && !state.lock.released) return;
  try {
    state.lock = (await navigator.wakeLock?.request("screen")) ?? null;
  } catch {
    // Low battery, or the page is not in front: the screen may go dark.
    state.lock = null;
  }
}

/** Looks whether anything came or went. */
async function look() {
  try {
    await askWallet();
  } catch (error) {
    if (isEnded(error) || isSignedOut(error)) onEnded(error);
    else if (isPassing(error)) trouble(error);
    return;
  }
  if (state.isOpen) showWallet();
}

function showWallet() {
  const { movements } = member.wallet;
  showBalance();
  showAsked();
  const latest = movements.slice(0, LATEST);
  fill(
    the("latest"),
    latest.length > 0 ? entries(latest, 3) : make("p", { class: "quiet", text: say("wallet-history-none") }),
  );
  const known = state.newest;
  state.newest = movements[0]?.operation ?? null;
  if (known === undefined || known === state.newest) return;
  const until = movements.findIndex((movement) => movement.operation === known);
  const news = movements.slice(0, until < 0 ? movements.length : until);
  const told = news.find((movement) => !hasPaid(movement.payment));
  if (told) tell(told);
}

/** A rule of the operator's wants to know that it is the member: says so, until he has shown it. */
async function showAsked() {
  const { confirm, currency } = member.wallet;
  if (confirm?.asked_at === state.asked) return;
  state.asked = confirm?.asked_at;
  if (!confirm) {
    fill(the("asked"));
    return;
  }
  const { show: showIt } = await import("./wallet-asked.js");
  showIt(confirm, currency, async () => {
    await look();
    soon();
  });
}

/** Says what just happened at a till, above a fresh code. */
function tell(movement) {
  const close = make("button", { type: "button", text: say("wallet-ok"), onclick: () => fill(the("paid")) });
  const isSpent = movement.kind === "pay" || movement.kind === "authorize";
  const kind = isSpent ? "good" : "plain";
  const actions = [close];
  if (movement.payment)
    actions.unshift(
      make("a", { class: "button", href: `#/receipt/${movement.payment}`, text: say("wallet-receipt") }),
    );
  const lines = [movement.store, timeOfDay(movement.booked_at)];
  fill(
    the("paid"),
    result(kind, { title: done(movement), amount: amountOf(movement).replace(/^[−+]/, ""), lines, actions }),
  );
  // Browsers complain about a page that was not touched yet.
  if (navigator.userActivation?.hasBeenActive) navigator.vibrate?.([80, 60, 160]);
  if (!isSpent) return;
  // The code that was paid with is over.
  drop(say("wallet-code-coming"));
  state.askAt = 0;
}
