// Plots, drawn by calls. Beside each stands a table with the same figures, for whoever would rather
// read, or hear them.

import { make, say } from "./page.js";
import { svgElement } from "./symbols.js";
import { amountText, minutesText, shortAmount, table } from "./console-book.js";

const HEIGHT = 220;
const LEFT = 56;
const TOP = 12;
const BOTTOM = 24;
/** So much room a label of an hour needs, points. */
const LABEL = 56;

const text = (attributes, words) => {
  const element = svgElement("text", attributes);
  element.textContent = words;
  return element;
};

/** What was given back in an hour. */
const backOf = ({ refunded, reversed }) => refunded.amount + reversed.amount;

/** A round step that reaches `most` in two to five of them. */
function stepOf(most) {
  const rough = most / 4;
  const power = 10 ** Math.floor(Math.log10(Math.max(rough, 1)));
  return [1, 2, 5, 10].map((times) => times * power).find((step) => step >= rough);
}

function bar(hour, x, width, y) {
  const { paid } = hour;
  const back = backOf(hour);
  const zero = y(0);
  const words = say("console-hour-says", {
    from: minutesText(hour.from), paid: amountText(paid.amount), back: amountText(back),
  });
  const parts = [svgElement("rect", { class: "area", x, y: TOP, width, height: HEIGHT - TOP - BOTTOM })];
  const rect = (kind, top, height) =>
    parts.push(svgElement("rect", { class: kind, x: x + 1, y: top, width: Math.max(width - 2, 1), height, rx: 2 }));
  if (paid.amount > 0) rect("paid", y(paid.amount), zero - y(paid.amount));
  if (back > 0) rect("back", zero, y(-back) - zero);
  const title = svgElement("title", {});
  title.textContent = words;
  const group = svgElement("g", {});
  group.append(title, ...parts);
  return group;
}

/** A bar an hour, `width` points wide: what was paid up, what was given back down. */
export function hourPlot({ by_hour: hours }, width) {
  const most = Math.max(...hours.map((hour) => hour.paid.amount));
  const back = Math.max(...hours.map(backOf));
  const step = stepOf(Math.max(most, back));
  const [high, low] = [Math.max(Math.ceil(most / step), 1) * step, Math.ceil(back / step) * step];
  const y = (value) => TOP + ((high - value) / (high + low)) * (HEIGHT - TOP - BOTTOM);
  const each = (width - LEFT) / hours.length;
  const drawing = svgElement("svg", {
    viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: "img", "aria-label": say("console-hours-label"),
  });
  for (let value = -low; value <= high; value += step) {
    const kind = value === 0 ? "zero" : "line";
    drawing.append(
      svgElement("line", { class: kind, x1: LEFT, x2: width, y1: y(value), y2: y(value) }),
      text({ x: LEFT - 8, y: y(value) + 4, "text-anchor": "end" }, shortAmount(value).replace("-", "−")));
  }
  const every = [1, 2, 3, 4, 6, 12].find((count) => count * each >= LABEL) ?? 12;
  hours.forEach((hour, place) => {
    const x = LEFT + place * each;
    drawing.append(bar(hour, x, each, y));
    if (place % every === 0) drawing.append(text({ x, y: HEIGHT - 6 }, minutesText(hour.from)));
  });
  return drawing;
}

/** The same as a table: hours in which anything was asked. */
export function hourTable({ by_hour: hours }) {
  const isUsed = ({ paid, refunded, reversed, declined }) =>
    [paid, refunded, reversed, declined].some((sum) => sum.count > 0);
  const heads = [
    [say("console-hour")], [say("console-paid"), "amount"], [say("console-refunded"), "amount"],
    [say("console-reversed"), "amount"], [say("console-declined"), "amount"],
  ];
  const rows = hours.filter(isUsed).map((hour) => [
    minutesText(hour.from), amountText(hour.paid.amount), amountText(hour.refunded.amount),
    amountText(hour.reversed.amount), String(hour.declined.count),
  ]);
  return table(say("console-hours"), heads, rows);
}

/** A bar in a cell of a table, as long as its share of the longest. The figure stands beside it. */
export function shareBar(share) {
  const stretched = { viewBox: "0 0 100 10", preserveAspectRatio: "none" };
  const drawing = svgElement("svg", { class: "share", "aria-hidden": "true", ...stretched });
  drawing.append(svgElement("rect", { class: "paid", width: Math.max(share * 100, 0.5), height: 10 }));
  return make("span", { class: "share-box" }, drawing);
}
