// Payments that this page asked for. Each is kept before it is sent and asked for again, the very
// same, until its outcome is known: across lost networks, reloads and killed servers. Nothing is
// ever guessed; a payment that may have been made is called unknown until the server says.

import { Refused, pause } from "./page.js";
import { all, drop, keep } from "./kept.js";
import { isEnded, isPassing, member } from "./wallet-member.js";

const PATH = "/v1/device/payments";
const KIND = "wallet payment";
const AGAIN_MS = 2000;
const AGAIN_MS_MAX = 10_000;
/** Refusals that say of the request itself that it never paid and never will. */
const FINAL = ["order_is_over", "order_is_settled"];

const records = new Map();
/** Payments whose result this page has shown. */
const paid = new Set();
let onChange = () => {};

/** What is kept, newest first. `outcome` is null until it is known: `paid`, `not_paid` or `lost`. */
export const kept = () => [...records.values()].sort((one, other) => (one.id < other.id ? 1 : -1));
/** Whether the outcome of a payment is still unknown. */
export const isOpen = () => kept().some((record) => record.outcome === null);
/** Whether this page made the payment and showed its result. */
export const hasPaid = (payment) => paid.has(payment);

/** Reads what an earlier visit kept, and goes on with it. `changed` hears of every change. */
export async function begin(changed) {
  onChange = changed;
  for (const record of await all("journal")) {
    if (record.kind !== KIND || records.has(record.id)) continue;
    // Whether it arrived before the page was left is what nobody knows.
    record.mayHaveArrived = true;
    records.set(record.id, record);
    if (record.outcome === null) settle(record);
  }
  onChange(null);
}

/** Keeps a payment, then asks for it. `isOrder`: its id is a register's. */
export async function pay(body, store, isOrder) {
  const { device } = member.key.about;
  const record = {
    kind: KIND,
    id: body.request_id,
    device,
    body,
    store,
    isOrder,
    mayHaveArrived: false,
    outcome: null,
    answer: null,
    refusal: "",
  };
  await keep("journal", record.id, record);
  records.set(record.id, record);
  settle(record);
  return record;
}

/** Forgets a payment whose outcome the member has seen. */
export async function forget(record) {
  records.delete(record.id);
  await drop("journal", record.id);
  onChange(record);
}

async function settle(record) {
  let wait = AGAIN_MS;
  while (record.outcome === null) {
    const { mayHaveArrived } = record;
    await ask(record);
    if (record.outcome !== null || record.mayHaveArrived !== mayHaveArrived) onChange(record);
    if (record.outcome !== null) break;
    await Promise.race([pause(wait), online()]);
    wait = Math.min(wait * 1.5, AGAIN_MS_MAX);
  }
  // Unless the member has seen it already.
  if (records.has(record.id)) await keep("journal", record.id, record);
}

async function ask(record) {
  if (record.device !== member.key?.about.device) {
    // Asked by another device it could pay from another member's money.
    record.outcome = "lost";
    return;
  }
  // Of sendings that begin later none can pay, so what is said to one of them is the last word.
  const isOver = member.key.now() > Date.parse(record.body.valid_until);
  try {
    record.answer = await member.key.call(PATH, record.body);
    record.outcome = "paid";
    paid.add(record.answer.payment);
  } catch (error) {
    record.outcome = judged(record, error, isOver);
    record.refusal = error instanceof Refused ? error.refusal : "";
    // Any answer but a decision leaves open what an earlier one did.
    if (isPassing(error)) record.mayHaveArrived = true;
  }
}

/** What a refusal says of the payment: `not_paid`, `lost`, or null where it may still be paid. */
function judged(record, error, isOver) {
  if (isPassing(error)) return null;
  if (isEnded(error)) return record.mayHaveArrived ? "lost" : "not_paid";
  // An earlier sending may still be on its way and arrive when the refusal holds no more.
  const isLast = !record.mayHaveArrived || isOver || FINAL.includes(error.refusal);
  return isLast ? "not_paid" : null;
}

const online = () => new Promise((done) => addEventListener("online", done, { once: true }));
