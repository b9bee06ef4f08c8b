// The clerks of a store: who gives money back at its registers.

import { make, say } from "./page.js";
import { ask, line, show, tag, when } from "./console-book.js";
import { names, offer } from "./console-acts.js";

/** A part of a store's card; its clerks are asked for when it is opened. */
export function clerksOf(store, own) {
  const place = make("div");
  const ontoggle = ({ target }) => target.open && show(place, () => target.open, (again) => partsOf(store, own, again));
  return make("details", { class: "clerks", ontoggle },
    make("summary", { text: say("console-clerks") }),
    make("p", { class: "quiet", text: say("console-clerks-hint") }), place);
}

async function partsOf(store, own, again) {
  const rows = [];
  for (let after = null; after !== undefined;) {
    const page = await ask("clerks", { store, ...(after && { after }) });
    rows.push(...page.clerks.map((clerk) => rowOf(clerk, own, again)));
    ({ after } = page);
  }
  const create = offer(own, "create_clerk", { store }, again);
  return [
    rows.length > 0 ? make("ul", { class: "list" }, ...rows) : make("p", { text: say("console-clerks-none") }),
    create && line(create),
  ];
}

function rowOf({ clerk, name, state, locked_until: locked }, own, again) {
  names.set(clerk, name);
  const isActive = state === "active";
  const acts = isActive ? ["reset_clerk_pin", "end_clerk"] : [];
  return make("li", { class: "line" }, make("b", { text: name }), make("code", { text: clerk }),
    isActive ? tag(say("console-active"), "good") : tag(say("console-ended"), "bad"),
    locked && make("span", {}, say("console-locked-until"), " ", when(locked)),
    ...acts.map((act) => offer(own, act, { clerk }, again)));
}
