// What came and went, page by page, and the receipt of each payment.

import { Unreachable, dayOf, fill, make, moment, money, number, say, the, timeOfDay } from "./page.js";
import { askWallet, because, member } from "./wallet-member.js";

const PAGE = 20;

/** What each kind of movement is called, and what is said when one just happened. */
const KINDS = {
  pay: ["wallet-kind-pay", "wallet-done-pay"],
  authorize: ["wallet-kind-authorize", "wallet-done-authorize"],
  capture: ["wallet-kind-capture", "wallet-done-capture"],
  void: ["wallet-kind-void", "wallet-done-void"],
  expire: ["wallet-kind-expire", "wallet-done-void"],
  refund: ["wallet-kind-refund", "wallet-done-refund"],
  reverse: ["wallet-kind-reverse", "wallet-done-reverse"],
  credit: ["wallet-kind-credit", "wallet-done-credit"],
  top_up: ["wallet-kind-top-up", "wallet-done-top-up"],
  take_back: ["wallet-kind-take-back", "wallet-done-take-back"],
};
const BEGINS = ["pay", "authorize"];
/** The states of a payment in words, and the colour of each. */
const STATES = {
  authorized: ["wallet-state-authorized", "open"],
  paid: ["wallet-state-paid", "good"],
  captured: ["wallet-state-paid", "good"],
  voided: ["wallet-state-voided", ""],
  expired: ["wallet-state-expired", ""],
  reversed: ["wallet-state-reversed", ""],
};

/** The state of a payment of which so much was paid. */
function stateOf({ status, refunded }, paid) {
  if (status === "reversed" || !refunded) return STATES[status];
  return refunded < paid ? ["wallet-state-partly-refunded", "open"] : ["wallet-state-refunded", ""];
}

const yen = (amount) => money(amount, member.wallet.currency);
const signOf = (amount) => (amount < 0 ? "−" : "+");

/** How much came, went, is held or was released, with its sign. */
export function amountOf({ asset, amount, held_change: held }) {
  if (asset === "points") return say("common-points", { points: signOf(amount) + number(Math.abs(amount)) });
  if (amount !== 0) return signOf(amount) + yen(Math.abs(amount));
  return say(held > 0 ? "wallet-holds" : "wallet-releases", { amount: yen(Math.abs(held)) });
}

/** What just happened. */
export const done = (movement) => say(KINDS[movement.kind][1]);

/** The state beside what began a payment; that it was paid the amount says already. */
function tagOf(movement) {
  const { kind, status, refunded, amount } = movement;
  return kind === "pay" && status === "paid" && !refunded
    ? null
    : stateOf(movement, amount ? -amount : refunded);
}

function entry(movement) {
  const kind = say(KINDS[movement.kind][0]);
  const place = movement.store;
  const direction = movement.amount > 0 ? "came" : movement.amount < 0 ? "went" : "still";
  const tag = BEGINS.includes(movement.kind) && tagOf(movement);
  const parts = [
    make("span", { class: "entry-place", text: place ?? kind }),
    make("span", { class: `entry-amount figure ${direction}`, text: amountOf(movement) }),
    make(
      "span",
      { class: "entry-more" },
      make("time", { datetime: movement.booked_at, text: timeOfDay(movement.booked_at) }),
      place && make("span", { text: kind }),
      tag && make("span", { class: `tag ${tag[1]}`, text: say(tag[0]) }),
    ),
  ];
  const { payment } = movement;
  const element = payment
    ? make("a", { class: "entry", href: `#/receipt/${payment}` }, ...parts)
    : make("div", { class: "entry" }, ...parts);
  return make("li", {}, element);
}

/** Movements under the days they were booked on; `level` is that of the headings. */
export function entries(movements, level) {
  const days = new Map();
  for (const movement of movements) {
    const day = dayOf(movement.booked_at);
    if (!days.has(day)) days.set(day, []);
    days.get(day).push(movement);
  }
  const parts = [...days].map(([day, group]) => [
    make(`h${level}`, { class: "day", text: day }),
    make("ul", {}, ...group.map(entry)),
  ]);
  return make("div", {}, ...parts.flat());
}

/** The list that is shown, and which visit it belongs to: an answer to an earlier one is too late. */
let list = { movements: [], before: null };

export function enterHistory() {
  list = { movements: [], before: null };
  fill(the("history"));
  return readMore();
}

/** Reads the next page of the list. */
export async function readMore() {
  const shown = list;
  const button = the("history-more");
  button.disabled = true;
  tell(say("wallet-loading"));
  try {
    if (!member.wallet) await askWallet();
    const asked = shown.before ? { limit: PAGE, before: shown.before } : { limit: PAGE };
    const page = await member.key.call("/v1/device/movements", asked);
    if (shown !== list) return;
    const from = shown.movements.length;
    shown.movements.push(...page.movements);
    shown.before = page.before ?? null;
    fill(the("history"), entries(shown.movements, 2));
    tell(shown.movements.length > 0 ? "" : say("wallet-history-none"));
    button.hidden = !shown.before;
    if (from > 0) the("history").querySelectorAll(".entry")[from]?.focus();
  } catch (error) {
    if (shown !== list) return;
    tell(because(error));
    button.hidden = false;
  }
  button.disabled = false;
}

function tell(text) {
  the("history-said").textContent = text;
  the("history-said").hidden = text === "";
}

let receiptShown = null;

/** Shows the receipt of a payment. */
export async function enterReceipt(payment) {
  receiptShown = payment;
  const place = the("receipt");
  fill(place, make("p", { class: "quiet", role: "status", text: say("wallet-loading") }));
  try {
    if (!member.wallet) await askWallet();
    const receipt = await member.key.call("/v1/device/payment", { payment });
    if (receiptShown === payment)
      fill(
        place,
        paper(receipt),
        make("button", {
          type: "button",
          class: "wide no-print",
          text: say("wallet-print"),
          onclick: () => print(),
        }),
      );
  } catch (error) {
    if (receiptShown !== payment) return;
    const again = make("button", {
      type: "button",
      text: say("wallet-again"),
      onclick: () => enterReceipt(payment),
    });
    fill(
      place,
      make("p", { class: "said bad", role: "alert", text: because(error) }),
      error instanceof Unreachable && again,
    );
  }
}

function paper(receipt) {
  const { payment, status, captured, refunded, movements } = receipt;
  const [begun] = movements;
  const total = captured || receipt.amount;
  const [state, colour] = stateOf(receipt, total);
  const rows = [
    ["wallet-receipt-when", moment(receipt.booked_at)],
    ["wallet-receipt-place", begun.place],
    ["wallet-receipt-merchant", begun.merchant],
    ["wallet-receipt-held-until", status === "authorized" && moment(receipt.hold_expires_at)],
    ["wallet-receipt-asked", total !== receipt.amount && yen(receipt.amount)],
    ["wallet-receipt-refunded", refunded > 0 && yen(refunded)],
    ["wallet-receipt-number", payment],
  ];
  const row = ([key, text]) => make("div", {}, make("dt", { text: say(key) }), make("dd", { text }));
  return make(
    "article",
    { class: "card paper" },
    make("p", { class: "paper-store", text: begun.store }),
    make("p", { class: "paper-amount figure", text: yen(total) }),
    make("p", {}, make("span", { class: `tag ${colour}`, text: say(state) })),
    make("dl", { class: "facts" }, ...rows.filter(([, text]) => text).map(row)),
    life(movements.slice(1)),
  );
}

/** What was done with the payment after it began. */
function life(movements) {
  if (movements.length === 0) return null;
  const line = (movement) =>
    make(
      "li",
      {},
      make("span", { text: say(KINDS[movement.kind][0]) }),
      make("span", { class: "figure", text: amountOf(movement) }),
      make("time", { datetime: movement.booked_at, text: moment(movement.booked_at) }),
      make("code", { text: movement.operation }),
    );
  return make(
    "section",
    {},
    make("h2", { text: say("wallet-receipt-life") }),
    make("ol", { class: "life" }, ...movements.map(line)),
  );
}
