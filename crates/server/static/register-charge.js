// Charging: the amount, from keys or items; then the customer's code, or a QR code of ours that the
// customer scans.

import { announce, fill, make, number, pause, say, the, timeOfDay } from "./page.js";
import { play } from "./sound.js";
import { symbol } from "./symbols.js";
import { amountInField, amountOf, amountText, confirmed, facts, figure, isCovered } from "./register-till.js";
import { nameOf, print, shortOf, till } from "./register-till.js";
import { isCode, listenToScanner, scanWithCamera } from "./register-scan.js";
import { cashRequest } from "./register-cash.js";
import { whyOf } from "./register-outcome.js";
import { operationLine } from "./register-payments.js";

/** As the API takes it, minor units. */
const AMOUNT_MAX = 1_000_000_000;
const QUANTITY_MAX = 999;
const ITEMS_MAX = 50;
/** How often the store's list is looked at while its sign is shown, and how much of it. */
const INCOMING_MS = 2_000;
const INCOMING_MAX = 10;
const TICK_MS = 250;
/** So many of the last charges are shown beside the amount. */
const LATEST_MAX = 4;

const CHARGES = ["pay", "authorize", "order", "top_up"];

let keyed = 0;
let items = [];
let mayCharge = () => false;
let shownOrder = null;

const sumOf = ({ price, quantity }) => price * quantity;
const total = () => (items.length > 0 ? items.reduce((sum, item) => sum + sumOf(item), 0) : keyed);

function hint(text) {
  the("amount-hint").textContent = text;
  announce(text);
}

/** Shows what can be done with the amount now. */
export function drawReady() {
  const amount = total();
  const isReady = amount > 0 && amount <= AMOUNT_MAX && mayCharge();
  the("amount-hint").textContent = isReady ? say("register-hint-scan") : say("register-hint-amount");
  for (const id of ["charge-order", "charge-camera"]) the(id).disabled = !isReady;
  the("charge-order").disabled ||= the("hold").checked || the("cash").checked;
  the("cash-box").hidden = !till.about.clerks;
  the("code-go").textContent = say(the("cash").checked ? "register-cash-take" : "register-code-charge");
  the("charge-sign").disabled = !mayCharge();
}

/** Shows the amount, its items, and the charges before it. */
export function drawCharge() {
  const amount = total();
  drawReady();
  the("amount").textContent = amountText(amount);
  for (const key of the("keypad").children) key.disabled = items.length > 0 && key.dataset.key !== "Escape";
  the("items-count").textContent = items.length > 0 ? `${number(items.length)} · ${amountText(amount)}` : "";
  fill(the("items"), ...items.map(itemLine));
  const settled = till.journal.entries().filter((entry) => entry.answer && CHARGES.includes(entry.kind));
  fill(the("latest"), ...settled.slice(-LATEST_MAX).reverse().map(latestLine));
  the("latest-box").hidden = settled.length === 0;
}

/** A charge of a moment ago; what was given back is no payment any more. */
const latestLine = ({ state, answer }) =>
  operationLine(state === "undone" ? { ...answer, operation: "tombstone", payment: null } : answer);

function itemLine(item) {
  const remove = () => {
    items = items.filter((other) => other !== item);
    drawCharge();
    the("item-name").focus();
  };
  const label = say("register-item-remove", { name: `${nameOf(item)} ${amountText(item.price)}` });
  return make("li", {},
    make("span", { text: nameOf(item) }),
    make("span", { class: "figure quiet", text: `${amountText(item.price)} × ${number(item.quantity)}` }),
    figure(amountText(sumOf(item))),
    make("button", { type: "button", "aria-label": label, onclick: remove, text: "✕" }));
}

function addItem(event) {
  event.preventDefault();
  const price = amountOf(the("item-price").value);
  const quantity = Number(the("item-quantity").value);
  const sum = items.reduce((sum, item) => sum + sumOf(item), price * quantity);
  const isCount = Number.isInteger(quantity) && quantity > 0 && quantity <= QUANTITY_MAX;
  if (!price || !isCount) return hint(say("register-item-wrong"));
  if (items.length >= ITEMS_MAX || sum > AMOUNT_MAX) return hint(say("register-too-much"));
  items.push({ name: the("item-name").value.trim(), price, quantity });
  keyed = 0;
  the("item-form").reset();
  drawCharge();
  the("item-name").focus();
}

/** One key of the keypad or the keyboard. */
function press(key) {
  if (key === "Escape" || key === "Delete") {
    clearCharge();
  } else if (items.length === 0) {
    const next = key === "Backspace" ? Math.floor(keyed / 10) : Number(`${keyed}${key}`);
    if (next > AMOUNT_MAX) return hint(say("register-too-much"));
    keyed = next;
  }
  drawCharge();
}

/** Begins anew: nothing of the last customer is left. */
export function clearCharge() {
  keyed = 0;
  items = [];
  the("code-form").reset();
  the("hold").checked = the("cash").checked = false;
  the("items-box").open = false;
  drawCharge();
}

/** What the journal keeps of a charge. */
const about = (amount) => ({ amount, items, clerk: till.shift.clerk, shift: till.shift.id });

async function charge(code) {
  const amount = total();
  if (amount === 0) return hint(say("register-hint-amount"));
  if (!mayCharge()) return hint(say("register-not-now"));
  if (!isCode(code)) return hint(say("register-not-a-code"));
  if (the("cash").checked) return takeCash(amount, code);
  const isHold = the("hold").checked;
  const body = { amount, currency: till.about.currency, code, capture: isHold ? "later" : "now" };
  await till.journal.ask(isHold ? "authorize" : "pay", body, about(amount));
}

async function takeCash(amount, code) {
  const cash = await cashRequest({ amount, currency: till.about.currency, code });
  if (!cash || !mayCharge()) return;
  await till.journal.ask("top_up", cash.request, { ...about(amount), clerk: cash.clerk });
}

async function chargeByCamera() {
  const code = await scanWithCamera();
  if (code) await charge(code);
}

async function showOrder() {
  const amount = total();
  if (amount === 0 || !mayCharge() || the("hold").checked || the("cash").checked) return;
  await till.journal.ask("order", { amount, currency: till.about.currency }, about(amount));
}

const where = ({ store, merchant }) => facts([
  [say("register-merchant"), merchant.name],
  [say("register-store"), `${store.name} (${store.number})`],
  [say("register-place"), store.place],
]);

/** Shows an order's QR code until it is settled. */
export async function orderShown(entry) {
  const { order } = entry;
  shownOrder = entry;
  fill(the("order-symbol"), symbol(order.qr_svg, say("register-order-title")));
  fill(the("order-where"), where(order));
  the("order-amount").textContent = amountText(entry.amount);
  the("order-withdraw").disabled = false;
  the("order-withdraw").onclick = async () => {
    the("order-withdraw").disabled = true;
    await till.journal.undo(entry, "clerk");
  };
  if (!the("order").open) the("order").showModal();
  const whole = entry.until - entry.at;
  while (entry.state === "open") {
    const left = Math.max(0, entry.until - till.terminal.now());
    the("order-left").value = left / whole;
    const isWaiting = left > 0 && !entry.undo;
    const waiting = say("register-order-waiting", { seconds: number(Math.ceil(left / 1000)) });
    the("order-told").textContent = isWaiting ? waiting : say("register-order-ending");
    await pause(TICK_MS);
  }
}

/** Takes an order's QR code away. */
export function orderSettled() {
  fill(the("order-symbol"));
  the("order").close();
}

async function showSign() {
  let sign;
  try {
    sign = await till.terminal.get("/v1/sign");
  } catch (error) {
    return hint(whyOf(error));
  }
  fill(the("sign-symbol"), symbol(sign.qr_svg, say("register-sign-title")));
  fill(the("sign-where"), where(sign));
  fill(the("sign-list"), make("li", { class: "quiet", text: say("register-sign-nothing") }));
  the("sign-print").onclick = () => print(poster(sign));
  the("sign").showModal();
  await watchIncoming();
}

/** The sign as it hangs on the wall. */
function poster({ store, merchant, qr_svg }) {
  return make("div", { class: "poster" },
    make("p", { text: say("register-poster-pay") }),
    make("h1", { text: merchant.name }),
    make("h2", { text: store.place ? `${store.name}　${store.place}` : store.name }),
    make("div", { class: "symbol" }, symbol(qr_svg, say("register-sign-title"))),
    make("p", { class: "number figure", text: say("register-poster-number", { number: store.number }) }),
    make("p", { text: say("register-poster-check") }));
}

/** Lists what the store's customers pay while the sign is shown. */
async function watchIncoming() {
  const since = till.terminal.now();
  const seen = new Set();
  while (the("sign").open) {
    try {
      const page = await till.terminal.get(`/v1/payments?store=true&limit=${INCOMING_MAX}`);
      const isNew = (one) => one.presented === "sign" && Date.parse(one.booked_at) >= since && !seen.has(one.request_id);
      for (const one of page.operations.filter(isNew).reverse()) {
        if (seen.size === 0) fill(the("sign-list"));
        seen.add(one.request_id);
        // The same digits stand on the customer's screen: two tills of a store see one payment.
        const words = ` ${say("register-done-pay")} ${shortOf(one.payment)} ${timeOfDay(one.booked_at)}`;
        the("sign-list").prepend(make("li", { class: "good" }, figure(amountText(one.amount)), words));
        play("succeeded");
      }
    } catch {
      // The bar says how it stands with the server; the list goes on when it can.
    }
    await pause(INCOMING_MS);
  }
}

/** What scanned digits have done to the page, to be undone. */
function beforeScan() {
  const [amount, field] = [keyed, document.activeElement];
  const text = field instanceof HTMLInputElement ? field.value : null;
  return () => {
    keyed = amount;
    if (text !== null) field.value = text;
    drawCharge();
  };
}

function onKey(event) {
  const isTyping = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) && event.target.type !== "checkbox";
  if (isCovered() || the("charge").hidden || event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.key === "F4") showOrder();
  else if (event.key === "F2") chargeByCamera();
  else if (isTyping) return;
  else if (/^(\d|Backspace|Delete|Escape)$/.test(event.key)) press(event.key);
  else return;
  event.preventDefault();
}

/** Makes the view work; `may` answers whether a charge may begin now. */
export function startCharge(may) {
  mayCharge = () => till.shift !== null && may();
  the("keypad").addEventListener("click", (event) => {
    const key = event.target.closest("[data-key]")?.dataset.key;
    if (key) press(key);
  });
  addEventListener("keydown", onKey);
  listenToScanner(beforeScan, (text) => {
    if (the("charge").hidden || isCovered()) return;
    charge(text);
  });
  the("code-form").addEventListener("submit", (event) => {
    event.preventDefault();
    charge(the("code").value.replaceAll(/\s/g, ""));
  });
  the("item-form").addEventListener("submit", addItem);
  the("items-box").addEventListener("toggle", () => {
    if (the("items-box").open && items.length === 0 && keyed > 0) {
      the("item-price").value = amountInField(keyed);
    }
  });
  for (const [one, other] of [["hold", "cash"], ["cash", "hold"]]) {
    the(one).addEventListener("change", () => {
      if (the(one).checked) the(other).checked = false;
      drawCharge();
    });
  }
  the("charge-order").addEventListener("click", showOrder);
  the("charge-camera").addEventListener("click", chargeByCamera);
  the("charge-sign").addEventListener("click", showSign);
  the("sign-done").addEventListener("click", () => the("sign").close());
  // An order that a customer may have scanned does not go by a stray key.
  the("order").addEventListener("cancel", async (event) => {
    event.preventDefault();
    const isSure = await confirmed(say("register-order-withdraw-sure"), say("register-order-withdraw"));
    if (isSure) the("order-withdraw").click();
  });
  the("order").addEventListener("close", () => {
    if (shownOrder?.state === "open") the("order").showModal();
  });
}
