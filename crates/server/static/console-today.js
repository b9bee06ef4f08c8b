// Today: figures, a bar an hour, the stores, and the newest operations, as the stream tells them.

import { fill, make, say, the } from "./page.js";
import { amountText, ask, because, countText, dateText, keepZone, linkTo, placeLink, table } from "./console-book.js";
import { updateList } from "./console-operations.js";
import { hourPlot, hourTable, shareBar } from "./console-plots.js";

/** The figures of the stores are asked for so often at the most, milliseconds. */
const STORES_MS = 3_000;

let day = null;
let newest = [];
let stores = null;
/** When the stores were asked for, and whether they will be. */
let askedAt = 0;
let timer = 0;
let drawnWidth = 0;

const isShown = () => !the("view-today").hidden;

/** Takes a line of the stream. */
export function hearFigures(line) {
  if (day && line.day.date !== day.date) stores = null;
  day = line.day;
  newest = line.newest;
  keepZone(day);
  draw();
}

/** Shows the view; before the stream has told anything it asks. */
export async function enterToday(_, stands) {
  if (!day) {
    try {
      const today = await ask("today");
      stores = today.by_store;
      askedAt = Date.now();
      keepZone(today);
      day ??= today;
    } catch (error) {
      if (stands()) the("stores-told").textContent = because(error);
      return;
    }
  }
  draw();
}

function draw() {
  if (!isShown() || !day) return;
  the("today-date").textContent = say("console-date", { date: dateText(day.date), zone: day.zone });
  fill(the("figures"), ...figures(day.totals));
  drawPlot();
  updateList(the("newest"), newest);
  the("newest-told").textContent = newest.length === 0 ? say("console-nothing-yet") : "";
  drawStores();
  askStores();
}

function figures({ paid, refunded, reversed, declined, held }) {
  const net = paid.amount - refunded.amount - reversed.amount;
  const figure = (name, large, small, kind = "") => make("div", { class: `card ${kind}` },
    make("dt", { text: name }),
    make("dd", { class: "figure large", text: large }),
    make("dd", { class: "figure quiet", text: small }));
  const times = (sum) => say("console-times", { count: countText(sum.count) });
  return [
    figure(say("console-paid"), amountText(paid.amount), times(paid), "first"),
    figure(say("console-refunded"), amountText(refunded.amount), times(refunded)),
    figure(say("console-reversed"), amountText(reversed.amount), times(reversed)),
    figure(say("console-net"), amountText(net), say("console-net-hint")),
    figure(say("console-held"), amountText(held.amount), times(held)),
    figure(say("console-declined"), countText(declined.count), amountText(declined.amount)),
  ];
}

function drawPlot() {
  const { paid, refunded, reversed } = day.totals;
  const isEmpty = [paid, refunded, reversed].every((sum) => sum.count === 0);
  the("hours-plot").hidden = isEmpty;
  the("hours-told").textContent = isEmpty ? say("console-nothing-yet") : "";
  the("hours-box").hidden = isEmpty;
  if (isEmpty) return;
  drawnWidth = the("hours-plot").clientWidth;
  // A page that is not laid out has no room yet; it is drawn when it has.
  if (drawnWidth > 0) fill(the("hours-plot"), hourPlot(day, drawnWidth));
  fill(the("hours-table"), hourTable(day));
}

/** Asks for the figures of the stores, now or a little later. */
function askStores() {
  if (timer) return;
  const wait = Math.max(askedAt + STORES_MS - Date.now(), 0);
  if (stores && newest[0]?.number === stores.at) return;
  timer = setTimeout(async () => {
    const at = newest[0]?.number;
    askedAt = Date.now();
    try {
      stores = Object.assign((await ask("today")).by_store, { at });
      drawStores();
    } catch (error) {
      the("stores-told").textContent = because(error);
    }
    timer = 0;
    if (isShown() && newest[0]?.number !== at) askStores();
  }, wait);
}

function drawStores() {
  if (!stores) return;
  the("stores-told").textContent = stores.length === 0 ? say("console-nothing-yet") : "";
  if (stores.length === 0) return fill(the("stores"));
  const most = Math.max(...stores.map((store) => store.paid.amount), 1);
  const heads = [
    [say("console-store")], [say("console-share"), "wide"], [say("console-paid-count"), "amount"],
    [say("console-paid"), "amount"], [say("console-given-back"), "amount"], [say("console-declined"), "amount wide"],
  ];
  const sorted = [...stores].sort((one, other) => other.paid.amount - one.paid.amount);
  const rows = sorted.map((store) => [
    make("span", {}, placeLink("store", store.store, store.name),
      make("span", { class: "quiet", text: store.merchant_name })),
    shareBar(store.paid.amount / most),
    countText(store.paid.count), amountText(store.paid.amount),
    amountText(-(store.refunded.amount + store.reversed.amount) || 0), countText(store.declined.count),
  ]);
  const focused = the("stores").contains(document.activeElement) ? document.activeElement.title : null;
  fill(the("stores"), table(say("console-stores-today"), heads, rows));
  if (focused) the("stores").querySelector(`a[title="${focused}"]`)?.focus();
}

/** Draws the plot anew when there is more room, or less. */
export function startToday() {
  new ResizeObserver(([{ contentRect }]) => {
    if (day && isShown() && Math.abs(contentRect.width - drawnWidth) > 1) drawPlot();
  }).observe(the("hours-plot"));
  fill(the("newest-all"), linkTo({ view: "search" }, { text: say("console-newest-all") }));
}
