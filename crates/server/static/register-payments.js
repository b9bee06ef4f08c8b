// What was paid, and what can follow on it: refund in parts, reverse, capture, void, a receipt. The
// list is the server's; items and clerk are what this browser's journal knows.

import { dayOf, fill, make, moment, number, say, the, timeOfDay } from "./page.js";
import { amountInField, amountOf, amountText, button, confirmed, facts, figure, nameOf, notice } from "./register-till.js";
import { print, shortOf, till } from "./register-till.js";
import { reasonOf, whyOf } from "./register-outcome.js";
import { signedIn } from "./register-clerk.js";

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
  top_up: "register-kind-top-up",
  took_back: "register-sum-took-back",
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

/** What takes money, and what gives it back. */
const TAKES = ["pay", "capture"];
const BACK = ["refund", "reverse"];

/** Whether this register asked for it: those of others are undone by a clerk, where clerks work. */
const isOwn = (operation) => operation.terminal === till.terminal.id;

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

/** One line of a list; a payment opens with it. */
export function operationLine(operation) {
  const { outcome, payment, amount, booked_at: at, terminal } = operation;
  const isDone = outcome === "succeeded";
  const kept = till.journal.of(operation.request_id);
  const elsewhere = isOwn(operation) ? null : terminal;
  const day = dayOf(at) === dayOf(Date.now()) ? timeOfDay(at) : moment(at);
  const isUndone = operation.operation === "tombstone";
  const [word, tone] = isDone ? ["register-succeeded", "good"] : ["register-declined", "bad"];
  const why = isDone || isUndone ? null : reasonOf(operation.refusal.name, operation.refusal.message);
  const about = [payment, elsewhere && shortOf(elsewhere), kept?.clerk];
  const parts = [
    make("span", { class: "figure", text: day }),
    make("span", {}, make("b", { text: kindText(operation.effect === "took_back" ? "took_back" : operation.operation) }), " ",
      isUndone ? null : make("span", { class: `tag ${tone}`, text: say(word) }),
      make("span", { class: "quiet", text: [...about.filter(Boolean), why].filter(Boolean).join(" · ") })),
    make("b", { class: "figure amount", text: amount ? amountText(amount) : "" }),
  ];
  const opens = { type: "button", class: "row", onclick: () => showPayment(payment) };
  return make("li", {}, payment ? make("button", opens, ...parts) : make("div", { class: "row" }, ...parts));
}

function draw() {
  const found = operations.filter(sought);
  fill(the("list"), ...found.map(operationLine));
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
    the("list-told").textContent = whyOf(error);
  }
}

/** Loads the list anew. */
export async function showPayments() {
  operations = [];
  before = null;
  // Rows that are about to shift are not to be pressed.
  fill(the("list"));
  the("list-told").textContent = say("register-loading");
  await loadMore();
}

/** Shows what is sought; looks further back where nothing of it is loaded. */
async function search() {
  draw();
  for (let page = 0; page < SEARCH_PAGES_MAX && before && !operations.some(sought); page += 1) await loadMore();
}

async function acknowledgeAll() {
  const ids = operations.filter(isOwn).map((one) => one.request_id);
  try {
    for (let at = 0; at < ids.length; at += ACKNOWLEDGED_MAX) {
      await till.terminal.post("/v1/acknowledgements", { request_ids: ids.slice(at, at + ACKNOWLEDGED_MAX) });
    }
    await showPayments();
  } catch (error) {
    the("list-told").textContent = whyOf(error);
  }
}

/** Shows one payment with what can be done about it. */
export async function showPayment(id) {
  const body = the("detail-body");
  fill(body, make("p", { text: say("register-loading") }));
  if (!the("detail").open) the("detail").showModal();
  try {
    const payment = await till.terminal.get(`/v1/payments/${id}`);
    fill(body, ...paymentParts(payment));
  } catch (error) {
    fill(body, notice(whyOf(error)));
  }
}

function paymentParts(payment) {
  const [state, tone] = STATES[payment.status];
  const begun = payment.operations[0];
  const kept = till.journal.of(begun.request_id);
  const [forms, buttons] = actions(payment);
  const back = say("register-refunded", { amount: amountText(payment.refunded) });
  return [
    make("p", { class: "amount-large figure", text: amountText(payment.amount) }),
    make("p", {}, make("span", { class: `tag ${tone}`, text: say(state) }), " ", payment.refunded > 0 ? back : ""),
    paymentFacts(payment, kept),
    make("h3", { text: say("register-history") }),
    make("ul", { class: "history" }, ...payment.operations.map(historyLine)),
    ...forms,
    make("p", { class: "line" }, ...buttons, button(say("register-receipt"), () => showReceipt(payment))),
  ];
}

function paymentFacts(payment, kept) {
  const isHeld = payment.status === "authorized";
  return facts([
    [say("register-payment"), payment.payment],
    [say("register-clerk"), kept?.clerk],
    [say("register-held"), isHeld ? amountText(payment.held) : null],
    [say("register-held-to"), isHeld ? moment(payment.hold_expires_at) : null],
    [say("register-items"), kept?.items?.map(itemText).join(" / ")],
  ]);
}

const itemText = (item) => `${nameOf(item)} × ${number(item.quantity)}`;

function historyLine(operation) {
  const { outcome, booked_at: at, operation: kind, amount } = operation;
  const why = outcome === "succeeded" ? "" : `: ${reasonOf(operation.refusal.name, operation.refusal.message)}`;
  return make("li", {}, make("span", { class: "figure", text: moment(at) }),
    make("span", { text: kindText(kind) + why }), figure(amount ? amountText(amount) : ""));
}

/** What can be asked of a payment as it stands: with an amount, and of the whole. */
function actions(payment) {
  const { status, held, captured, refunded } = payment;
  const left = captured - refunded;
  if (status === "authorized") {
    const release = plain("void", payment, held, say("register-void"));
    return [[withAmount("capture", payment, held, say("register-capture"))], [release]];
  }
  if (!(status === "paid" || status === "captured") || left === 0) return [[], []];
  const target = reversible(payment);
  const reverse = target ? [plain("reverse", payment, left, say("register-reverse"), target)] : [];
  return [[withAmount("refund", payment, left, say("register-refund"))], reverse];
}

/** What a reversal that gives a payment back names: the request that took the money. */
function reversible({ operations }) {
  const took = operations.find((one) => one.outcome === "succeeded" && TAKES.includes(one.operation));
  if (!took) return null;
  if (isOwn(took)) return { target_request_id: took.request_id };
  return till.about.clerks && took.terminal ? { target_request_id: took.request_id, target_terminal: took.terminal } : null;
}

/** Whether a clerk must have signed in for it. */
const takesClerk = (kind, body) => till.about.clerks && (kind === "refund" || Boolean(body.target_terminal));

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
  const { clerk, id: shift } = till.shift;
  const about = { payment: payment.payment, amount, clerk, shift };
  if (takesClerk(kind, body)) {
    const session = await signedIn();
    if (!session || !mayAsk()) return showPayment(payment.payment);
    body.clerk_session = session.clerk_session;
    about.clerk = session.name;
  }
  await till.journal.ask(kind, body, about);
}

function tellInDetail(text) {
  the("detail-body").prepend(notice(text));
}

function withAmount(kind, payment, most, word) {
  const id = `${kind}-amount`;
  const value = amountInField(most);
  const field = make("input", { id, inputmode: "decimal", required: true, value, autocomplete: "off" });
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
  const body = target ?? { payment: payment.payment };
  return button(word, () => act(kind, payment, amount, { ...body }, word), "danger");
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
  const others = payment.operations.slice(1).filter((one) => one.outcome === "succeeded" && one.amount > 0);
  const row = (name, amount) =>
    make("tr", {}, make("td", { text: name }), make("td", { class: "amount", text: amountText(amount) }));
  const items = (kept?.items ?? []).map((item) => row(itemText(item), item.price * item.quantity));
  const signed = ({ operation, amount }) => row(kindText(operation), BACK.includes(operation) ? -amount : amount);
  return make("article", { class: "slip" },
    make("h2", { text: say("register-receipt") }),
    make("p", {}, make("b", { text: merchant.name }), make("br"), [store.name, store.place].filter(Boolean).join("　")),
    make("table", {}, make("tbody", {}, ...items,
      row(kindText(begun.operation), payment.amount),
      ...others.map(signed))),
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
