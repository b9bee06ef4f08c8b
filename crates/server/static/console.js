// The operator's page: signing in, the views with their addresses, and the stream that
// keeps today's figures alive.

import { Refused, Unreachable, announce, pause, say, showOnly, takeFragment, the } from "./page.js";
import { ProvingKey } from "./device.js";
import { address, ask, because, book, clockText, keepZone, momentText, whenOver } from "./console-book.js";
import { enterMembers, startMembers } from "./console-members.js";
import { enterUnacknowledged } from "./console-operations.js";
import { digitsOf, hasPasskeys, register, signInByPasskey, whyNot } from "./console-passkeys.js";
import { enterPayment, isBehind } from "./console-payment.js";
import { enterSearch, startSearch } from "./console-search.js";
import { enterRails } from "./console-rails.js";
import { enterShops, enterSwitches } from "./console-shops.js";
import { enterApprovals, enterColleagues } from "./console-staff.js";
import { linesOf } from "./console-stream.js";
import { enterToday, hearFigures, startToday } from "./console-today.js";

const KEY = "console";
/** A link's token, and not the place that the skip link leads to. */
const LINK = /^[\w-]{20,200}$/;
/** The token of a link at which an operator registers a passkey. */
const INVITED = /^operator=([\w-]{20,200})$/;
/** The server says something every 15 seconds; after twice that the stream is dead, milliseconds. */
const SILENCE_MS = 30_000;
/** The pauses between tries double up to this, milliseconds. */
const PAUSE_MS_MAX = 30_000;

const VIEWS = {
  today: ["console-today", enterToday],
  search: ["console-search", enterSearch],
  payment: ["console-payment", enterPayment],
  members: ["console-members", enterMembers],
  shops: ["console-shops", enterShops],
  rails: ["console-rails", enterRails],
  unacknowledged: ["console-unacknowledged", enterUnacknowledged],
  switches: ["console-switches", enterSwitches],
  approvals: ["console-approvals", enterApprovals],
  colleagues: ["console-colleagues", enterColleagues],
};
const PLACES = ["asking", "outside", ...Object.keys(VIEWS)].map((name) => the(`view-${name}`));
/** A payment belongs to the search. */
const TABS = { payment: "search" };

let visit = 0;
/** The token of the link at which a passkey is registered; null for none. */
let invited = null;
/** Since when the figures are alive, and when they last were. */
let since = null;
let heardAt = null;
let wake = () => {};
/** Ends the stream while the page is put away: the browser may keep it, to be gone back to. */
let away = new AbortController();

const viewOf = (parameters) => (Object.hasOwn(VIEWS, parameters.get("view")) ? parameters.get("view") : "today");

/** Shows the view that the address names. */
function showView() {
  const parameters = new URLSearchParams(location.search);
  const view = viewOf(parameters);
  const [title, enter] = VIEWS[view];
  visit += 1;
  const mine = visit;
  showOnly(the(`view-${view}`), PLACES);
  document.title = `${say(title)} · ${say("console-title")}`;
  for (const tab of the("views").children) {
    tab.href = address({ view: tab.dataset.view });
    if (tab.dataset.view === (TABS[view] ?? view)) tab.setAttribute("aria-current", "page");
    else tab.removeAttribute("aria-current");
  }
  enter(parameters, () => mine === visit && book.key !== null);
}

/** Goes to a view. */
function go(parameters) {
  history.pushState(null, "", address(parameters));
  showView();
  the("main").focus({ preventScroll: true });
  scrollTo(0, 0);
}

function onClick(event) {
  const anchor = event.target.closest("a");
  const isPlain = event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
  if (!anchor || !isPlain || !book.key || anchor.id === "language" || anchor.hash || anchor.target) return;
  event.preventDefault();
  go(Object.fromEntries([...new URLSearchParams(anchor.search)].filter(([name]) => name !== "lang")));
}

/** Says whether the figures are alive. */
function showLive(state, text) {
  the("live").dataset.state = state;
  the("live-text").textContent = text;
}

function drawNotice(text) {
  if (the("notice").textContent === text) return;
  the("notice").textContent = text;
  the("notice").hidden = text === "";
}

function hear(line) {
  if (line.line === "end") return line.refusal === "session_must_be_open" && leave(say("console-over"));
  if (line.line === "unavailable") return drawNotice(say("console-unavailable"));
  if (line.line === "figures") {
    hearFigures(line);
    if (!the("view-payment").hidden && isBehind(line.newest)) showView();
  }
  drawNotice("");
  heardAt = new Date().toISOString();
  since ??= heardAt;
  showLive("good", say("console-live-since", { time: clockText(since) }));
}

function lost(error) {
  if (since) announce(say("console-live-lost"));
  since = null;
  showLive("trouble", say("console-live-lost"));
  const why = error ? because(error) : say("console-unreachable");
  drawNotice(heardAt ? say("console-lost-at", { why, time: clockText(heardAt) }) : why);
}

/** Follows the stream, again and again, until the session is over. */
async function follow() {
  let tries = 0;
  while (book.key) {
    let trouble = null;
    try {
      for await (const line of linesOf(book.key, "/v1/console/stream", {}, SILENCE_MS, away.signal)) {
        if (!book.key) return;
        hear(line);
        tries = 0;
      }
    } catch (error) {
      if (!(error instanceof Refused || error instanceof Unreachable)) throw error;
      if (error.refusal === "session_must_be_open") return leave(say("console-over"));
      trouble = error;
    }
    if (!book.key) return;
    if (away.signal.aborted) {
      await new Promise((done) => (wake = done));
      continue;
    }
    lost(trouble);
    // Not all consoles at the same moment, after a restart of the server.
    const wait = Math.min(PAUSE_MS_MAX, 500 * 2 ** tries) * (0.5 + Math.random());
    await Promise.race([pause(wait), new Promise((done) => (wake = done))]);
    tries += 1;
  }
}

/** Forgets the session and says why. */
async function leave(text) {
  const { key } = book;
  if (!key) return;
  book.key = null;
  showOutside(text);
  await key.forget();
}

function showOutside(text) {
  visit += 1;
  the("views").hidden = true;
  the("who").hidden = true;
  the("live").hidden = true;
  the("act-dialog").close();
  drawNotice("");
  the("outside-told").textContent = text;
  document.title = say("console-title");
  showOnly(the("view-outside"), PLACES);
}

async function signOut() {
  const { about } = book.key;
  let text = say("console-signed-out");
  try {
    await ask("session/end");
  } catch (error) {
    // The key is gone with this, so nobody can use what is left of the session.
    if (error instanceof Unreachable) text = say("console-signed-out-here", { time: momentText(about.expires_at) });
  }
  await leave(text);
}

/** The key of the session: of the link that was opened, or of before; null for neither. */
async function keyOf(token) {
  const kept = await ProvingKey.load(KEY);
  const asked = token || (await ProvingKey.asked(KEY))?.link_token;
  if (!asked) return kept;
  try {
    return await ProvingKey.enrol(KEY, "/v1/console/session", { link_token: asked });
  } catch (error) {
    if (error instanceof Unreachable) throw error;
    await ProvingKey.giveUp(KEY);
    if (kept) return kept;
    throw error;
  }
}

/** Signs in, and again where no answer came; null where it cannot be. */
async function signIn(token) {
  for (let tries = 0; ; tries += 1) {
    try {
      const key = await keyOf(token);
      if (!key) showOutside(say("console-need-link"));
      return key;
    } catch (error) {
      showOutside(error instanceof Unreachable ? say("common-unreachable") : because(error));
      if (!(error instanceof Unreachable)) return null;
      await pause(Math.min(PAUSE_MS_MAX, 1_000 * 2 ** tries));
    }
  }
}

/** Asks in which zone the book is kept, before anything is shown; again until it is answered. */
async function askZone() {
  for (let tries = 0; book.key && !book.zone; tries += 1) {
    try {
      keepZone(await ask("today"));
    } catch (error) {
      if (!book.key) return;
      drawNotice(because(error));
      await pause(Math.min(PAUSE_MS_MAX, 1_000 * 2 ** tries));
    }
  }
}

async function begin(token) {
  await open(await signIn(token));
}

/** Shows the book to whoever has the key of a session. */
async function open(key) {
  book.key = key;
  if (!book.key) return;
  await askZone();
  if (!book.key) return;
  drawNotice("");
  const { actor, expires_at: expires } = book.key.about;
  the("actor").textContent = actor;
  the("actor").title = say("console-until", { time: momentText(expires) });
  for (const id of ["views", "who", "live"]) the(id).hidden = false;
  the("outside-digits").hidden = true;
  startToday();
  startSearch(go);
  startMembers(go);
  showView();
  follow();
}

/** Registers at the link, if one was opened, and signs in. */
async function usePasskeyNow() {
  const button = the("passkey-sign-in");
  button.disabled = true;
  try {
    if (invited) {
      const { passkey, state } = await register(invited);
      invited = null;
      button.textContent = say("console-passkey-sign-in");
      if (state === "waiting") {
        the("outside-digits").textContent = digitsOf(passkey);
        the("outside-digits").hidden = false;
        return showOutside(say("console-passkey-waits"));
      }
    }
    await open(await signInByPasskey(KEY));
  } catch (error) {
    showOutside(whyNot(error));
  } finally {
    button.disabled = false;
  }
}

whenOver(() => leave(say("console-over")));
document.addEventListener("click", onClick);
addEventListener("popstate", () => book.key && showView());
addEventListener("online", () => wake());
addEventListener("pagehide", () => away.abort());
addEventListener("pageshow", ({ persisted }) => {
  if (!persisted) return;
  away = new AbortController();
  wake();
});
document.addEventListener("visibilitychange", () => document.hidden || wake());
the("sign-out").addEventListener("click", signOut);
the("passkey-sign-in").addEventListener("click", usePasskeyNow);
the("passkey-sign-in").hidden = !hasPasskeys();
// Another link was opened over the page.
addEventListener("hashchange", () => {
  const fragment = location.hash.slice(1);
  if (LINK.test(fragment) || INVITED.test(fragment)) location.reload();
});

// The link's token is taken out of the address before anything else is asked.
const fragment = takeFragment();
invited = INVITED.exec(fragment)?.[1] ?? null;
if (invited) {
  the("passkey-sign-in").textContent = say("console-passkey-make");
  showOutside(say("console-invited"));
} else {
  await begin(LINK.test(fragment) ? fragment : null);
}
