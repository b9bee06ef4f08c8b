// Paying a shop that is scanned: find it, see who it is, confirm, and know the outcome.

import {
  Refused,
  announce,
  fill,
  fraction,
  hasCamera,
  make,
  money,
  newRequestId,
  pause,
  say,
  the,
  timeOfDay,
  typedAmount,
} from "./page.js";
import { askWallet, because, member, result, trouble } from "./wallet-member.js";
import { forget, isOpen, kept, pay } from "./wallet-journal.js";

const SHOP = "/v1/device/shop";
/** Within what time a payment by a sign is decided or never made; the API takes a minute at most. */
const DECIDED_WITHIN_MS = 50_000;
const STORE_NUMBER = /^\d{1,10}$/;

let camera = null;
/** What was scanned or typed and is to be confirmed. */
let asked = null;
/** The payment whose outcome the confirm view shows. */
let followed = null;

export function begin() {
  the("finder-start").addEventListener("click", look);
  the("shop-form").addEventListener("submit", typed);
  document.addEventListener("visibilitychange", () => document.hidden && rest());
}

/* Finding the shop. */

export function enterPay() {
  asked = null;
  the("shop-said").hidden = true;
  the("shop-text").value = "";
  showWays();
  the("finder").hidden = !hasCamera();
  the("finder-said").textContent = say(hasCamera() ? "wallet-pay-how" : "common-camera-missing");
  if (hasCamera() && !isOpen()) lookIfAllowed();
}

/** While one payment is unknown no other is begun: it would be paid twice by who thinks it failed. */
export function showWays() {
  const waits = isOpen();
  the("pay-wait").hidden = !waits;
  the("pay-ways").hidden = waits;
  if (waits) rest();
}

export function leavePay() {
  rest();
}

function rest() {
  camera?.stop();
  camera = null;
  the("finder").classList.remove("on");
}

/** Looks at once where the member has allowed the camera before. */
async function lookIfAllowed() {
  const permission = await navigator.permissions?.query({ name: "camera" }).catch(() => null);
  if (permission?.state === "granted" && !the("view-pay").hidden) look();
}

async function look() {
  const { Camera } = await import("./camera.js");
  if (camera) return;
  const readFrame = async (luma, width, height) => {
    const answer = await member.key.post(
      `/v1/device/frames/${width}/${height}`,
      luma,
      "application/octet-stream",
    );
    return answer.body.texts;
  };
  camera = new Camera(the("finder-video"), readFrame);
  the("finder").classList.add("on");
  the("finder-said").textContent = say("wallet-pay-looking");
  let last = "";
  try {
    await camera.start(async (text) => {
      if (text === last) return false;
      last = text;
      return find({ payload: text }, the("finder-said"));
    });
  } catch (error) {
    if (error instanceof DOMException) the("finder-said").textContent = say("common-camera-refused");
    else throw error;
  } finally {
    rest();
  }
}

async function typed(event) {
  event.preventDefault();
  const text = the("shop-text").value.trim();
  const said = the("shop-said");
  said.hidden = true;
  // Digits of a Japanese keyboard are digits.
  const number = text.normalize("NFKC");
  await find(STORE_NUMBER.test(number) ? { store: number } : { payload: text }, said);
  said.hidden = said.textContent === "";
}

/** Asks who it is; whether there was an answer. */
async function find(by, said) {
  said.textContent = "";
  try {
    const shop = await member.key.call(SHOP, by);
    asked = { by, shop, request_id: shop.request_id ?? newRequestId() };
  } catch (error) {
    said.textContent = because(error);
    said.hidden = false;
    return false;
  }
  location.hash = "#/confirm";
  return true;
}

/* Confirming. */

export async function enterConfirm() {
  if (!asked) {
    location.replace("#/pay");
    return;
  }
  followed = null;
  the("confirm-title").classList.remove("unseen");
  await (member.wallet ?? askWallet().catch(trouble));
  if (asked) showAsked();
}

export function leaveConfirm() {
  asked = null;
  followed = null;
}

/** Whether the confirm view shows this payment, so that the list above need not. */
export const isFollowed = (record) => followed === record;

function showAsked() {
  const { shop } = asked;
  const isOrder = shop.mode === "order";
  const input = isOrder ? null : amountField(shop.currency);
  const after = make("p", { class: "after figure", id: "confirm-after", role: "status" });
  const act = make("button", { class: "act big", text: say("wallet-confirm-act-sign") });
  const said = make("p", { class: "said", role: "alert", hidden: true });
  const form = make(
    "form",
    { class: "stack", novalidate: true },
    input ?? make("p", { class: "confirm-amount figure", text: money(shop.amount, shop.currency) }),
    after,
    said,
    act,
    make("a", { class: "button", href: "#/pay", text: say("wallet-confirm-leave") }),
  );
  const amount = () => (isOrder ? shop.amount : typedAmount(form.elements.amount.value, shop.currency));
  const renew = () => {
    const value = amount();
    act.textContent = value
      ? say("wallet-confirm-act", { amount: money(value, shop.currency) })
      : say("wallet-confirm-act-sign");
    showAfter(after, value, shop.currency);
  };
  form.addEventListener("input", renew);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    confirm(amount(), said, act);
  });
  renew();
  fill(the("confirm"), payee(shop), form);
  if (!isOrder) form.elements.amount.focus();
  if (isOrder) endWith(asked, act, said);
}

/** Who is paid: what the member compares with where he stands. */
function payee(shop) {
  return make(
    "div",
    { class: "card payee" },
    make("p", { class: "quiet", text: say("wallet-confirm-to") }),
    make("p", { class: "payee-store", text: shop.store.name }),
    shop.store.place && make("p", { text: shop.store.place }),
    make("p", {
      class: "quiet",
      text: say("wallet-confirm-merchant", { merchant: shop.merchant.name, number: shop.store.number }),
    }),
    make("p", { class: "payee-check", text: say("wallet-confirm-check") }),
  );
}

function amountField(currency) {
  return make(
    "div",
    { class: "amount-field" },
    make("label", { for: "confirm-amount", text: say("wallet-confirm-amount", { currency }) }),
    make("input", {
      id: "confirm-amount",
      name: "amount",
      class: "figure",
      required: true,
      inputmode: fraction(currency) ? "decimal" : "numeric",
      autocomplete: "off",
      maxlength: "12",
      "aria-describedby": "confirm-after",
    }),
  );
}

function showAfter(element, amount, currency) {
  const available = member.wallet?.available;
  if (available === undefined) return;
  const left = available - amount;
  element.classList.toggle("short", left < 0);
  element.textContent = say(left < 0 ? "wallet-confirm-short" : "wallet-confirm-after", {
    available: money(available, currency),
    after: money(Math.max(left, 0), currency),
  });
}

/** An order is over at its time. */
async function endWith(order, act, said) {
  const left = Date.parse(order.shop.valid_until) - member.key.now();
  await pause(Math.max(left, 0));
  if (asked !== order) return;
  act.disabled = true;
  said.textContent = say("wallet-refusal-order-is-over");
  said.hidden = false;
}

/** The id and the time of a payment that is no order's. */
const fresh = () => ({
  request_id: newRequestId(),
  valid_until: new Date(member.key.now() + DECIDED_WITHIN_MS).toISOString(),
});

async function confirm(amount, said, act) {
  if (!amount) {
    said.textContent = say("wallet-confirm-amount-missing");
    said.hidden = false;
    the("confirm-amount").focus();
    return;
  }
  act.disabled = true;
  const { by, shop, request_id } = asked;
  const { valid_until } = shop.valid_until ? shop : fresh();
  const body = { request_id, ...by, amount, currency: shop.currency, valid_until };
  followed = await pay(body, shop.store, Boolean(shop.valid_until));
  asked = null;
  showOutcome(followed);
}

/* The outcome. */

/** Shows what became of the payment that the confirm view follows. */
export function showOutcome(record) {
  if (record !== followed) return;
  the("confirm-title").classList.toggle("unseen", record.outcome !== null || record.mayHaveArrived);
  if (record.outcome === null && !record.mayHaveArrived) {
    announce(say("wallet-paying"));
    fill(
      the("confirm"),
      make(
        "div",
        { class: "waiting" },
        make("span", { class: "spinner", "aria-hidden": "true" }),
        make("p", { text: say("wallet-paying") }),
      ),
    );
    return;
  }
  const shown = outcome(record, () => {
    location.hash = "#/code";
  });
  fill(the("confirm"), shown);
  shown.querySelector("button, a")?.focus();
}

/** Asks for the same again, once the member has shown that it is he. */
function again(record) {
  const place = make("div", { class: "stack" });
  const { body, store, isOrder } = record;
  const go = async () => {
    await forget(record);
    followed = await pay(isOrder ? body : { ...body, ...fresh() }, store, isOrder);
    showOutcome(followed);
  };
  import("./wallet-asked.js").then(({ proving }) => fill(place, ...proving(go)));
  return place;
}

/** The outcome of a payment in words; `leave` is what closing it does besides forgetting. */
function outcome(record, leave) {
  const { body, store, answer } = record;
  const amount = money(body.amount, body.currency);
  const close = make("button", {
    type: "button",
    class: "act",
    text: say("wallet-ok"),
    onclick: () => {
      forget(record);
      leave();
    },
  });
  const shop = [store.name, store.place];
  switch (record.outcome) {
    case "paid": {
      const receipt = make("a", {
        class: "button",
        href: `#/receipt/${answer.payment}`,
        onclick: () => forget(record),
        text: say("wallet-receipt"),
      });
      return result("good", {
        title: say("wallet-paid"),
        amount,
        // The same digits stand on the shop's list.
        lines: [...shop, `${timeOfDay(answer.booked_at)}　…${answer.payment.slice(-6)}`],
        actions: [receipt, close],
      });
    }
    case "not_paid":
      return result("bad", {
        title: say("wallet-not-paid"),
        amount,
        lines: [...shop, because(new Refused(409, record)), say("wallet-not-paid-more")],
        actions: record.refusal === "user_must_be_verified" ? [again(record), close] : [close],
      });
    case "lost":
      return result("open", {
        title: say("wallet-lost"),
        amount,
        lines: [...shop, say("wallet-lost-more")],
        actions: [close],
      });
    default:
      return result("open", {
        title: say("wallet-unknown"),
        amount,
        lines: [...shop, say("wallet-unknown-asks"), say("wallet-unknown-more")],
      });
  }
}

/** Lists on top of every view what became of payments that no view follows. */
export function listOpen() {
  const rest = kept().filter((record) => !isFollowed(record));
  the("open").hidden = rest.length === 0;
  fill(the("open"), ...rest.map((record) => outcome(record, () => {})));
}
