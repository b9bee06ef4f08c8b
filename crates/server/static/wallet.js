// The member's page: which view is shown, and how a link makes this browser a member's device.

import { Unreachable, pause, say, showOnly, takeFragment, the } from "./page.js";
import { ProvingKey } from "./device.js";
import {
  DEVICE,
  NONCES,
  because,
  isIn,
  isPassing,
  isSignedOut,
  member,
  trouble,
  wasKnown,
} from "./wallet-member.js";
import * as code from "./wallet-code.js";
import * as journal from "./wallet-journal.js";
import * as paying from "./wallet-pay.js";
import { enterHistory, enterReceipt, readMore } from "./wallet-history.js";

const ENROL = "/v1/device/enrol";
const AGAIN_MS = 3000;
/** What stands behind `#` and is shorter is a place in the page. */
const TOKEN_LENGTH_MIN = 16;
const INVITE = "#invite=";

/** Each view: what it does when it is shown, and when it is left. */
const VIEWS = {
  code: { enter: code.enter, leave: code.leave },
  pay: { enter: paying.enterPay, leave: paying.leavePay },
  confirm: { enter: paying.enterConfirm, leave: paying.leaveConfirm },
  history: { enter: enterHistory },
  receipt: { enter: enterReceipt },
  account: later("account"),
  money: later("money"),
  enter: { enter: enterStep, leave: leaveStep },
  enrol: {},
};
const OUTSIDE = ["enter", "enrol"];
const STEPS = ["sign-up", "sign-in", "join", "recover"];
/** The tab that stands for a view without one. */
const TABS = { confirm: "pay", receipt: "history", money: "code" };

const view = (name) => the(`view-${name}`);
let shown = null;

/** Shows the view that the address names; a page that is no device asks to be one. */
function route(event) {
  const [, name = "", argument] = location.hash.split("/");
  if (isIn()) {
    const isKnown = Object.hasOwn(VIEWS, name) && !OUTSIDE.includes(name);
    show(isKnown ? name : "code", argument);
  } else if (member.key) show("enter", "again");
  else if (STEPS.includes(name)) show("enter", name);
  else if (wasKnown() && !event) show("enter", "sign-in");
  else show("enrol");
  if (event) {
    scrollTo(0, 0);
    view(shown).querySelector("h1").focus({ preventScroll: true });
  }
}

/* Parts that only some visits need; those load them. */

const FILES = {
  enter: () => import("./wallet-enter.js"),
  recover: () => import("./wallet-recover.js"),
  account: () => import("./wallet-account.js"),
  money: () => import("./wallet-money.js"),
};
const loaded = {};

/** A part, begun; nothing where it cannot be had now. */
async function part(name, listener) {
  try {
    const module = await FILES[name]();
    if (!loaded[name]) module.begin(listener);
    loaded[name] = module;
    return module;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    trouble(new Unreachable(name));
    return null;
  }
}

async function enterStep(name, brought) {
  const isRecovery = name === "recover";
  const steps = await part(isRecovery ? "recover" : "enter", entered);
  // Somebody may have gone on in the meantime.
  if (shown !== "enter" || !steps) return;
  await steps.enter(name, brought);
}

function leaveStep() {
  loaded.enter?.leave();
  loaded.recover?.leave();
}

/** A view that is a part of its own. */
function later(name) {
  const enter = async (argument) => {
    const module = await part(name, refused);
    if (shown === name) await module?.enter(argument);
  };
  return { enter, leave: () => loaded[name]?.leave() };
}

function show(name, argument, more) {
  VIEWS[shown]?.leave?.();
  shown = name;
  showOnly(view(name), Object.keys(VIEWS).map(view));
  the("tabs").hidden = !isIn();
  the("enter-back").hidden = member.key !== null;
  for (const tab of the("tabs").children) {
    if (tab.hash === `#/${TABS[name] ?? name}`) tab.setAttribute("aria-current", "page");
    else tab.removeAttribute("aria-current");
  }
  trouble(null);
  VIEWS[name].enter?.(argument, more);
  const title = view(name).querySelector("h1").textContent;
  document.title = `${title} – ${say("wallet-title")}`;
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
  let key;
  try {
    key = await ProvingKey.enrol(DEVICE, ENROL, { link_token: token }, NONCES);
  } catch (error) {
    if (isPassing(error)) {
      // The link may be used up by an answer that was lost: the same key asks again.
      trouble(error);
      await pause(AGAIN_MS);
      return enrol(token);
    }
    await ProvingKey.giveUp(DEVICE);
    showEnrol("ask", because(error));
    return;
  }
  the("enrol-link").value = "";
  await entered(key);
}

/** This browser is a device now, or signed in again. */
async function entered(key) {
  Object.assign(member, { key, isOut: false, wallet: null, account: null });
  showEnrol("ask");
  // Installed pages are kept when room is short.
  navigator.storage?.persist?.();
  await journal.begin(changed);
  part("account", refused);
  history.replaceState(null, "", "#/code");
  route(true);
}

const tokenOf = (text) => text.slice(text.lastIndexOf("#") + 1).trim();

/** The token that the address brings, taken out of it; or nothing. */
function tokenOfAddress() {
  const isToken = !location.hash.startsWith("#/") && location.hash.length > TOKEN_LENGTH_MIN;
  return isToken ? tokenOf(takeFragment()) : "";
}

/** The same for an invitation. */
const invitationOfAddress = () =>
  location.hash.startsWith(INVITE) ? takeFragment().slice(INVITE.length - 1) : "";

/** Another link was opened in a page that is a device. */
function offer(token) {
  showEnrol("replace");
  the("enrol-new").onclick = () => enrol(token);
  the("enrol-stay").onclick = () => route(true);
}

/** A code was refused: this device is signed out, does not pay, or is no member's any more. */
async function refused(error) {
  if (isSignedOut(error)) {
    member.isOut = true;
    route(true);
    return;
  }
  const account = await part("account", refused);
  if (!account) return;
  try {
    // One that does not pay is a device all the same.
    const why = account.whyNoCode(await account.read());
    if (why) code.rest(why);
  } catch (told) {
    if (isSignedOut(told)) await refused(told);
    else if (!isPassing(told)) ended(error);
  }
}

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
  const invitation = invitationOfAddress();
  const token = tokenOfAddress();
  // What a provider sent the browser back with stays in no address.
  const sent = new URLSearchParams(location.search);
  const isBack = sent.has("state");
  if (isBack) history.replaceState(null, "", location.pathname + location.hash);
  the("enrol-form").addEventListener("submit", (event) => {
    event.preventDefault();
    enrol(tokenOf(the("enrol-link").value));
  });
  the("history-more").addEventListener("click", readMore);
  code.begin(refused);
  paying.begin();
  member.key = await ProvingKey.load(DEVICE, NONCES);
  if (member.key) {
    await journal.begin(changed);
    part("account", refused);
  }
  // An address that was pasted over this page's brings a link, too.
  addEventListener("hashchange", (event) => {
    const invited = invitationOfAddress();
    const brought = tokenOfAddress();
    if (invited || brought) arrive(brought, invited);
    else if (location.hash.startsWith("#/")) route(event);
  });
  const waiting = member.key ? null : await ProvingKey.asked(DEVICE);
  if (isBack && member.key) show("enter", "back", sent);
  else await arrive(token || waiting?.link_token, invitation);
}

/** Goes on from a link or an invitation, where there is one. */
async function arrive(token, invitation) {
  if (token && member.key) offer(token);
  else if (token) await enrol(token);
  else if (invitation && !member.key) {
    show("enter", "join", invitation);
  } else route(null);
}

begin();
