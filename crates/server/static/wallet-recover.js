// The way back without a device: an address, two proofs of different kinds, a wait, and this browser
// is the only device. What belongs to it is kept in this browser; nobody else can finish it.

import { announce, language, make, moment, newRequestId, pause, say, the } from "./page.js";
import { ProvingKey } from "./device.js";
import { drop, find, keep } from "./kept.js";
import { DEVICE, NONCES, because, isPassing, trouble } from "./wallet-member.js";
import {
  addressField,
  button,
  codeField,
  digitsOf,
  field,
  form,
  hasPasskeys,
  insist,
  run,
  saying,
  typedAtOnce,
  usePasskey,
} from "./wallet-acts.js";
import { step } from "./wallet-enter.js";

const KEY = "recovery";
const PATH = "/v1/member/recovery";
const KEPT = "recovery";
const LOOK_MS = 10_000;
const VOUCH_LOOK_MS = 3000;
const TICK_MS = 1000;
const MINUTE_MS = 60_000;

let onEntered = () => {};
let shown = 0;
/** What was proved: the channels whose code was typed, a recovery code, a passkey, who it is. */
let proofs;

export function begin(entered) {
  onEntered = entered;
}

const asker = () => ProvingKey.newcomer(KEY, NONCES);
const text = (key, values) => make("p", { text: say(key, values) });

export async function enter() {
  shown += 1;
  askWho("");
  const kept = await find("state", KEPT);
  if (kept?.recovery) await follow(kept);
}

export function leave() {
  shown += 1;
}

function askWho(address) {
  proofs = { channels: new Set(), code: null, passkey: null, counter: false };
  const who = addressField();
  who.querySelector("input").value = address;
  step(
    "wallet-recover-title",
    text("wallet-recover-how"),
    text("wallet-recover-wait"),
    form("recover-form", [who], "wallet-next", (values) => askProofs(values.address)),
  );
}

/** Two of five kinds. */
function askProofs(address) {
  const said = saying();
  const count = proofs.channels.size + [proofs.code, proofs.passkey, proofs.counter].filter(Boolean).length;
  step(
    "wallet-proofs-title",
    text("wallet-proofs-how"),
    make("p", { class: "tag open", role: "status", text: say("wallet-proofs-count", { count }) }),
    said,
    make(
      "ul",
      { class: "ways" },
      byChannel(address, "mail", "wallet-proof-mail", said),
      byChannel(address, "sms", "wallet-proof-sms", said),
      way("wallet-proof-code", proofs.code !== null, () => askSheetCode(address), said),
      hasPasskeys() &&
        way("wallet-proof-passkey", proofs.passkey !== null, () => askPasskey(address), said),
      way("wallet-proof-counter", proofs.counter, () => askCounter(address), said),
    ),
    count >= 2 &&
      button("wallet-recover-start", () => start(address), {
        said,
        kind: "act big wide",
        meant: say("wallet-address-wrong"),
      }),
  );
}

const way = (label, isDone, work, said) =>
  make(
    "li",
    { class: "row" },
    make("span", { text: say(label) }),
    isDone
      ? make("span", { class: "tag good", text: say("wallet-proof-done") })
      : button("wallet-proof-act", work, { said, meant: say("wallet-address-wrong") }),
  );

const byChannel = (address, channel, label, said) =>
  way(label, proofs.channels.has(channel), () => sendCode(address, channel), said);

async function sendCode(address, channel) {
  const key = await asker();
  await insist(key, PATH, { act: "begin", address, channel, language });
  const said = saying();
  const typed = async ({ code }) => {
    const answer = await insist(key, PATH, { act: "code", channel, code: digitsOf(code) });
    if (answer.confirmed) {
      proofs.channels.add(channel);
      askProofs(address);
    } else {
      said.textContent = say("wallet-code-wrong", { tries: answer.tries_left });
      said.hidden = false;
    }
  };
  step(
    "wallet-code-step",
    text("wallet-proof-sent"),
    said,
    typedAtOnce(form("code-form", [codeField("wallet-typed-code", 8)], "wallet-next", typed)),
    button("wallet-back", () => askProofs(address), { said }),
  );
  the("enter").querySelector("input").focus();
}

function askSheetCode(address) {
  const said = saying();
  const code = field("sheet", "wallet-proof-code", { autocomplete: "off", autocapitalize: "none", spellcheck: "false" });
  const typed = ({ sheet }) => {
    proofs.code = sheet.trim();
    askProofs(address);
  };
  step(
    "wallet-proof-code-title",
    text("wallet-proof-code-how"),
    form("sheet-form", [code], "wallet-next", typed),
    button("wallet-back", () => askProofs(address), { said }),
  );
}

async function askPasskey(address) {
  const key = await asker();
  proofs.passkey = await usePasskey(await insist(key, PATH, { act: "begin_passkey" }));
  askProofs(address);
}

/** Shows what the help desk types, until it has vouched for who stands there. */
async function askCounter(address) {
  const mine = shown;
  const key = await asker();
  const ask = () => insist(key, PATH, { act: "counter" });
  let told = await ask();
  const said = saying();
  const groups = told.shown.match(/.{4}/g).flatMap((group) => [" ", make("span", { text: group })]);
  const place = make("p", { class: "at-counter" }, ...groups);
  step(
    "wallet-counter-title",
    text("wallet-counter-how"),
    place,
    make("p", { class: "quiet", role: "status", text: say("wallet-counter-wait") }),
    said,
    button("wallet-back", () => askProofs(address), { said }),
  );
  the("enter-title").focus();
  const isShown = () => mine === shown && place.isConnected;
  // A counter takes longer than a network is lost.
  const still = (error) => {
    if (isPassing(error)) return told;
    throw error;
  };
  await run(place, said, async () => {
    while (!told.vouched && isShown()) {
      await pause(VOUCH_LOOK_MS);
      if (isShown()) told = await ask().catch(still);
    }
    if (!isShown()) return;
    proofs.counter = true;
    askProofs(address);
    announce(say("wallet-proof-done"));
  });
}

async function start(address) {
  const key = await asker();
  const before = await find("state", KEPT);
  const request_id = before?.request_id ?? newRequestId();
  await keep("state", KEPT, { request_id });
  const { code, passkey } = proofs;
  const answer = await insist(key, PATH, { act: "start", request_id, address, code, passkey });
  const kept = { recovery: answer.recovery, token: answer.token, request_id: newRequestId() };
  await keep("state", KEPT, kept);
  await follow(kept);
}

/* Waiting, and the end. */

const STATES = {
  waiting: "wallet-recovery-waiting",
  contested: "wallet-recovery-contested",
  with_staff: "wallet-recovery-with-staff",
  cancelled: "wallet-recovery-cancelled",
  finished: "wallet-recovery-finished",
  allowed: "wallet-recovery-allowed",
};

/** Shows how it stands, again and again. */
async function follow(kept) {
  shown += 1;
  const mine = shown;
  const key = await asker();
  const said = saying();
  let lookAt = 0;
  let answer = null;
  while (mine === shown) {
    if (performance.now() >= lookAt) {
      lookAt = performance.now() + LOOK_MS;
      try {
        const { recovery } = kept;
        const told = await key.call(PATH, { act: "state", recovery });
        trouble(null);
        if (mine !== shown) return;
        const isNew = told.state !== answer?.state || told.due_at !== answer?.due_at;
        answer = told;
        if (isNew) showStanding(key, kept, answer, said);
      } catch (error) {
        if (mine !== shown) return;
        if (isPassing(error)) trouble(error);
        else return over(because(error));
      }
    }
    if (answer) showLeft(Date.parse(answer.due_at) - key.now());
    await pause(TICK_MS);
  }
}

function showStanding(key, kept, answer, said) {
  const goesOn = ["waiting", "allowed"].includes(answer.state);
  const isOpen = goesOn || ["contested", "with_staff"].includes(answer.state);
  const finish = () => end(key, kept);
  step(
    "wallet-recovery-title",
    text(STATES[answer.state], { time: moment(answer.due_at) }),
    goesOn && make("p", { id: "recovery-left", class: "figure left" }),
    said,
    goesOn && button("wallet-recovery-finish", finish, { said, kind: "act big wide" }),
    isOpen && text("wallet-recovery-keep"),
    !isOpen && button("wallet-recover-new", forget, { said, kind: "wide" }),
  );
}

function showLeft(left) {
  const place = document.getElementById("recovery-left");
  if (!place) return;
  const minutes = Math.max(Math.ceil(left / MINUTE_MS), 0);
  const values = { hours: Math.floor(minutes / 60), minutes: minutes % 60 };
  const said = minutes > 0 ? say("wallet-recovery-left", values) : say("wallet-recovery-due");
  if (place.textContent !== said) place.textContent = said;
}

async function end(key, { recovery, token, request_id }) {
  const answer = await insist(key, PATH, { act: "finish", request_id, recovery, token });
  shown += 1;
  const device = await key.become(DEVICE, answer);
  await drop("state", KEPT);
  await onEntered(device, answer);
}

async function forget() {
  await drop("state", KEPT);
  await drop("key", KEY);
  await enter();
}

function over(why) {
  const said = saying();
  step(
    "wallet-recovery-title",
    make("p", { class: "said bad", role: "alert", text: why }),
    button("wallet-recover-new", forget, { said, kind: "act wide" }),
  );
}
