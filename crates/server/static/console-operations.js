// Operations as lists show them, and the list of those that no register acknowledged.

import { fill, make, number, say, the } from "./page.js";
import { amountText, ask, linkTo, reasonOf, showTrouble, tag, when } from "./console-book.js";

const PAGE = 50;

const KINDS = {
  pay: "console-kind-pay",
  authorize: "console-kind-authorize",
  capture: "console-kind-capture",
  void: "console-kind-void",
  expire: "console-kind-expire",
  refund: "console-kind-refund",
  reverse: "console-kind-reverse",
  tombstone: "console-kind-tombstone",
  credit: "console-kind-credit",
  top_up: "console-kind-top-up",
  take_back: "console-kind-take-back",
  dispute: "console-kind-dispute",
};
const EFFECTS = {
  never_seen: "console-effect-never-seen",
  nothing_to_undo: "console-effect-nothing-to-undo",
  gave_back: "console-effect-gave-back",
  released: "console-effect-released",
  to_suspense: "console-effect-to-suspense",
  took_back: "console-effect-took-back",
  dispute_won: "console-effect-dispute-won",
};
/** What gives money back. */
const BACK = ["refund", "reverse", "take_back"];

/** What was asked. */
export const kindText = (kind) => say(KINDS[kind]);

/** Whether it was done. */
export const isDone = ({ outcome }) => outcome === "succeeded";

/** What exactly was done, or why nothing was; an empty text where the kind says it all. */
export function effectText(operation) {
  const { effect, refusal } = operation;
  if (refusal) return reasonOf(refusal.name, refusal.message);
  return EFFECTS[effect] ? say(EFFECTS[effect]) : "";
}

/** How much, with a minus where it was given back. */
export function howMuch(operation) {
  const { amount, effect, operation: kind } = operation;
  if (!amount) return "";
  if (effect === "points") return say("common-points", { points: number(amount) });
  return amountText(isDone(operation) && BACK.includes(kind) ? -amount : amount);
}

/** One line of a list; it leads to its payment where there is one. */
export function operationLine(operation) {
  const { payment, booked_at: at, operation: kind, store_name: store, terminal_name: terminal } = operation;
  const place = [store, terminal].filter(Boolean).join("　");
  const declined = !isDone(operation) && tag(say("console-declined-tag"), "bad");
  const about = [place, effectText(operation)].filter(Boolean).join(" · ");
  const parts = [
    when(at),
    make("span", { class: "what" },
      make("b", { text: kindText(kind) }), " ", declined,
      make("span", { class: "quiet", text: about }),
      make("code", { class: "quiet", text: payment ?? operation.request_id })),
    make("b", { class: `figure amount ${isDone(operation) ? "" : "struck"}`, text: howMuch(operation) }),
  ];
  const line = payment
    ? linkTo({ view: "payment", id: payment }, { class: "row" }, ...parts)
    : make("div", { class: "row" }, ...parts);
  return make("li", { "data-number": operation.number }, line);
}

/** Makes `list` show these operations; the lines that stay are left alone, with the focus on them. */
export function updateList(list, operations) {
  const isFirst = list.children.length === 0;
  const wanted = new Set(operations.map((operation) => operation.number));
  for (const line of [...list.children]) if (!wanted.has(line.dataset.number)) line.remove();
  operations.forEach((operation, place) => {
    const there = list.children[place];
    if (there?.dataset.number === operation.number) return;
    const line = operationLine(operation);
    if (!isFirst) line.classList.add("new");
    list.insertBefore(line, there ?? null);
  });
}

/**
 * A list that is read page by page into `place`. `read(before)` answers a page; `stands()` whether
 * it is still looked at.
 */
export async function showPages(place, empty, read, stands) {
  const list = make("ul", { class: "list" });
  const told = make("p", { class: "quiet", role: "status", text: say("console-loading") });
  const more = make("button", { type: "button", text: say("console-more"), hidden: true });
  const trouble = make("div");
  fill(place, list, told, trouble, more);
  let before = null;
  const readMore = async () => {
    fill(trouble);
    more.hidden = true;
    try {
      const page = await read(before);
      if (!stands()) return;
      list.append(...page.operations.map(operationLine));
      before = page.before ?? null;
      const count = list.children.length;
      told.textContent = count > 0 ? say("console-listed", { count: number(count) }) : empty;
      if (before) told.textContent = say("console-listed-more", { count: number(count) });
      more.hidden = before === null;
    } catch (error) {
      if (!stands()) return;
      told.textContent = "";
      showTrouble(trouble, error, readMore);
    }
  };
  more.addEventListener("click", readMore);
  await readMore();
}

/** Asks for a page of a list. */
export const pageOf = (path, filter) => (before) =>
  ask(path, { ...filter, limit: PAGE, ...(before ? { before } : {}) });

/** Shows what no register acknowledged. */
export const enterUnacknowledged = (_, stands) =>
  showPages(the("unacknowledged-list"), say("console-unacknowledged-none"), pageOf("unacknowledged", {}), stands);
