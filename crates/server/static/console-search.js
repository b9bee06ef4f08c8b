// The search: by one field for whatever is at hand, and by filters. Both stand in the address, so
// that a search can be gone back to and sent on; neither is a secret.

import { fill, make, say, the } from "./page.js";
import { ask, book, momentOfField } from "./console-book.js";
import { kindText, pageOf, showPages } from "./console-operations.js";

const FILTERS = ["store", "terminal", "kind", "outcome", "from", "to"];
const KINDS = ["pay", "authorize", "capture", "void", "refund", "reverse", "tombstone", "expire", "credit",
  "top_up", "take_back", "dispute"];
/** Stores are offered by name; of more than so many pages the identifier is typed. */
const SHOP_PAGES_MAX = 5;

let areOffered = false;

/** Shows what the address asks for. */
export async function enterSearch(parameters, stands) {
  offerShops();
  the("found-told").textContent = "";
  the("filter-zone").textContent = say("console-zone", { zone: book.zone });
  the("search").value = parameters.get("text") ?? "";
  for (const name of FILTERS) the(`by-${name}`).value = parameters.get(name) ?? "";
  the("filters").open = FILTERS.some((name) => parameters.get(name));
  const filter = filterOf(parameters);
  const text = parameters.get("text")?.trim() ?? "";
  const [, kind] = text.toLowerCase().match(/^(sto|trm)_/) ?? [];
  // A store and a terminal are filters, whichever field they stand in: the list then has pages.
  if (kind) filter[kind === "sto" ? "store" : "terminal"] = text;
  const read = text && !kind ? () => find(text, filter) : pageOf("operations", filter);
  await showPages(the("found"), say("console-found-nothing"), orNothing(read), stands);
}

/** The same; what names nothing is told, and finds nothing. */
const orNothing = (read) => async (before) => {
  try {
    return await read(before);
  } catch (error) {
    if (error.status !== 400) throw error;
    the("found-told").textContent = say("console-search-wrong");
    return { operations: [] };
  }
};

function filterOf(parameters) {
  const given = FILTERS.map((name) => [name, parameters.get(name)]).filter(([, value]) => value);
  const moments = ["from", "to"];
  const read = given.map(([name, value]) => [name, moments.includes(name) ? momentOfField(value) : value.trim()]);
  return Object.fromEntries(read.filter(([, value]) => value));
}

/** What a text names, as far as the filters let it through. */
async function find(text, { store, terminal, kind, outcome, from, to }) {
  const found = await ask("find", { text });
  const at = ({ booked_at: booked }) => Date.parse(booked);
  const operations = found.operations.filter((one) =>
    (!store || one.store === store) && (!terminal || one.terminal === terminal) &&
    (!kind || one.operation === kind) && (!outcome || one.outcome === outcome) &&
    (!from || at(one) >= Date.parse(from)) && (!to || at(one) < Date.parse(to)));
  return { operations };
}

/** Offers stores and terminals by name. Without them their identifiers can still be typed. */
async function offerShops() {
  if (areOffered) return;
  areOffered = true;
  const stores = [];
  try {
    let after = null;
    for (let page = 0; page < SHOP_PAGES_MAX; page += 1) {
      const answer = await ask("shops", after ? { after } : {});
      stores.push(...answer.stores);
      after = answer.after ?? null;
      if (!after) break;
    }
  } catch {
    areOffered = false;
  }
  const option = (value, label) => make("option", { value, label });
  fill(the("store-options"), ...stores.map((store) => option(store.store, store.name)));
  const terminals = stores.flatMap((store) =>
    store.terminals.map((terminal) => option(terminal.terminal, `${store.name}　${terminal.name}`)));
  fill(the("terminal-options"), ...terminals);
}

/** Makes the form work; `go` shows a view. */
export function startSearch(go) {
  the("by-kind").append(...KINDS.map((kind) => make("option", { value: kind, text: kindText(kind) })));
  the("search-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const filters = FILTERS.map((name) => [name, the(`by-${name}`).value.trim()]);
    const given = filters.filter(([, value]) => value);
    go({ view: "search", text: the("search").value.trim(), ...Object.fromEntries(given) });
  });
  the("search-clear").addEventListener("click", () => go({ view: "search" }));
}
