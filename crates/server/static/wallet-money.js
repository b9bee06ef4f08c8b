// Topping up: cards, what became of each top-up and what happens next, and what limits leave.

import { announce, fill, language, make, moment, money, say, the, typedAmount } from "./page.js";
import { askWallet, because, isEnded, isSignedOut, member } from "./wallet-member.js";
import { act, button, field, form, insist, more, saying } from "./wallet-acts.js";

const MONEY = "/v1/member/money";
/** How often what is under way is asked about while it is shown. */
const FOLLOW_MS = 3000;
/** Amounts that are chosen by a touch. */
const AMOUNTS = [1000, 3000, 5000, 10000];
/** What each state is called, what happens next, and its colour. */
const STATES = {
  requested: ["wallet-top-up-requested", "wallet-top-up-requested-next", "open"],
  authorized: ["wallet-top-up-authorized", "wallet-top-up-authorized-next", "open"],
  unknown: ["wallet-top-up-unknown", "wallet-top-up-unknown-next", "open"],
  declining: ["wallet-top-up-declining", "wallet-top-up-declining-next", "open"],
  posted: ["wallet-top-up-posted", "", "good"],
  declined: ["wallet-top-up-declined", "", "bad"],
  taking_back: ["wallet-top-up-taking-back", "wallet-top-up-taking-back-next", "open"],
  taken_back: ["wallet-top-up-taken-back", "", ""],
  disputed: ["wallet-top-up-disputed", "", "bad"],
};
/** What each limit is called. */
const LIMITS = {
  payment: { day: "wallet-limit-payment-day", month: "wallet-limit-payment-month" },
  card: { day: "wallet-limit-card-day", month: "wallet-limit-card-month" },
};
const RAILS = { card: "wallet-rail-card", cash: "wallet-rail-cash" };
/** Whether something is still to come of it. */
const isOpen = ({ state }) => STATES[state][2] === "open";

let isShown = false;
let onOut = () => {};
let overview = null;
let followAt = 0;
/** Where the bank asks, by top-up. */
const asksAt = new Map();
/** What was just done, said above everything. */
let told = null;

const yen = (amount) => money(amount, overview.currency);
const ask = (body) => insist(member.key, MONEY, body);

/** Begins; `out` hears of errors that end or sign out this device. */
export function begin(out) {
  onOut = out;
  setInterval(() => {
    if (isShown && !document.hidden && performance.now() >= followAt) follow();
  }, 500);
}

/** `session`: the acquirer's page has sent the browser back with it. */
export async function enter(session) {
  isShown = true;
  told = null;
  fill(the("money"), make("p", { class: "quiet", role: "status", text: say("wallet-loading") }));
  if (session) await finish(session);
  await look();
}

export function leave() {
  isShown = false;
}

async function look() {
  followAt = performance.now() + FOLLOW_MS;
  try {
    overview = await ask({ act: "look" });
    if (isShown) draw();
  } catch (error) {
    failed(error);
  }
}

function failed(error) {
  if (isEnded(error) || isSignedOut(error)) onOut(error);
  else if (isShown) fill(the("money"), make("p", { class: "said bad", role: "alert", text: because(error) }));
}

/** What is under way is asked about; then everything is drawn anew where it changed. */
async function follow() {
  followAt = performance.now() + FOLLOW_MS;
  const open = overview?.top_ups.filter(isOpen) ?? [];
  if (!open.length || the("money").querySelector("input:focus")) return;
  try {
    for (const { top_up } of open) take(await ask({ act: "follow", top_up }));
    await look();
  } catch (error) {
    if (isEnded(error) || isSignedOut(error)) onOut(error);
  }
}

/** Takes how a top-up stands now. */
function take(row) {
  if (row.asks_at) asksAt.set(row.top_up, row.asks_at);
  else asksAt.delete(row.top_up);
}

async function finish(session) {
  history.replaceState(null, "", "#/money");
  try {
    const card = await ask({ act: "finish_card", session });
    told = ["good", say("wallet-card-added", { label: card.label })];
  } catch (error) {
    told = ["bad", because(error)];
  }
}

/* The page. */

function draw() {
  const { cards, takes_cards: takesCards } = overview;
  const said = told && make("p", { class: `said ${told[0]}`, role: "status", text: told[1] });
  fill(
    the("money"),
    said,
    takesCards && cards.length > 0 && topUpForm(),
    takesCards && cards.length === 0 && make("p", { text: say("wallet-card-none") }),
    takesCards && addCard(),
    make("p", { class: "quiet", text: say(takesCards ? "wallet-money-cash-too" : "wallet-money-cash") }),
    overview.top_ups.length > 0 && topUps(),
    limits(),
    takesCards && cards.length > 0 && more("wallet-cards-title", cardList()),
  );
}

function topUpForm() {
  const { cards, limits: all } = overview;
  const choice = (card, place) =>
    make(
      "label",
      { class: "pick" },
      make("input", { type: "radio", name: "card", value: card.card, checked: place === 0 }),
      make("span", { text: card.label }),
      card.asks_here && make("span", { class: "quiet", text: say("wallet-card-asks-here") }),
    );
  const amount = field("amount", "wallet-top-up-amount", { inputmode: "numeric", maxlength: 12, autocomplete: "off" });
  const input = amount.querySelector("input");
  const quick = AMOUNTS.map((value) =>
    make("button", {
      type: "button",
      text: yen(value),
      onclick: () => {
        input.value = String(value);
      },
    }),
  );
  const left = Math.min(...all.filter(({ on }) => on === "card").map((row) => row.left));
  return form(
    "top-up-form",
    [
      make("fieldset", { class: "picks" }, make("legend", { text: say("wallet-card-which") }), ...cards.map(choice)),
      amount,
      make("div", { class: "choices" }, ...quick),
      make("p", { class: "quiet", text: say("wallet-top-up-left", { left: yen(left) }) }),
    ],
    "wallet-top-up-act",
    topUp,
    { meant: say("wallet-top-up-wrong") },
  );
}

async function topUp({ card, amount }) {
  const minor = typedAmount(amount, overview.currency);
  const row = await act(MONEY, { act: "top_up", card, amount: minor, language });
  take(row);
  if (row.asks_at) {
    announce(say("wallet-top-up-requested-next"));
    location.assign(row.asks_at);
    return;
  }
  const [name, , kind] = stateOf(row);
  told = [kind, whatBecame(row, say(name))];
  announce(told[1]);
  await askWallet();
  await look();
}

/** What a state is called, what happens next, and its colour. */
const stateOf = (row) => (row.held_until ? ["wallet-top-up-held-tag", "", "open"] : STATES[row.state]);

/** A state in words, with its amount and, where it was declined, why. */
const whatBecame = ({ amount, reason }, name) =>
  [yen(amount), name, reason && whyNot(reason)].filter(Boolean).join(" – ");

function addCard() {
  const said = saying();
  const add = async () => {
    const { url } = await ask({ act: "begin_card", language });
    location.assign(url);
  };
  return make("div", {}, said, button("wallet-card-add", add, { said, kind: "wide" }));
}

async function giveUp({ top_up }) {
  await act(MONEY, { act: "give_up", top_up });
  await look();
}

function topUps() {
  const said = saying();
  const line = (row) => {
    const [name, next, kind] = stateOf(row);
    const at = asksAt.get(row.top_up);
    return make(
      "li",
      { class: "item top-up", "data-state": row.state },
      make(
        "p",
        { class: "row" },
        make("span", { class: "item-name figure", text: yen(row.amount) }),
        make("span", { class: `tag ${kind}`, text: say(name) }),
      ),
      make("p", { class: "quiet", text: say(RAILS[row.rail], { time: moment(row.asked_at) }) }),
      row.held_until
        ? make("p", { text: say("wallet-top-up-held", { time: moment(row.held_until) }) })
        : next && make("p", { text: say(next) }),
      row.held_until && button("wallet-top-up-give-up", () => giveUp(row), { said, kind: "danger" }),
      row.reason && make("p", { text: whyNot(row.reason) }),
      at && make("a", { class: "button act wide", href: at, text: say("wallet-top-up-go-on") }),
    );
  };
  return make(
    "section",
    { "aria-labelledby": "top-ups-title" },
    make("h2", { id: "top-ups-title", text: say("wallet-top-ups-title") }),
    said,
    make("ul", { class: "items" }, ...overview.top_ups.map(line)),
  );
}

function whyNot(reason) {
  const key = `wallet-refusal-${reason.replaceAll("_", "-")}`;
  return say(key);
}

function limits() {
  const line = ({ on, period, limit, left, frees_at: frees }) => {
    const more = frees && left < limit && say("wallet-limit-frees", { time: moment(frees) });
    return make(
      "li",
      {},
      make("span", { text: say(LIMITS[on][period]) }),
      make("strong", { class: "figure", text: yen(left) }),
      make("span", { class: "quiet", text: [say("wallet-limit-of", { limit: yen(limit) }), more].filter(Boolean).join(" · ") }),
    );
  };
  const shown = overview.limits.filter(({ on }) => on !== "card" || overview.takes_cards);
  return make(
    "section",
    { class: "card", "aria-labelledby": "limits-title" },
    make("h2", { id: "limits-title", text: say("wallet-limits-title") }),
    overview.new_device && make("p", { text: say("wallet-limits-new-device") }),
    make("ul", { class: "limits" }, ...shown.map(line)),
    make("p", { class: "quiet", text: say("wallet-limits-how", { max: yen(overview.balance_max) }) }),
  );
}

function cardList() {
  const said = saying();
  const end = async (card) => {
    await act(MONEY, { act: "end_card", card });
    announce(say("wallet-done"));
    await look();
  };
  const line = ({ card, label, added_at: added }) =>
    make(
      "li",
      { class: "item" },
      make("p", { class: "item-name", text: label }),
      make("p", { class: "quiet", text: say("wallet-card-since", { time: moment(added) }) }),
      button("wallet-remove", () => end(card), { said, kind: "danger" }),
    );
  return make("div", {}, said, make("ul", { class: "items" }, ...overview.cards.map(line)));
}
