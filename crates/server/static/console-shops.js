// Merchants with their stores and terminals, and what is closed. Nothing is changed here: that is
// `yaoki admin`.

import { fill, make, say, the } from "./page.js";
import { amountText, ask, countText, facts, placeLink, showTrouble, table, when } from "./console-book.js";

const CAPABILITIES = {
  payment: "console-capability-payment",
  refund: "console-capability-refund",
  code_issue: "console-capability-code-issue",
  enrolment: "console-capability-enrolment",
  credit: "console-capability-credit",
};
const SCOPES = {
  everything: "console-scope-everything",
  merchant: "console-scope-merchant",
  store: "console-scope-store",
  terminal: "console-scope-terminal",
  member: "console-scope-member",
};

/** What can be done, as people call it; what is new is named as the server does. */
const capabilityText = (name) => (CAPABILITIES[name] ? say(CAPABILITIES[name]) : name);

/** Shows stores and terminals, page by page. */
export async function enterShops(_, stands) {
  const place = the("shops-list");
  const more = the("shops-more");
  const merchants = new Map();
  let after = null;
  more.hidden = true;
  fill(place, make("p", { class: "quiet", role: "status", text: say("console-loading") }));
  const readMore = async () => {
    more.hidden = true;
    try {
      const page = await ask("shops", after ? { after } : {});
      if (!stands()) return;
      if (!after) fill(place);
      addShops(place, merchants, page);
      after = page.after ?? null;
      more.hidden = after === null;
      if (merchants.size === 0) fill(place, make("p", { text: say("console-shops-none") }));
    } catch (error) {
      if (stands()) showTrouble(place, error, () => enterShops(_, stands));
    }
  };
  more.onclick = readMore;
  await readMore();
}

function addShops(place, merchants, { merchants: owners, stores }) {
  for (const owner of owners) {
    if (merchants.has(owner.merchant)) continue;
    const section = make("section", { class: "merchant" },
      make("h2", {}, owner.name, " ", idOf(owner.merchant), " ", ...closedTags(owner.closed)));
    merchants.set(owner.merchant, section);
    place.append(section);
  }
  for (const store of stores) merchants.get(store.merchant).append(storeCard(store));
}

const closedTags = (closed) =>
  closed.map(({ capability }) =>
    make("span", { class: "tag bad", text: say("console-closed", { capability: capabilityText(capability) }) }));

const idOf = (id) => make("code", { class: "quiet", text: id });

const lastText = (at) => (at ? when(at) : make("span", { class: "quiet", text: say("console-never") }));

function storeCard(store) {
  const { paid, refunded, reversed, declined, held } = store.totals;
  const sum = ({ count, amount }) => make("span", { class: "figure" }, make("b", { text: amountText(amount) }), " ",
    make("span", { class: "quiet", text: say("console-times", { count: countText(count) }) }));
  const heads = [
    [say("console-terminal")], [say("console-state")],
    [say("console-last"), "amount"], [say("console-generation"), "amount wide"],
  ];
  const rows = store.terminals.map((terminal) => [
    make("span", {}, placeLink("terminal", terminal.terminal, terminal.name), idOf(terminal.terminal)),
    stateOf(terminal), lastText(terminal.last_operation_at), String(terminal.key_generation),
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
      : make("p", { class: "quiet", text: say("console-terminals-none") }));
}

function stateOf({ suspended, closed }) {
  const [word, tone] = suspended ? ["console-suspended", "bad"] : ["console-active", "good"];
  return make("span", {}, make("span", { class: `tag ${tone}`, text: say(word) }), " ", ...closedTags(closed));
}

/** Shows every closed switch. */
export async function enterSwitches(parameters, stands) {
  const place = the("switches-list");
  fill(place, make("p", { class: "quiet", role: "status", text: say("console-loading") }));
  try {
    const { switches } = await ask("switches");
    if (!stands()) return;
    const none = make("p", { class: "notice good", text: say("console-switches-none") });
    fill(place, ...(switches.length > 0 ? switches.map(switchCard) : [none]));
  } catch (error) {
    if (stands()) showTrouble(place, error, () => enterSwitches(parameters, stands));
  }
}

function switchCard(closed) {
  const { scope, subject, closed_at: since, lapses_at: lapses, actor, reason } = closed;
  const scopeText = SCOPES[scope] ? say(SCOPES[scope]) : scope;
  return make("article", { class: "card shop" },
    make("h2", {}, ...closedTags([closed])),
    facts([
      [say("console-scope"), make("span", {}, scopeText, " ", subject ? idOf(subject) : null)],
      [say("console-since"), when(since)],
      [say("console-lapses"), lapses ? when(lapses) : say("console-lapses-never")],
      [say("console-actor"), actor],
      [say("console-reason"), reason],
    ]));
}
