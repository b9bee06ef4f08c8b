// What every page shares: its words, numbers and times as its language writes them, and the making
// of elements. Elements are made by calls, never from markup (the policy allows nothing else).

export const language = document.documentElement.lang;

const texts = await loadTexts();

async function loadTexts() {
  const answer = await fetch(document.body.dataset.texts);
  if (!answer.ok) throw new Error(`the texts of the page were answered ${answer.status}`);
  return answer.json();
}

/** The text under `key`, with each `{name}` filled from `values`. */
export function say(key, values = {}) {
  const text = texts[key];
  if (text === undefined) throw new Error(`there is no text ${key}`);
  return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name]));
}

/** Whether there is a text under `key`: names of refusals come from the server. */
export const knows = (key) => Object.hasOwn(texts, key);

const formats = new Map();

function moneyFormat(currency) {
  if (!formats.has(currency)) {
    // 1,200円 in Japanese, ¥1,200 in English.
    const currencyDisplay = language === "ja" ? "name" : "narrowSymbol";
    formats.set(currency, new Intl.NumberFormat(language, { style: "currency", currency, currencyDisplay }));
  }
  return formats.get(currency);
}

/** How many digits of an amount stand behind the point: 0 for JPY. */
export const fraction = (currency) => moneyFormat(currency).resolvedOptions().maximumFractionDigits;

/** An amount of minor units as people write it. */
export const money = (amount, currency) => moneyFormat(currency).format(amount / 10 ** fraction(currency));

/** The minor units of an amount that somebody typed, in digits of any width; 0 where it is none. */
export function typedAmount(text, currency) {
  const digits = fraction(currency);
  const plain = text.normalize("NFKC").replace(/[,\s¥円]/g, "");
  const form = digits ? new RegExp(`^\\d{1,9}(\\.\\d{1,${digits}})?$`) : /^\d{1,10}$/;
  return form.test(plain) ? Math.round(Number(plain) * 10 ** digits) : 0;
}

/** A whole number as people write it. */
export const number = (value) => value.toLocaleString(language);

const dateTime = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
const clock = new Intl.DateTimeFormat(language, { timeStyle: "medium" });
const day = new Intl.DateTimeFormat(language, { dateStyle: "full" });

/** Date and time of a moment, as the server writes it (RFC 3339). */
export const moment = (text) => dateTime.format(new Date(text));
/** Its time of day, to the second. */
export const timeOfDay = (text) => clock.format(new Date(text));
/** Its day. */
export const dayOf = (text) => day.format(new Date(text));

/** The element of this id; a page without it is a bug. */
export function the(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found;
}

/**
 * A new element. Attributes: `class`, `id`…; `text` is its text; functions are listeners
 * (`onclick`); `true` sets an attribute, `false` and `null` leave it out. Children: elements or texts.
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "text") element.textContent = value;
    else if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value !== false && value !== null) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter(isThere));
  return element;
}

/** Children may be left out by what stands before `&&`. */
const isThere = (child) => child !== null && child !== undefined && child !== false;

/** Puts `children` in place of what `element` had. */
export const fill = (element, ...children) =>
  element.replaceChildren(...children.filter(isThere));

/** Shows one of the elements and hides the others. */
export function showOnly(shown, others) {
  for (const element of others) element.hidden = element !== shown;
}

/** Has a screen reader say `text`. */
export function announce(text) {
  the("announce").textContent = text;
}

/** Waits. */
export const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

/** What stands behind `#`, taken out of the address and the history: it may be a secret. */
export function takeFragment() {
  const fragment = location.hash.slice(1);
  if (fragment) history.replaceState(null, "", location.pathname + location.search);
  return decodeURIComponent(fragment);
}

/** A new request id: a UUID of version 7, which sorts by time. */
export function newRequestId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  let time = Date.now();
  for (let place = 5; place >= 0; place -= 1) {
    bytes[place] = time % 256;
    time = Math.floor(time / 256);
  }
  bytes[6] = 0x70 | (bytes[6] & 0x0f);
  bytes[8] = 0x80 | (bytes[8] & 0x3f);
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** No answer came: what was asked is unknown. */
export class Unreachable extends Error {}

/** The server answered with a problem document (RFC 9457). */
export class Refused extends Error {
  constructor(status, problem) {
    super(problem.title ?? `status ${status}`);
    this.status = status;
    this.refusal = problem.refusal ?? "";
    this.problem = problem;
  }
}

/**
 * Sends one request and reads its JSON answer, within `milliseconds`.
 * Throws `Unreachable` or `Refused`.
 */
export async function send(path, options, milliseconds = 8000) {
  let answer;
  let body;
  try {
    answer = await fetch(path, { ...options, cache: "no-store", signal: AbortSignal.timeout(milliseconds) });
    body = await answer.text();
  } catch {
    throw new Unreachable(path);
  }
  let read;
  try {
    read = JSON.parse(body);
  } catch {
    // A proxy in between may answer with a page of its own.
    throw new Unreachable(path);
  }
  if (!answer.ok) {
    const refused = new Refused(answer.status, read);
    refused.headers = answer.headers;
    throw refused;
  }
  return { body: read, headers: answer.headers };
}

/** Bytes as base64url without padding. */
export function base64url(bytes) {
  const text = String.fromCharCode(...new Uint8Array(bytes));
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** SHA-256 of a text or of bytes. */
export const sha256 = (data) =>
  crypto.subtle.digest("SHA-256", typeof data === "string" ? new TextEncoder().encode(data) : data);

// The choice of a language is kept for the next visit; an address that names one wins.
the("language").addEventListener("click", () => {
  const link = the("language");
  localStorage.setItem("language", link.lang);
  link.search = searchIn(link.lang);
  link.hash = location.hash;
});
if (!new URLSearchParams(location.search).has("lang")) {
  const chosen = localStorage.getItem("language");
  if (chosen && chosen !== language) {
    location.replace(`?${searchIn(chosen)}${location.hash}`);
    // Nothing more happens here: a link is for the page that comes.
    await new Promise(() => {});
  }
}

/** What the address asks for, in a language. */
function searchIn(tag) {
  const asked = new URLSearchParams(location.search);
  asked.set("lang", tag);
  return asked.toString();
}

/** Whether there is a camera that pages may use. */
export const hasCamera = () => Boolean(navigator.mediaDevices?.getUserMedia);
