// A shift: who stands at the till since when, what was taken, and whether the server's list and this
// browser's journal say the same.

import { fill, make, moment, newRequestId, number, say, the } from "./page.js";
import { drop, find, keep } from "./kept.js";
import { amountText, confirmed, facts, notice, print, shortOf, till } from "./register-till.js";
import { kindText } from "./register-payments.js";
import { whyOf } from "./register-outcome.js";
import { showDrawer } from "./register-cash.js";

const PAGE_MAX = 200;
/** So many pages of the server's list are added up, and no more. */
const PAGES_MAX = 200;
const DIFFERENCES_MAX = 20;

const ROWS = {
  paid: "register-sum-paid",
  signs: "register-sum-signs",
  refunded: "register-sum-refunded",
  reversed: "register-sum-reversed",
  held: "register-sum-held",
  declined: "register-sum-declined",
  topped_up: "register-sum-topped-up",
  took_back: "register-sum-took-back",
};

const OF_CASH = ["topped_up", "took_back"];

/** The shift that this browser is in. */
export async function loadShift() {
  const kept = await find("state", "shift");
  till.shift = kept?.terminal === till.terminal.id ? kept : null;
}

/** Begins one. */
export async function openShift(clerk) {
  till.shift = { id: newRequestId(), clerk, since: till.terminal.now(), terminal: till.terminal.id };
  await keep("state", "shift", till.shift);
}

/** What this terminal did since the shift began, newest first; whole unless it is very long. */
async function listed() {
  const found = [];
  let before = null;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const from = before ? `&before=${before}` : "";
    const answer = await till.terminal.get(`/v1/payments?limit=${PAGE_MAX}${from}`);
    const since = answer.operations.filter((one) => Date.parse(one.booked_at) >= till.shift.since);
    found.push(...since);
    before = answer.before ?? null;
    if (before === null || since.length < answer.operations.length) return found;
  }
  return found;
}

/** In which sum an operation is. */
function rowOf({ operation, outcome, effect, presented }) {
  const begins = ["pay", "authorize", "top_up"].includes(operation);
  if (outcome === "declined") return begins ? "declined" : null;
  if (operation === "pay") return presented === "sign" ? "signs" : "paid";
  if (operation === "capture") return "paid";
  if (operation === "authorize") return "held";
  if (operation === "refund") return "refunded";
  if (operation === "top_up") return "topped_up";
  if (operation === "reverse" && effect === "took_back") return "took_back";
  return operation === "reverse" && effect === "gave_back" ? "reversed" : null;
}

function sumsOf(operations) {
  const sums = Object.fromEntries(Object.keys(ROWS).map((row) => [row, { count: 0, amount: 0 }]));
  for (const operation of operations) {
    const sum = sums[rowOf(operation)];
    if (!sum) continue;
    sum.count += 1;
    sum.amount += operation.amount;
  }
  return sums;
}

/** Where list and journal do not say the same. A sign's payments have no entry: the member began them. */
function differences(operations) {
  const entries = till.journal.entries().filter((entry) => entry.shift === till.shift.id);
  const named = (kind, amount, id) => ({ name: `${kindText(kind)} ${amount ? amountText(amount) : ""} ${shortOf(id)}` });
  const server = new Map(operations.map((one) => [one.request_id, one]));
  const reversals = new Set(till.journal.entries().flatMap((entry) => (entry.undo ? [entry.undo.id] : [])));
  const lines = [];
  for (const entry of entries) {
    const name = named(entry.kind === "order" ? "pay" : entry.kind, entry.amount, entry.id);
    const isDone = entry.state === "succeeded" || entry.state === "declined";
    if (entry.state === "open") lines.push(say("register-differs-open", name));
    else if (isDone && !server.has(entry.id)) lines.push(say("register-differs-journal", name));
  }
  for (const one of operations) {
    const isKnown = till.journal.of(one.request_id) || reversals.has(one.request_id);
    const isOurs = one.presented !== "sign" && one.operation !== "expire" && one.operation !== "tombstone";
    if (!isKnown && isOurs) lines.push(say("register-differs-server", named(one.operation, one.amount, one.request_id)));
  }
  return lines;
}

function table(sums) {
  const cell = (text) => make("td", { class: "amount", text });
  const line = ([row, key]) => make("tr", {}, make("th", { scope: "row", text: say(key) }),
    cell(number(sums[row].count)), cell(amountText(sums[row].amount)));
  // Where no clerk takes cash, nobody reads of it.
  const isTold = ([row]) => !OF_CASH.includes(row) || sums[row].count > 0;
  const net = sums.paid.amount + sums.signs.amount - sums.refunded.amount - sums.reversed.amount;
  const head = ["register-sum", "register-count", "register-amount"].map((key, place) =>
    make("th", { scope: "col", class: place > 0 ? "amount" : "", text: say(key) }));
  return make("table", {}, make("thead", {}, make("tr", {}, ...head)),
    make("tbody", {}, ...Object.entries(ROWS).filter(isTold).map(line)),
    make("tfoot", {}, make("tr", {}, make("th", { scope: "row", text: say("register-sum-net") }),
      cell(""), cell(amountText(net)))));
}

function report(operations, until) {
  const found = differences(operations);
  const same = make("p", { class: "same", text: say("register-differs-not") });
  const more = found.length - DIFFERENCES_MAX;
  const lines = found.slice(0, DIFFERENCES_MAX).map((text) => make("li", { text }));
  if (more > 0) lines.push(make("li", { text: say("register-differs-more", { count: number(more) }) }));
  return make("article", { class: "slip" },
    make("h2", { text: say("register-report") }),
    facts([
      [say("register-store"), `${till.about.merchant.name}　${till.about.store.name}`],
      [say("register-terminal"), till.terminal.id],
      [say("register-clerk"), till.shift.clerk],
      [say("register-since"), moment(till.shift.since)],
      [say("register-until"), moment(until)],
    ]),
    table(sumsOf(operations)),
    found.length > 0 ? make("ul", { class: "notice bad" }, ...lines) : same);
}

/** Shows the totals as they are now; answers whether they could be had. */
export async function showShift() {
  fill(the("report"), make("p", { text: say("register-loading") }));
  showDrawer();
  try {
    fill(the("report"), report(await listed(), till.terminal.now()));
    return true;
  } catch (error) {
    fill(the("report"), notice(whyOf(error)));
    return false;
  }
}

const printReport = () => print(the("report").firstChild.cloneNode(true));

async function closeShift(closed) {
  if (till.journal.open().length > 0) return fill(the("report"), notice(say("register-not-now")));
  if (!(await showShift())) return;
  const question = say("register-close-sure", { name: till.shift.clerk });
  if (!(await confirmed(question, say("register-close")))) return;
  printReport();
  await drop("state", "shift");
  till.shift = null;
  closed();
}

/** Makes the view work; `closed` is called when a shift has ended. */
export function startShift(closed) {
  the("report-refresh").addEventListener("click", showShift);
  the("report-print").addEventListener("click", printReport);
  the("shift-close").addEventListener("click", () => closeShift(closed));
}
