// Merchants with their stores, terminals and clerks, and what is closed.

import { fill, make, say, the } from "./page.js";
import {
  amountText, ask, countText, facts, line, loading, notice, placeLink, show, showTrouble, table, tag, when,
} from "./console-book.js";
import { capabilityText, look, names, offer, scopeText } from "./console-acts.js";
import { clerksOf } from "./console-clerks.js";

/** Shows stores and terminals, page by page. */
export async function enterShops(parameters, stands) {
  const again = () => enterShops(parameters, stands);
  const place = the("shops-list");
  const more = the("shops-more");
  const merchants = new Map();
  let after = null;
  more.hidden = true;
  fill(place, loading());
  const readMore = async () => {
    more.hidden = true;
    try {
      const [page, own] = await Promise.all([ask("shops", after ? { after } : {}), look()]);
      if (!stands()) return;
      if (!after) fill(place);
      addShops(place, merchants, page, (store) => storeCard(store, own, again));
      after = page.after ?? null;
      more.hidden = after === null;
      if (merchants.size === 0) fill(place, make("p", { text: say("console-shops-none") }));
    } catch (error) {
      if (stands()) showTrouble(place, error, again);
    }
  };
  more.onclick = readMore;
  await readMore();
}

function addShops(place, merchants, { merchants: owners, stores }, card) {
  for (const owner of owners) {
    if (merchants.has(owner.merchant)) continue;
    const section = make("section", { class: "merchant" },
      make("h2", {}, owner.name, " ", idOf(owner.merchant), " ", ...closedTags(owner.closed)));
    merchants.set(owner.merchant, section);
    place.append(section);
  }
  for (const store of stores) merchants.get(store.merchant).append(card(store));
}

const closedTags = (closed) =>
  closed.map(({ capability }) => tag(say("console-closed", { capability: capabilityText(capability) }), "bad"));

const idOf = (id) => make("code", { class: "quiet", text: id });

const lastText = (at) => (at ? when(at) : make("span", { class: "quiet", text: say("console-never") }));

function storeCard(store, own, again) {
  names.set(store.store, store.name);
  const { paid, refunded, reversed, declined, held } = store.totals;
  const sum = ({ count, amount }) => make("span", { class: "figure" }, make("b", { text: amountText(amount) }), " ",
    make("span", { class: "quiet", text: say("console-times", { count: countText(count) }) }));
  const heads = [
    [say("console-terminal")], [say("console-state")],
    [say("console-last"), "amount"], [say("console-generation"), "amount wide"],
  ];
  const rows = store.terminals.map((terminal) => [
    make("span", {}, placeLink("terminal", terminal.terminal, terminal.name), idOf(terminal.terminal)),
    stateOf(terminal, own, again), lastText(terminal.last_operation_at), String(terminal.key_generation),
  ]);
  return make("article", { class: "card shop" },
    make("h3", {}, placeLink("store", store.store, store.name), " ", idOf(store.store), " ",
      ...closedTags(store.closed)),
    facts([
      [say("console-paid"), sum(paid)],
      [say("console-refunded"), sum(refunded)],
      [say("console-reversed"), sum(reversed)],
      [say("console-held"), sum(held)],
      [say("console-declined"), sum(declined)],
      [say("console-last"), lastText(store.last_operation_at)],
    ]),
    rows.length > 0 ? table(say("console-terminals-of", { store: store.name }), heads, rows)
      : make("p", { class: "quiet", text: say("console-terminals-none") }),
    line(offer(own, "release_cash_credit", { store: store.store }, again)),
    clerksOf(store.store, own));
}

function stateOf({ terminal, name, suspended, closed }, own, again) {
  names.set(terminal, name);
  const [word, tone] = suspended ? ["console-suspended", "bad"] : ["console-active", "good"];
  return make("span", { class: "line" }, tag(say(word), tone), ...closedTags(closed),
    offer(own, suspended ? "resume_terminal" : "suspend_terminal", { terminal }, again));
}

/** Shows every closed switch. */
export const enterSwitches = (_, stands) =>
  show(the("switches-list"), stands, async (again) => {
    const [{ switches, book_closed: isClosed }, own] = await Promise.all([ask("switches"), look()]);
    const close = offer(own, "close_switch", {}, again);
    const none = notice("good", say("console-switches-none"));
    const cards = switches.map((closed) => switchCard(closed, own, again));
    const restored = isClosed ? [notice("bad", say("console-book-closed")), line(offer(own, "open_book", {}, again))] : [];
    return [...restored, close && line(close), ...(cards.length > 0 ? cards : [none])];
  });

function switchCard(closed, own, again) {
  const { capability, scope, subject, closed_at: since, lapses_at: lapses, actor, reason } = closed;
  const which = { capability, scope, ...(subject ? { subject } : {}) };
  // Of a provider the list has no name, so there is nothing to propose.
  const open = scope !== "provider" && offer(own, "open_switch", which, again);
  return make("article", { class: "card shop" },
    make("h2", {}, ...closedTags([closed])),
    facts([
      [say("console-scope"), make("span", {}, scopeText(scope), " ", subject ? idOf(subject) : null)],
      [say("console-since"), when(since)],
      [say("console-lapses"), lapses ? when(lapses) : say("console-lapses-never")],
      [say("console-actor"), actor],
      [say("console-reason"), reason],
    ]),
    open && line(open));
}
