// How money comes in: what each rail brought within 24 hours, what is on its way, and the limits in
// force. What is unknown is asked about, and never declared.

import { fill, make, number, say, the } from "./page.js";
import { amountText, ask, because, facts, line, linkTo, notice, show, table, tag, when } from "./console-book.js";
import { look, offer } from "./console-acts.js";

const RAILS = { card: "console-rail-card", cash: "console-rail-cash" };
const STATES = {
  requested: "console-top-up-requested",
  authorized: "console-top-up-authorized",
  posted: "console-top-up-posted",
  declined: "console-top-up-declined",
  unknown: "console-top-up-unknown",
  declining: "console-top-up-declining",
  taking_back: "console-top-up-taking-back",
  taken_back: "console-top-up-taken-back",
  disputed: "console-top-up-disputed",
};
const TONES = { posted: "good", unknown: "bad", disputed: "bad", declined: "bad" };
const MINUTE_MS = 60_000;

const stateTag = (state) => tag(say(STATES[state]), TONES[state] ?? "open");
const railText = (rail) => say(RAILS[rail]);

/** Shows the rails. */
export const enterRails = (_, stands) =>
  show(the("rails-list"), stands, async (again) => {
    const [rails, own] = await Promise.all([ask("rails"), look()]);
    const open = make("div", {}, ...rails.open.map((one) => openCard(one, own)));
    const more = moreButton(open, rails.after, own, stands);
    return [
      rails.takes_cards ? null : make("p", { class: "quiet", text: say("console-rails-no-cards") }),
      make("h2", { text: say("console-rails-day") }),
      sumsOf(rails.sums),
      make("h2", { text: say("console-rails-open") }),
      make("p", { class: "quiet", text: say("console-rails-open-hint") }),
      rails.open.length > 0 ? open : notice("good", say("console-rails-open-none")),
      more,
      make("h2", { text: say("console-policy") }),
      make("p", { class: "quiet", text: say("console-policy-hint") }),
      make("pre", { class: "card", tabindex: "0", text: rails.policy }),
      line(offer(own, "change_policy", {}, again, { policy: rails.policy }), offer(own, "open_bulk", {}, again)),
    ].filter(Boolean);
  });

function sumsOf(sums) {
  if (sums.length === 0) return make("p", { text: say("console-nothing-yet") });
  const heads = [
    [say("console-rail")], [say("console-state")], [say("console-count"), "amount"], [say("console-amount"), "amount"],
  ];
  const rows = sums.map(({ rail, state, count, amount }) =>
    [railText(rail), stateTag(state), number(count), amountText(amount)]);
  return table(say("console-rails-day"), heads, rows);
}

function moreButton(place, after, own, stands) {
  if (!after) return null;
  const button = make("button", { type: "button", text: say("console-more") });
  button.onclick = async () => {
    button.disabled = true;
    try {
      const page = await ask("rails", { after });
      if (!stands()) return;
      after = page.after;
      place.append(...page.open.map((one) => openCard(one, own)));
      button.hidden = !after;
    } catch (error) {
      place.append(notice("bad", because(error)));
    }
    button.disabled = false;
  };
  return line(button);
}

/** A top-up of which something is still to come. */
function openCard(one, own) {
  const card = make("article", { class: "card shop" });
  const mayAsk = own?.roles.some((role) => role !== "auditor") && one.rail === "card";
  const told = make("div", { role: "status" });
  const draw = (now) => {
    const age = Math.max(0, Date.now() - Date.parse(now.asked_at));
    const query = make("button", { type: "button", text: say("console-rails-query") });
    query.onclick = async () => {
      query.disabled = true;
      try {
        const next = await ask("rails/query", { top_up: now.top_up });
        draw(next);
        const moved = next.state !== now.state;
        fill(told, notice(moved ? "good" : "bad", say(moved ? "console-rails-answered" : "console-rails-same")));
      } catch (error) {
        fill(told, notice("bad", because(error)));
        query.disabled = false;
      }
    };
    fill(card,
      make("h3", {}, amountText(now.amount), " ", stateTag(now.state)),
      facts([
        [say("console-rail"), railText(now.rail)],
        [say("console-rails-age"), say("console-rails-minutes", { count: number(Math.floor(age / MINUTE_MS)) })],
        [say("console-since"), when(now.changed_at)],
        [say("console-member"), linkTo({ view: "members", member: now.member }, {}, make("code", { text: now.member }))],
        [say("console-rails-reference"), now.reference && make("code", { text: now.reference })],
      ]),
      mayAsk && OPEN.includes(now.state) ? line(query) : null, told);
  };
  draw(one);
  return card;
}

const OPEN = ["requested", "authorized", "unknown", "declining", "taking_back"];
