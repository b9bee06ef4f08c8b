// The member's page: which view is shown, and how this browser becomes a member's device.

import { pause, say, showOnly, takeFragment, the } from "./page.js";
import { ProvingKey } from "./device.js";
import { because, isPassing, member, trouble } from "./wallet-member.js";
import * as code from "./wallet-code.js";
import * as journal from "./wallet-journal.js";
import * as paying from "./wallet-pay.js";
import { enterHistory, enterReceipt, readMore } from "./wallet-history.js";

const NAME = "device";
const ENROL = "/v1/device/enrol";
const NONCES = "/v1/device/nonce";
const AGAIN_MS = 3000;
/** What stands behind `#` and is shorter is a place in the page. */
const TOKEN_LENGTH_MIN = 16;

/** Each view: what it does when it is shown, and when it is left. */
const VIEWS = {
  code: { enter: code.enter, leave: code.leave },
  pay: { enter: paying.enterPay, leave: paying.leavePay },
  confirm: { enter: paying.enterConfirm, leave: paying.leaveConfirm },
  history: { enter: enterHistory },
  receipt: { enter: enterReceipt },
  enrol: {},
};
/** The tab that stands for a view without one. */
const TABS = { confirm: "pay", receipt: "history" };

const view = (name) => the(`view-${name}`);
let shown = null;

/** Shows the view that the address names; a page that is no device asks to be one. */
function route(event) {
  const [, name, argument] = location.hash.split("/");
  const known = member.key && Object.hasOwn(VIEWS, name ?? "") && name !== "enrol" ? name : "code";
  show(member.key ? known : "enrol", argument);
  if (event) {
    scrollTo(0, 0);
    view(shown).querySelector("h1").focus({ preventScroll: true });
  }
}

function show(name, argument) {
  VIEWS[shown]?.leave?.();
  shown = name;
  showOnly(view(name), Object.keys(VIEWS).map(view));
  the("tabs").hidden = !member.key;
  for (const tab of the("tabs").children) {
    if (tab.hash === `#/${TABS[name] ?? name}`) tab.setAttribute("aria-current", "page");
    else tab.removeAttribute("aria-current");
  }
  const title = view(name).querySelector("h1").textContent;
  document.title = `${title} – ${say("wallet-title")}`;
  trouble(null);
  VIEWS[name].enter?.(argument);
  paying.listOpen();
}

/* Becoming a device. */

/** What the enrol view shows: `ask`, `busy` or `replace`. */
function showEnrol(part, said = "") {
  if (shown !== "enrol") show("enrol");
  showOnly(
    the(`enrol-${part}`),
    ["ask", "busy", "replace"].map((name) => the(`enrol-${name}`)),
  );
  the("enrol-said").textContent = said;
  the("enrol-said").hidden = said === "";
}

async function enrol(token) {
  showEnrol("busy");
  try {
    member.key = await ProvingKey.enrol(NAME, ENROL, { link_token: token }, NONCES);
    member.wallet = null;
  } catch (error) {
    if (isPassing(error)) {
      // The link may be used up by an answer that was lost: the same key asks again.
      trouble(error);
      await pause(AGAIN_MS);
      return enrol(token);
    }
    await ProvingKey.giveUp(NAME);
    showEnrol("ask", because(error));
    return;
  }
  the("enrol-link").value = "";
  // Installed pages are kept when room is short.
  navigator.storage?.persist?.();
  await journal.begin(changed);
  route(true);
}

/** Takes a whole link, or its token alone. */
const tokenOf = (text) => text.slice(text.lastIndexOf("#") + 1).trim();

/** The token that the address brings, taken out of it; or nothing. */
function tokenOfAddress() {
  const isToken = !location.hash.startsWith("#/") && location.hash.length > TOKEN_LENGTH_MIN;
  return isToken ? tokenOf(takeFragment()) : "";
}

/** Another link was opened in a page that is a device. */
function offer(token) {
  showEnrol("replace");
  the("enrol-new").onclick = () => enrol(token);
  the("enrol-stay").onclick = () => route(true);
}

/** This device is no member's any more. */
function ended(error) {
  member.key = null;
  showEnrol("ask", because(error));
}

/* The start. */

function changed(record) {
  if (record) paying.showOutcome(record);
  paying.listOpen();
  if (shown === "pay") paying.showWays();
}

async function begin() {
  const token = tokenOfAddress();
  the("enrol-form").addEventListener("submit", (event) => {
    event.preventDefault();
    enrol(tokenOf(the("enrol-link").value));
  });
  the("history-more").addEventListener("click", readMore);
  code.begin(ended);
  paying.begin();
  member.key = await ProvingKey.load(NAME, NONCES);
  if (member.key) await journal.begin(changed);
  // An address that was pasted over this page's brings a link, too.
  addEventListener("hashchange", (event) => {
    const brought = tokenOfAddress();
    if (brought) arrive(brought);
    else if (location.hash.startsWith("#/")) route(event);
  });
  const waiting = member.key ? null : await ProvingKey.asked(NAME);
  await arrive(token || waiting?.link_token);
}

/** Goes on from a link, where there is one. */
async function arrive(token) {
  if (token && member.key) offer(token);
  else if (token) await enrol(token);
  else if (member.key) route(null);
  else showEnrol("ask");
}

begin();
