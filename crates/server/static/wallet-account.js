// The account: what there is to look at and to do, freezing, addresses, terms, and what a member
// must see at once. Devices and factors have files of their own.

import { announce, fill, language, make, moment, say, the } from "./page.js";
import { because, isEnded, isIn, isSignedOut, member } from "./wallet-member.js";
import {
  act,
  addressField,
  button,
  codeField,
  digitsOf,
  form,
  freezeButton,
  insist,
  more,
  notices,
  saying,
  settle,
  show,
  titled,
  typedAtOnce,
} from "./wallet-acts.js";
import { devices, paysFrom } from "./wallet-devices.js";
import { factors } from "./wallet-factors.js";

const ACCOUNT = "/v1/member/account";
const WALLET = "/v1/member/wallet";
const CONTACTS = "/v1/member/contacts";
const SESSION = "/v1/member/session";
/** How often the account is read while it is shown, and while it is not. */
const LOOK_MS = 5000;
const LOOK_LATER_MS = 60_000;

/** The parts of the account: their titles, and what makes them. */
const PARTS = {
  "": ["wallet-account-title", hub],
  devices: ["wallet-devices-title", devices],
  factors: ["wallet-factors-title", factors],
  addresses: ["wallet-addresses-title", addresses],
  freeze: ["wallet-freeze-title", freezing],
  close: ["wallet-close-title", closing],
};

let part = null;
let lookAt = 0;
let isReading = false;
/** The account as the page last drew it: what is the same is left alone. */
let drawn = "";
let onOut = () => {};
/** The recovery whose alarm was put away. */
let putAway = "";

/** Begins; `out` hears of errors that end or sign out this device. */
export function begin(out) {
  onOut = out;
  setInterval(() => {
    if (!isIn() || document.hidden || performance.now() < lookAt) return;
    look();
  }, 500);
  document.addEventListener("visibilitychange", () => {
    lookAt = 0;
  });
}

export function enter(name) {
  part = Object.hasOwn(PARTS, name ?? "") ? (name ?? "") : "";
  titled(the("account-title"), say(PARTS[part][0]));
  the("account-back").hidden = part === "";
  drawn = "";
  if (member.account) draw();
  else fill(the("account"), make("p", { class: "quiet", role: "status", text: say("wallet-loading") }));
  lookAt = 0;
}

export function leave() {
  part = null;
}

/** Reads the account now; throws as `call` does. */
export async function read() {
  lookAt = performance.now() + (part === null ? LOOK_LATER_MS : LOOK_MS);
  member.account = await member.key.call(ACCOUNT, {});
  settle();
  call();
  alarm();
  if (part !== null) draw();
  return member.account;
}

async function look() {
  if (isReading) return;
  isReading = true;
  try {
    await read();
  } catch (error) {
    if (isEnded(error) || isSignedOut(error)) onOut(error);
    else if (part !== null && !member.account)
      fill(the("account"), make("p", { class: "said", role: "alert", text: because(error) }));
  } finally {
    isReading = false;
  }
}

/** Draws the part that is shown, where anything changed and nobody types in it. */
function draw() {
  const said = JSON.stringify([part, member.account]);
  const place = the("account");
  if (said === drawn || (drawn && place.querySelector("input:focus, dialog[open]"))) return;
  drawn = said;
  fill(place, ...PARTS[part][1](member.account).filter(Boolean));
}

/** Does something, then shows what became of it. */
export async function change(path, body, done) {
  await act(path, body);
  drawn = "";
  await read();
  announce(say(done));
}

/** The device that this is. */
export const own = (account) => account.devices.find((device) => device.this);

/* The first part. */

const STATES = {
  open: "wallet-account-open",
  frozen: "wallet-account-frozen",
  frozen_by_member: "wallet-account-frozen-by-member",
  closed: "wallet-account-closed",
};

function hub(account) {
  const entry = (name, title, more) =>
    make(
      "li",
      {},
      make(
        "a",
        { class: "choice", href: `#/account/${name}` },
        make("span", { text: say(title) }),
        make("span", { class: "quiet", text: more }),
      ),
    );
  const said = saying();
  const isOpen = account.state === "open";
  const waiting = account.devices.some((device) => device.state === "pending" || device.pays_from);
  const active = account.devices.filter((device) => device.state === "active").length;
  const leave = () => act(SESSION, { act: "sign_out" }).then(() => onOut({ refusal: "device_must_be_signed_in" }));
  return [
    !isOpen && make("p", { class: "said bad", text: say(STATES[account.state]) }),
    account.terms < account.terms_present && account.state !== "closed" && terms(account),
    make(
      "ul",
      { class: "choices-list" },
      entry("devices", "wallet-devices-title", say(waiting ? "wallet-devices-waiting" : "wallet-devices-count", { count: active })),
      entry("factors", "wallet-factors-title", say("wallet-factors-count", { count: account.factors.length })),
      entry("addresses", "wallet-addresses-title", say("wallet-addresses-count", { count: account.contacts.length })),
      entry("freeze", "wallet-freeze-title", say(STATES[account.state])),
    ),
    said,
    button("wallet-sign-out", leave, { said, kind: "wide" }),
    make("p", { class: "quiet", text: say("wallet-sign-out-how") }),
    make("p", {}, make("a", { class: "back", href: "#/account/close", text: say("wallet-close-title") })),
    make("p", { class: "quiet" }, make("span", { text: say("wallet-member-number") }), " ", make("code", { text: account.member })),
  ];
}

function terms({ terms_present: version }) {
  const said = saying();
  const agree = () => change(WALLET, { act: "consent", terms: version }, "wallet-done");
  return make(
    "section",
    { class: "card" },
    make("h2", { text: say("wallet-terms-new") }),
    notices(version),
    said,
    button("wallet-terms-accept", agree, { said, kind: "act wide" }),
  );
}

/* Freezing and closing. */

function freezing(account) {
  const said = saying();
  if (account.state === "open")
    return [
      make("p", { text: say("wallet-freeze-how") }),
      make("p", { text: say("wallet-freeze-still") }),
      freezeButton("wallet-freeze-act", read),
    ];
  const lift = () => change(WALLET, { act: "unfreeze" }, "wallet-unfrozen-now");
  const isOwn = account.state === "frozen_by_member";
  return [
    make("p", { class: "said bad", text: say(STATES[account.state]) }),
    account.state !== "closed" && make("p", { text: say("wallet-freeze-still") }),
    isOwn && make("p", { text: say("wallet-unfreeze-how") }),
    account.state === "frozen" && make("p", { text: say("wallet-unfreeze-staff") }),
    said,
    isOwn && button("wallet-unfreeze-act", lift, { said, kind: "act big wide" }),
  ];
}

function closing(account) {
  const said = saying();
  const close = () => change(WALLET, { act: "close" }, "wallet-account-closed");
  if (account.state === "closed") return [make("p", { class: "said", text: say("wallet-account-closed") })];
  return [
    make("p", { text: say("wallet-close-how") }),
    make("p", { text: say("wallet-close-balance") }),
    said,
    button("wallet-close-act", close, { said, kind: "danger wide" }),
  ];
}

/* Addresses. */

function addresses(account) {
  const said = saying();
  const line = (contact) =>
    make(
      "li",
      { class: "item" },
      make("p", { class: "item-name", text: contact.address }),
      make("p", { class: "quiet", text: say("wallet-address-since", { time: moment(contact.since) }) }),
      account.contacts.length > 1 &&
        button("wallet-remove", () => change(CONTACTS, { act: "end", contact: contact.contact }, "wallet-done"), {
          said,
          kind: "danger",
        }),
    );
  return [
    make("p", { class: "quiet", text: say("wallet-addresses-how") }),
    said,
    make("ul", { class: "items" }, ...account.contacts.map(line)),
    more("wallet-address-add", addAddress()),
  ];
}

function addAddress() {
  const place = make("div", {});
  const ask = form(
    "contact-form",
    [addressField()],
    "wallet-code-send",
    async ({ address }) => {
      await insist(member.key, CONTACTS, { act: "begin", address, language });
      fill(place, make("p", { text: say("wallet-code-sent", { address }) }), typedAtOnce(confirm));
      confirm.querySelector("input").focus();
    },
    { meant: say("wallet-address-wrong") },
  );
  const said = saying();
  const confirm = form("contact-code-form", [codeField("wallet-typed-code", 8), said], "wallet-next", async ({ code }) => {
    const answer = await act(CONTACTS, { act: "code", code: digitsOf(code) });
    if (answer.confirmed) {
      drawn = "";
      confirm.querySelector("input").blur();
      await read();
      announce(say("wallet-done"));
    } else {
      said.textContent = say("wallet-code-wrong", { tries: answer.tries_left });
      said.hidden = false;
    }
  });
  fill(place, ask);
  return place;
}

/* What a member must see. */

/** Above the code: what waits for an answer, and what this device may not. */
function call() {
  const { account } = member;
  const line = (part, text) => make("a", { class: "call", href: `#/account/${part}`, text });
  const pending = account.devices.find((device) => device.state === "pending");
  const asks = account.devices.find((device) => device.pays_from && !device.this);
  const strong = account.factors.some((factor) => ["passkey", "totp"].includes(factor.kind));
  fill(
    the("calls"),
    account.state === "frozen_by_member" && line("freeze", say("wallet-call-frozen")),
    pending && line("devices", say("wallet-call-pending", { label: pending.label })),
    asks && line("devices", say("wallet-call-asks", { label: asks.label })),
    account.terms < account.terms_present && account.terms > 0 && line("", say("wallet-terms-new")),
    account.state === "open" && !strong && line("factors", say("wallet-call-factor")),
    account.state === "open" && account.young && line("devices", say("wallet-call-new")),
  );
}

/** Why this device shows no code where it is a device all the same, or nothing. */
export function whyNoCode(account) {
  const device = own(account);
  if (account.state !== "open" || !device || device.pays) return "";
  return device.pays_from ? paysFrom(device.pays_from) : say("wallet-pays-not");
}

const ALARMS = {
  waiting: "wallet-alarm-waiting",
  contested: "wallet-alarm-contested",
  with_staff: "wallet-alarm-staff",
  allowed: "wallet-alarm-allowed",
};

/** A recovery is under way: all of the screen says so. */
function alarm() {
  const { recovery } = member.account;
  const dialog = the("alarm");
  const mark = recovery && `${recovery.recovery} ${recovery.state}`;
  if (!recovery || mark === putAway) {
    if (dialog.open) dialog.close();
    return;
  }
  if (dialog.open && dialog.dataset.mark === mark) return;
  dialog.dataset.mark = mark;
  const said = saying();
  const body = (name) => ({ act: name, recovery: recovery.recovery });
  const times = { started: moment(recovery.started_at), due: moment(recovery.due_at) };
  const isContestable = ["waiting", "contested"].includes(recovery.state);
  dialog.onclose = () => {
    putAway = mark;
  };
  show(
    dialog,
    "wallet-alarm-title",
    make("p", { text: say(ALARMS[recovery.state], times) }),
    said,
    isContestable &&
      button("wallet-alarm-contest", () => change(WALLET, body("contest_recovery"), "wallet-frozen-now"), {
        said,
        kind: "stop big wide",
      }),
    isContestable && make("p", { class: "quiet", text: say("wallet-alarm-contest-how") }),
    button("wallet-alarm-cancel", () => change(WALLET, body("cancel_recovery"), "wallet-done"), {
      said,
      kind: "act big wide",
    }),
    make("p", { class: "quiet", text: say("wallet-alarm-cancel-how") }),
  );
}

