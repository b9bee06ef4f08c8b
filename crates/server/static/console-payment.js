// A payment's whole life: how it stands, what was asked, what each step moved from which account to
// which, and what its register knows.

import { announce, fill, make, say, the } from "./page.js";
import {
  amountText, ask, because, facts, linkTo, loading, momentText, placeLink, showTrouble, table, tag,
} from "./console-book.js";
import { effectText, howMuch, isDone, kindText } from "./console-operations.js";

const STATES = {
  authorized: ["console-state-authorized", "open"],
  paid: ["console-state-paid", "good"],
  captured: ["console-state-captured", "good"],
  voided: ["console-state-voided", ""],
  expired: ["console-state-expired", ""],
  reversed: ["console-state-reversed", ""],
};
const ACCOUNTS = {
  member: "console-account-member",
  store: "console-account-store",
  suspense: "console-account-suspense",
  funding: "console-account-funding",
  "points-issued": "console-account-points",
};

/** Which payment is shown, and the numbers of its operations. */
let shown = { id: null, numbers: new Set() };

/** Shows the payment that the address names. */
export async function enterPayment(parameters, stands) {
  const id = parameters.get("id") ?? "";
  const place = the("life");
  const isAnew = shown.id !== id;
  shown = { id, numbers: new Set() };
  if (isAnew) fill(place, loading());
  try {
    const payment = await ask("payment", { payment: id });
    if (!stands()) return;
    shown.numbers = new Set(payment.operations.map((operation) => operation.number));
    fill(place, ...lifeOf(payment));
    announce(say(stateOf(payment)[0]));
  } catch (error) {
    if (!stands()) return;
    shown.id = null;
    const isNone = error.status === 400 || error.status === 404;
    if (!isNone) return showTrouble(place, error, () => enterPayment(parameters, stands));
    const text = error.status === 404 ? because(error) : say("console-payment-wrong");
    fill(place, make("p", { class: "notice bad", role: "alert", text }));
  }
}

/** Whether the newest operations have one of the shown payment that it does not show. */
export const isBehind = (newest) =>
  newest.some(({ payment, number }) => payment === shown.id && shown.numbers.size > 0 && !shown.numbers.has(number));

/** How it stands, what was given back included. */
function stateOf({ status, captured, refunded }) {
  if (status === "reversed" || refunded === 0) return STATES[status];
  return refunded < captured ? ["console-state-partly-refunded", "open"] : ["console-state-refunded", ""];
}

function lifeOf(payment) {
  const { operations, amount } = payment;
  const [state, tone] = stateOf(payment);
  return [
    make("div", { class: "card head" },
      make("p", { class: "figure large", text: amountText(amount) }),
      make("p", {}, tag(say(state), tone)),
      factsOf(payment)),
    make("h2", { text: say("console-life-steps") }),
    make("ol", { class: "steps" }, ...operations.map(stepOf)),
    make("h2", { text: say("console-life-transfers") }),
    transfersOf(operations),
    make("p", { class: "line no-print" },
      make("button", { type: "button", text: say("console-print"), onclick: () => print() })),
  ];
}

function factsOf(payment) {
  const [begun] = payment.operations;
  const { store, store_name, terminal, terminal_name, merchant, merchant_name, member } = begun;
  const withId = (link, id) => make("span", {}, link, " ", make("code", { class: "quiet", text: id }));
  const isHeld = payment.status === "authorized";
  return facts([
    [say("console-payment"), make("code", { text: payment.payment })],
    [say("console-time"), momentText(begun.booked_at)],
    [say("console-store"), store && withId(placeLink("store", store, store_name), store)],
    [say("console-terminal"), terminal && withId(placeLink("terminal", terminal, terminal_name), terminal)],
    [say("console-merchant"), merchant && withId(merchant_name, merchant)],
    [say("console-member"), member && linkTo({ view: "search", text: member }, {}, make("code", { text: member }))],
    [say("console-held"), isHeld ? amountText(payment.held) : null],
    [say("console-held-until"), isHeld ? momentText(payment.hold_expires_at) : null],
    [say("console-paid"), amountText(payment.captured)],
    [say("console-given-back"), payment.refunded > 0 ? amountText(payment.refunded) : null],
    [say("console-business-date"), begun.business_date],
  ]);
}

/** Whether its register knows; what no register asked for is nobody's to know. */
function knownText({ terminal, acknowledged_at: at }) {
  if (!terminal) return null;
  return at ? say("console-acknowledged-at", { time: momentText(at) }) : say("console-not-acknowledged");
}

function stepOf(operation) {
  const { booked_at: at, operation: kind, id, request_id: request, store_name, terminal_name, clerk } = operation;
  const declined = !isDone(operation) && tag(say("console-declined-tag"), "bad");
  const known = isDone(operation) ? knownText(operation) : null;
  return make("li", { class: isDone(operation) ? "" : "declined" },
    make("p", { class: "step-head" }, make("b", { text: kindText(kind) }), declined,
      make("b", { class: `figure amount ${isDone(operation) ? "" : "struck"}`, text: howMuch(operation) })),
    make("p", { class: "figure quiet" }, make("time", { datetime: at, text: momentText(at) })),
    effectText(operation) && make("p", { text: effectText(operation) }),
    make("p", { class: "quiet", text: [store_name, terminal_name, clerk, known].filter(Boolean).join(" · ") }),
    make("p", { class: "quiet" }, id && make("code", { text: id }), id && " ",
      say("console-request"), " ", make("code", { text: request })));
}

function accountOf({ account, id, name }) {
  return make("span", {}, say(ACCOUNTS[account]), " ", name ?? make("code", { text: id ?? "" }));
}

/** Double entry: each transfer debits one account and credits another. */
function transfersOf(operations) {
  const moved = operations.filter((operation) => operation.transfer);
  if (moved.length === 0) return make("p", { text: say("console-no-transfers") });
  const heads = [
    [say("console-operation")], [say("console-account")],
    [say("console-debit"), "amount"], [say("console-credit"), "amount"],
  ];
  const rows = moved.flatMap(({ operation, transfer: { from, to, amount } }) => [
    [kindText(operation), accountOf(from), amountText(amount), ""],
    [kindText(operation), accountOf(to), "", amountText(amount)],
  ]);
  const sum = amountText(moved.reduce((total, { transfer }) => total + transfer.amount, 0));
  return table(say("console-life-transfers"), heads, rows, [say("console-sum"), "", sum, sum]);
}
