// What was paid, and what can follow on it: refund in parts, reverse, capture, void, a receipt. The
// list is the server's; items and clerk are what this browser's journal knows.

import { dayOf, fill, make, moment, number, say, the, timeOfDay } from "./page.js";
import { amountInField, amountOf, amountText, confirmed, facts, print, shortOf, till } from "./register-till.js";
import { reasonOf } from "./register-outcome.js";

const PAGE_MAX = 50;
/** A search looks through so many pages of the server's list and no more. */
const SEARCH_PAGES_MAX = 10;
const ACKNOWLEDGED_MAX = 100;

const KINDS = {
  pay: "register-kind-pay",
  authorize: "register-kind-authorize",
  capture: "register-kind-capture",
  void: "register-kind-void",
  expire: "register-kind-expire",
  refund: "register-kind-refund",
  reverse: "register-kind-reverse",
  tombstone: "register-undone",
};
const STATES = {
  authorized: ["register-state-authorized", "open"],
  paid: ["register-state-paid", "good"],
  captured: ["register-state-captured", "good"],
  voided: ["register-state-voided", "plain"],
  expired: ["register-state-expired", "plain"],
  reversed: ["register-state-reversed", "plain"],
};

const BACK = ["refund", "reverse"];

let operations = [];
let before = null;
let mayAsk = () => false;

export const kindText = (kind) => say(KINDS[kind]);

function sought(operation) {
  const text = the("search").value.trim().replace(/^…/, "").toUpperCase();
  if (text === "") return true;
  const amount = amountOf(text);
  const ends = [operation.payment, operation.request_id].map((id) => id?.toUpperCase() ?? "");
  return ends.some((end) => end.endsWith(text)) || (amount > 0 && operation.amount === amount);
}

function line(operation) {
  const { outcome, payment, amount, booked_at: at, terminal } = operation;
  const isDone = outcome === "succeeded";
  const kept = till.journal.of(operation.request_id);
  const elsewhere = terminal && terminal !== till.terminal.id ? terminal : null;
  const day = dayOf(at) === dayOf(Date.now()) ? timeOfDay(at) : moment(at);
  const isUndone = operation.operation === "tombstone";
  const why = isDone || isUndone ? null : reasonOf(operation.refusal.name, operation.refusal.message);
  const about = [payment, elsewhere && shortOf(elsewhere), kept?.clerk];
  const parts = [
    make("span", { class: "figure", text: day }),
    make("span", {}, make("b", { text: kindText(operation.operation) }), " ",
      isUndone ? null : make("span", { class: isDone ? "tag good" : "tag bad", text: say(isDone ? "register-succeeded" : "register-declined") }),
      make("span", { class: "quiet", text: [...about.filter(Boolean), why].filter(Boolean).join(" · ") })),
    make("b", { class: "figure amount", text: amount ? amountText(amount) : "" }),
  ];
  if (!payment) return make("li", {}, make("div", { class: "row" }, ...parts));
  return make("li", {}, make("button", { type: "button", class: "row", onclick: () => showPayment(payment) }, ...parts));
}

function draw() {
  const found = operations.filter(sought);
  fill(the("list"), ...found.map(line));
  the("list-told").textContent = found.length === 0 ? say("register-list-empty") : "";
  the("more").hidden = before === null;
  the("acknowledge").hidden = the("scope").value !== "unacknowledged" || operations.length === 0;
}

async function loadMore() {
  const scope = the("scope").value;
  const which = { own: "", store: "&store=true", unacknowledged: "&unacknowledged=true" }[scope];
  const from = before ? `&before=${before}` : "";
  try {
    const page = await till.terminal.get(`/v1/payments?limit=${PAGE_MAX}${which}${from}`);
    if (scope !== the("scope").value) return;
    operations.push(...page.operations);
    before = page.before ?? null;
    draw();
  } catch (error) {
    the("list-told").textContent = reasonOf(error.refusal, say("common-unreachable"));
  }
}

/** Loads the list anew. */
export async function showPayments() {
  operations = [];
  before = null;
  the("list-told").textContent = say("register-loading");
  await loadMore();
}

/** Shows what is sought; looks further back where nothing of it is loaded. */
async function search() {
  draw();
  for (let pages = 0; pages < SEARCH_PAGES_MAX && before && !operations.some(sought); pages += 1) await loadMore();
}

async function acknowledgeAll() {
  const ids = operations.filter((one) => !one.terminal || one.terminal === till.terminal.id).map((one) => one.request_id);
  try {
    for (let at = 0; at < ids.length; at += ACKNOWLEDGED_MAX) {
      await till.terminal.post("/v1/acknowledgements", { request_ids: ids.slice(at, at + ACKNOWLEDGED_MAX) });
    }
    await showPayments();
  } catch (error) {
    the("list-told").textContent = reasonOf(error.refusal, say("common-unreachable"));
  }
}

/** Whether this register began it: only its own requests can be reversed. */
const isOwn = (operation) => (operation.terminal ? operation.terminal === till.terminal.id : till.journal.of(operation.request_id) !== undefined);

/** Shows one payment with what can be done about it. */
export async function showPayment(id) {
  const body = the("detail-body");
  fill(body, make("p", { text: say("register-loading") }));
  if (!the("detail").open) the("detail").showModal();
  try {
    const payment = await till.terminal.get(`/v1/payments/${id}`);
    fill(body, ...paymentParts(payment));
  } catch (error) {
    fill(body, make("p", { class: "notice bad", text: reasonOf(error.refusal, say("common-unreachable")) }));
  }
}

function paymentParts(payment) {
  const [state, tone] = STATES[payment.status];
  const begun = payment.operations[0];
  const kept = till.journal.of(begun.request_id);
  const [forms, buttons] = actions(payment);
  return [
    make("p", { class: "amount-large figure", text: amountText(payment.amount) }),
    make("p", {}, make("span", { class: `tag ${tone}`, text: say(state) }), payment.refunded > 0 ? ` ${say("register-refunded", { amount: amountText(payment.refunded) })}` : ""),
    paymentFacts(payment, kept),
    make("h3", { text: say("register-history") }),
    make("ul", { class: "history" }, ...payment.operations.map(historyLine)),
    ...forms,
    make("p", { class: "line" }, ...buttons, make("button", { type: "button", onclick: () => showReceipt(payment), text: say("register-receipt") })),
  ];
}

function paymentFacts(payment, kept) {
  const isHeld = payment.status === "authorized";
  return facts([
    [say("register-payment"), payment.payment],
    [say("register-clerk"), kept?.clerk],
    [say("register-held"), isHeld ? amountText(payment.held) : null],
    [say("register-held-to"), isHeld ? moment(payment.hold_expires_at) : null],
    [say("register-items"), kept?.items?.length ? itemsText(kept.items) : null],
  ]);
}

const itemsText = (items) => items.map(({ name, quantity }) => `${name || say("register-item-unnamed")} × ${number(quantity)}`).join("、");

function historyLine(operation) {
  const { outcome, booked_at: at, operation: kind, amount } = operation;
  const word = outcome === "succeeded" ? kindText(kind) : `${kindText(kind)}: ${reasonOf(operation.refusal.name, operation.refusal.message)}`;
  return make("li", {}, make("span", { class: "figure", text: moment(at) }), make("span", { text: word }),
    make("b", { class: "figure", text: amount ? amountText(amount) : "" }));
}

/** What can be asked of a payment as it stands: with an amount, and of the whole. */
function actions(payment) {
  const { status, held, captured, refunded } = payment;
  const left = captured - refunded;
  if (status === "authorized") {
    return [[withAmount("capture", payment, held, say("register-capture"))], [plain("void", payment, held, say("register-void"))]];
  }
  if (!(status === "paid" || status === "captured") || left === 0) return [[], []];
  const target = reversible(payment);
  const reverse = target ? [plain("reverse", payment, left, say("register-reverse"), target)] : [];
  return [[withAmount("refund", payment, left, say("register-refund"))], reverse];
}

/** The request whose reversal gives a payment back: what took the money, where we asked for it. */
function reversible({ operations }) {
  const took = operations.find((one) => one.outcome === "succeeded" && (one.operation === "capture" || one.operation === "pay"));
  return took && isOwn(took) ? took.request_id : null;
}

/** What is asked before it is done; each names the amount. */
const QUESTIONS = {
  capture: "register-sure-capture",
  void: "register-sure-void",
  refund: "register-sure-refund",
  reverse: "register-sure-reverse",
};

async function act(kind, payment, amount, body, word) {
  if (!mayAsk()) return tellInDetail(say("register-not-now"));
  if (!(await confirmed(say(QUESTIONS[kind], { amount: amountText(amount) }), word))) return;
  if (!mayAsk()) return tellInDetail(say("register-not-now"));
  the("detail").close();
  await till.journal.ask(kind, body, { payment: payment.payment, amount, clerk: till.shift?.clerk, shift: till.shift?.id });
}

function tellInDetail(text) {
  the("detail-body").prepend(make("p", { class: "notice bad", role: "alert", text }));
}

function withAmount(kind, payment, most, word) {
  const id = `${kind}-amount`;
  const field = make("input", { id, inputmode: "decimal", required: true, value: amountInField(most), autocomplete: "off" });
  const told = make("p", { role: "alert" });
  const onsubmit = (event) => {
    event.preventDefault();
    const amount = amountOf(field.value);
    const isIn = amount > 0 && amount <= most;
    told.textContent = isIn ? "" : say("register-amount-range", { most: amountText(most) });
    if (!isIn) return field.focus();
    act(kind, payment, amount, { payment: payment.payment, amount, currency: payment.currency }, word);
  };
  const label = say("register-amount-of", { most: amountText(most) });
  return make("form", { class: "line action", onsubmit }, make("label", { for: id, text: label }), field,
    make("button", { class: "act", text: word }), told);
}

function plain(kind, payment, amount, word, target) {
  const body = target ? { target_request_id: target } : { payment: payment.payment };
  const onclick = () => act(kind, payment, amount, body, word);
  return make("button", { type: "button", class: "danger", onclick, text: word });
}

/** Shows the receipt of a payment, to be printed. */
export async function showReceipt(payment) {
  fill(the("receipt-body"), receipt(payment));
  the("receipt").showModal();
}

/** The receipt of a payment that is known by its identifier only. */
export async function showReceiptOf(id) {
  try {
    await showReceipt(await till.terminal.get(`/v1/payments/${id}`));
  } catch {
    await showPayment(id);
  }
}

function receipt(payment) {
  const { store, merchant } = till.about;
  const [begun] = payment.operations;
  const kept = till.journal.of(begun.request_id);
  const others = payment.operations.slice(1).filter((one) => one.outcome === "succeeded");
  const row = (name, amount) => make("tr", {}, make("td", { text: name }), make("td", { class: "amount", text: amountText(amount) }));
  const items = (kept?.items ?? []).map(({ name, price, quantity }) =>
    row(`${name || say("register-item-unnamed")}${quantity > 1 ? ` × ${number(quantity)}` : ""}`, price * quantity));
  return make("article", { class: "slip" },
    make("h2", { text: say("register-receipt") }),
    make("p", {}, make("b", { text: merchant.name }), make("br"), [store.name, store.place].filter(Boolean).join("　")),
    make("table", {}, make("tbody", {}, ...items, row(kindText(begun.operation), payment.amount),
      ...others.filter((one) => one.amount > 0).map((one) => row(kindText(one.operation), BACK.includes(one.operation) ? -one.amount : one.amount)))),
    facts([
      [say("register-time"), moment(begun.booked_at)],
      [say("register-payment"), payment.payment],
      [say("register-state"), say(STATES[payment.status][0])],
      [say("register-terminal"), till.terminal.id],
      [say("register-clerk"), kept?.clerk],
    ]),
    make("p", { class: "quiet", text: say("register-receipt-note") }));
}

/** Makes the view work; `may` answers whether something may be asked now. */
export function startPayments(may) {
  mayAsk = may;
  the("search-form").addEventListener("submit", (event) => {
    event.preventDefault();
    search();
  });
  the("search").addEventListener("input", draw);
  the("scope").addEventListener("change", showPayments);
  the("refresh").addEventListener("click", showPayments);
  the("more").addEventListener("click", loadMore);
  the("acknowledge").addEventListener("click", acknowledgeAll);
  the("receipt-print").addEventListener("click", () => print(the("receipt-body").firstChild.cloneNode(true)));
}
