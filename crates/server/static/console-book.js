// The book that an operator looks at: the key of the session, what is asked with it, and names,
// amounts and times as all views write them. Times are those of the book's zone, wherever the
// operator is.

import { Unreachable, fill, fraction, knows, language, make, money, number, say, the } from "./page.js";

/** The session's key (null without one), and what the server said of the book. */
export const book = { key: null, zone: null, currency: null };

let over = () => {};
let times = null;

/** Has `then()` called when the server says that the session is over. */
export const whenOver = (then) => (over = then);

/** Asks the console's API. Throws `Refused` or `Unreachable`. */
export async function ask(path, body = {}) {
  if (!book.key) throw new Unreachable(path);
  try {
    return await book.key.call(`/v1/console/${path}`, body);
  } catch (error) {
    if (error.refusal === "session_must_be_open") over();
    throw error;
  }
}

/** Why something could not be had. */
export function because(error) {
  if (error instanceof Unreachable) return say("console-unreachable");
  const isPassing = error.status === 429 || error.status >= 500;
  return reasonOf(error.refusal, isPassing ? say("console-busy") : (error.problem?.detail ?? error.message));
}

/** A refusal in words. */
export function reasonOf(name, otherwise) {
  const key = `console-refusal-${name}`;
  return knows(key) ? say(key) : otherwise;
}

/** Takes from a day's figures in which zone and currency the book is kept. */
export function keepZone({ zone, currency }) {
  if (book.zone === zone) return;
  Object.assign(book, { zone, currency });
  const format = (options) => new Intl.DateTimeFormat(language, { timeZone: zone, ...options });
  times = {
    moment: format({ dateStyle: "medium", timeStyle: "medium" }),
    clock: format({ timeStyle: "medium" }),
    minutes: format({ timeStyle: "short" }),
    day: format({ dateStyle: "short" }),
    parts: new Intl.DateTimeFormat("en", {
      timeZone: zone, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric",
      hour: "numeric", minute: "numeric", second: "numeric",
    }),
  };
}

/** The date and time of a moment. */
export const momentText = (text) => times.moment.format(new Date(text));
/** Its time of day. */
export const clockText = (text) => times.clock.format(new Date(text));
/** Its time of day, to the minute. */
export const minutesText = (text) => times.minutes.format(new Date(text));
/** A date of the calendar, which is in no zone. */
export const dateText = (date) =>
  new Intl.DateTimeFormat(language, { dateStyle: "full", timeZone: "UTC" }).format(new Date(date));

/** A moment as an element: of today its time of day, else with the date. */
export function when(text) {
  const isToday = times.day.format(new Date(text)) === times.day.format(new Date());
  return make("time", { class: "figure", datetime: text, text: isToday ? clockText(text) : momentText(text) });
}

/** How far the zone is from UTC at a moment, milliseconds. */
function offset(at) {
  const parts = Object.fromEntries(times.parts.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
  const { year, month, day, hour, minute, second } = parts;
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(at / 1000) * 1000;
}

/** What a field of date and time says, as a moment of the book's zone for the API; null for nothing. */
export function momentOfField(text) {
  const wall = Date.parse(`${text}Z`);
  if (Number.isNaN(wall)) return null;
  // The first guess may lie beyond a change of the clock.
  const guess = wall - offset(wall);
  return new Date(wall - offset(guess)).toISOString();
}

/** Minor units as people write them. */
export const amountText = (amount) => money(amount, book.currency).replace("-", "−");

/** Minor units in a few signs, for the scale of a plot. */
export const shortAmount = (amount) =>
  new Intl.NumberFormat(language, { notation: "compact" }).format(amount / 10 ** fraction(book.currency));

/** A count as people write it. */
export const countText = (count) => number(count);

/** The address of a view, in the language that the address asks for. */
export function address(parameters) {
  const lang = new URLSearchParams(location.search).get("lang");
  const given = Object.entries(parameters).filter(([, value]) => value);
  return `?${new URLSearchParams([...given, ...(lang ? [["lang", lang]] : [])])}`;
}

/** A link to a view. */
export const linkTo = (parameters, attributes, ...children) =>
  make("a", { href: address(parameters), ...attributes }, ...children);

/** A name with the identifier behind it, as a link to what it asked for. */
export const placeLink = (kind, id, name) => linkTo({ view: "search", [kind]: id }, { title: id, text: name });

/** Names and what they are, as a list. */
export function facts(rows) {
  const told = rows.filter(([, value]) => value !== null && value !== undefined && value !== "");
  const pairs = told.map(([name, value]) => make("div", {}, make("dt", { text: name }), make("dd", {}, value)));
  return make("dl", { class: "facts" }, ...pairs);
}

/** A table: `heads` are texts with a class or none each; `rows` are lists of cells. */
export function table(caption, heads, rows, foot = null) {
  const classOf = (place) => heads[place][1] ?? null;
  const cells = (row) => row.map((cell, place) =>
    make(place === 0 ? "th" : "td", { class: classOf(place), scope: place === 0 ? "row" : null }, cell));
  const head = heads.map(([text, kind]) => make("th", { class: kind ?? null, scope: "col", text }));
  return make("table", {},
    make("caption", { class: "unseen", text: caption }),
    make("thead", {}, make("tr", {}, ...head)),
    make("tbody", {}, ...rows.map((row) => make("tr", {}, ...cells(row)))),
    foot && make("tfoot", {}, make("tr", {}, ...cells(foot))));
}

/** Says in `place` why nothing can be shown, with a button to try again. */
export function showTrouble(place, error, again) {
  const button = make("button", { type: "button", text: say("console-again"), onclick: again });
  fill(place, make("div", { class: "notice bad", role: "alert" }, make("p", { text: because(error) }), button));
}

/** What is shown until there is something. */
export const loading = () => make("p", { class: "quiet", role: "status", text: say("console-loading") });

/** What must be seen: `good` or `bad`. */
export const notice = (tone, ...said) => make("p", { class: `notice ${tone}` }, ...said);

/** Buttons and what belongs to them, side by side. */
export const line = (...parts) => make("p", { class: "line" }, ...parts);

/** A word with a colour: `good`, `bad`, `open` or none. */
export const tag = (text, tone) => make("span", { class: `tag ${tone}`, text });

/**
 * Shows in `place` the parts that `work(again)` asks for, or why there are none; `again()` asks anew.
 * `stands()` says whether they are still looked at.
 */
export async function show(place, stands, work) {
  const again = () => {
    the("main").focus({ preventScroll: true });
    return show(place, stands, work);
  };
  fill(place, loading());
  try {
    const parts = await work(again);
    if (stands()) fill(place, ...parts);
  } catch (error) {
    if (stands()) showTrouble(place, error, again);
  }
}
