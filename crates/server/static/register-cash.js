// Cash for the wallet of who shows a code, where clerks work: the drawer that is counted when it is
// opened and when it is closed, and giving cash back as long as it is not spent.

import { fill, make, moment, newRequestId, say, the } from "./page.js";
import { amountOf, amountText, button, confirmed, facts, notice, till } from "./register-till.js";
import { anotherSignedIn, signedIn } from "./register-clerk.js";
import { whyOf } from "./register-outcome.js";

/** So many of the last top-ups can be given back from here. */
const BACK_MAX = 8;
/** A try whose answer was lost is sent again under its own id. */
let attempt = null;
/** From this amount on a second clerk was asked for. */
let secondFrom = Infinity;
let mayAsk = () => false;

/** The journal's word for it, and who signs: null where the clerk turned back. */
export async function cashRequest(body) {
  const session = await signedIn("register-clerk-hint-cash");
  if (!session) return null;
  const request = { ...body, clerk_session: session.clerk_session };
  if (body.amount < secondFrom) return { request, clerk: session.name };
  const second = await anotherSignedIn("register-clerk-hint-second");
  if (!second) return null;
  request.second_clerk_session = second.clerk_session;
  return { request, clerk: session.name };
}

/** Takes note of how a top-up ended: the next of so much takes two. */
export function cashSettled(entry) {
  if (entry.trouble === "second_clerk_must_sign_in") secondFrom = Math.min(secondFrom, entry.amount);
}

/** Shows the drawers of this terminal, and what can be given back. */
export async function showDrawer() {
  const place = the("drawer");
  place.hidden = !till.about.clerks;
  if (place.hidden) return;
  try {
    const { shifts } = await till.terminal.post("/v1/shifts", { act: "list" });
    draw(place, shifts);
  } catch (error) {
    fill(place, heading(), notice(whyOf(error)));
  }
}

const heading = () => make("h2", { text: say("register-drawer") });

function draw(place, shifts) {
  const open = shifts.filter((shift) => !shift.closed_at);
  const [closed] = shifts.filter((shift) => shift.closed_at);
  fill(place, heading(), make("p", { class: "quiet", text: say("register-drawer-hint") }),
    ...open.map(openDrawer),
    // Two who share a drawer could not say whose the difference is.
    open.length > 0 ? counting("close", say("register-drawer-count-last"), say("register-drawer-close"))
      : counting("open", say("register-drawer-count-first"), say("register-drawer-open")),
    closed ? lastDrawer(closed) : null, givingBack());
}

const openDrawer = (shift) => facts([
  [say("register-since"), moment(shift.opened_at)],
  [say("register-drawer-with"), amountText(shift.opened_with)],
  [say("register-drawer-taken"), amountText(shift.taken)],
  [say("register-drawer-expected"), amountText(shift.expected)],
  [say("register-drawer-most"), amountText(shift.allotted)],
]);

const lastDrawer = (shift) => make("details", {}, make("summary", { text: say("register-drawer-last") }), facts([
  [say("register-until"), moment(shift.closed_at)],
  [say("register-drawer-taken"), amountText(shift.taken)],
  [say("register-drawer-expected"), amountText(shift.expected)],
  [say("register-drawer-counted"), amountText(shift.counted)],
  [say("register-drawer-difference"), amountText(shift.difference)],
]));

/** A form that counts the drawer and does `act`. */
function counting(act, label, word) {
  const id = `drawer-${act}`;
  const field = make("input", { id, inputmode: "decimal", required: true, autocomplete: "off" });
  const told = make("p", { role: "alert" });
  const go = make("button", { class: "act", text: word });
  const onsubmit = async (event) => {
    event.preventDefault();
    const isZero = /^\s*[0０]+\s*$/.test(field.value);
    const counted = isZero ? 0 : amountOf(field.value);
    if (!isZero && !counted) return fill(told, say("register-drawer-wrong"));
    const session = await signedIn("register-clerk-hint-cash");
    if (!session) return;
    go.disabled = true;
    const meant = `${act} ${counted} ${session.clerk_session}`;
    if (attempt?.meant !== meant) attempt = { meant, id: newRequestId() };
    const body = { act, request_id: attempt.id, clerk_session: session.clerk_session, counted };
    try {
      const { shifts } = await till.terminal.post("/v1/shifts", body);
      attempt = null;
      draw(the("drawer"), shifts);
      // Whether it is right is what it was counted for.
      const last = the("drawer").querySelector("details");
      if (act === "close" && last) last.open = true;
    } catch (error) {
      if (error.refusal) attempt = null;
      fill(told, whyOf(error));
    }
    go.disabled = false;
  };
  return make("form", { class: "line action", onsubmit }, make("label", { for: id, text: label }), field, go, told);
}

/** The last top-ups of this browser that went well, each with a button. */
function givingBack() {
  const undone = new Set(till.journal.entries()
    .filter((entry) => entry.kind === "reverse" && entry.state === "succeeded")
    .map((entry) => entry.body.target_request_id));
  const isLeft = (entry) => entry.kind === "top_up" && entry.state === "succeeded" && !undone.has(entry.id);
  const last = till.journal.entries().filter(isLeft).slice(-BACK_MAX).reverse();
  if (last.length === 0) return null;
  return make("div", {}, make("h3", { text: say("register-drawer-back") }), make("ul", { class: "items" },
    ...last.map((entry) => make("li", {},
      make("span", { text: moment(entry.at) }), make("b", { class: "figure", text: amountText(entry.amount) }),
      button(say("register-drawer-give-back"), () => giveBack(entry), "danger")))));
}

async function giveBack({ id, amount }) {
  if (!mayAsk()) return;
  const word = say("register-drawer-give-back");
  if (!(await confirmed(say("register-sure-give-back", { amount: amountText(amount) }), word))) return;
  const session = await signedIn("register-clerk-hint-cash");
  if (!session || !mayAsk()) return;
  const body = { target_request_id: id, clerk_session: session.clerk_session };
  await till.journal.ask("reverse", body, { amount, clerk: session.name, shift: till.shift.id });
}

/** Makes it work; `may` answers whether something may be asked now. */
export const startCash = (may) => (mayAsk = may);
