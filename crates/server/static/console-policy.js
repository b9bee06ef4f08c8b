// Limits and rules before they are proposed or approved: what is new in the text, and what it would
// have done with what is on record.

import { fill, make, number, say } from "./page.js";
import { amountText, ask, facts, linkTo, notice, table, when } from "./console-book.js";
import { whyNot } from "./console-passkeys.js";

/** Tries `policy`, and says in `place` what was found. */
export async function tryOut(place, button, policy) {
  button.disabled = true;
  fill(place, make("p", { class: "quiet", text: say("console-dry-run-works") }));
  try {
    const found = await ask("rails/dry-run", { policy });
    fill(place, ...shown(found, policy));
  } catch (error) {
    const detail = error.problem?.detail;
    fill(place, notice("bad", error.refusal === "field_must_be_valid" && detail
      ? make("span", {}, say("console-policy-wrong"), make("pre", { text: detail }))
      : whyNot(error)));
  } finally {
    button.disabled = false;
  }
}

const tally = ({ count, members, amount }) =>
  count === 0 ? number(0) : say("console-dry-run-tally", { count: number(count), members: number(members), amount: amountText(amount) });

function shown(found, policy) {
  const { judged, stopped, asked, held, let_through: passes, rules, bothered } = found;
  const bothers = stopped.count + asked.count + held.count;
  const heads = [[say("console-dry-run-rule")], [say("console-count"), "amount"], [say("console-amount"), "amount"]];
  const rows = rules.map(({ rule, count, amount }) => [
    rule === "limit" ? say("console-dry-run-limit") : make("code", { text: rule }), number(count), amountText(amount),
  ]);
  const members = bothered.flatMap(({ member, count }) =>
    [linkTo({ view: "members", member }, {}, make("code", { text: member })), ` × ${number(count)} `]);
  return [
    make("h3", { text: say("console-dry-run-new") }),
    difference(found.in_force, policy),
    make("h3", { text: say("console-dry-run-found") }),
    notice(bothers + passes.count > 0 ? "bad" : "good", say(bothers + passes.count > 0 ? "console-dry-run-some" : "console-dry-run-none")),
    facts([
      [say("console-dry-run-since"), when(found.since)],
      [say("console-dry-run-judged"), tally(judged)],
      [say("console-dry-run-stopped"), tally(stopped)],
      [say("console-dry-run-asked"), tally(asked)],
      [say("console-dry-run-held"), tally(held)],
      [say("console-dry-run-let-through"), tally(passes)],
    ]),
    found.cut && make("p", { class: "quiet", text: say("console-dry-run-cut") }),
    found.unreadable > 0 && notice("bad", say("console-dry-run-unreadable", { count: number(found.unreadable) })),
    rows.length > 0 && table(say("console-dry-run-by"), heads, rows),
    members.length > 0 && make("p", {}, say("console-dry-run-bothered"), " ", ...members),
  ].filter(Boolean);
}

/** Lines that are gone and lines that are new, each with the lines about it. */
function difference(before, after) {
  const [one, two] = [before, after].map((text) => text.trim().split(/\r?\n/));
  const same = one.map(() => new Uint16Array(two.length + 1));
  same.push(new Uint16Array(two.length + 1));
  for (let i = one.length - 1; i >= 0; i--)
    for (let j = two.length - 1; j >= 0; j--)
      same[i][j] = one[i] === two[j] ? same[i + 1][j + 1] + 1 : Math.max(same[i + 1][j], same[i][j + 1]);
  const lines = [];
  for (let i = 0, j = 0; i < one.length || j < two.length; )
    if (i < one.length && j < two.length && one[i] === two[j]) lines.push([" ", one[i++], j++]);
    else if (j >= two.length || (i < one.length && same[i + 1][j] >= same[i][j + 1])) lines.push(["−", one[i++]]);
    else lines.push(["+", two[j++]]);
  const isNear = (place) => lines.slice(Math.max(0, place - 2), place + 3).some(([sign]) => sign !== " ");
  const near = lines.filter((_, place) => isNear(place));
  if (near.length === 0) return make("p", { text: say("console-dry-run-same") });
  const kinds = { "−": "gone", "+": "new" };
  return make("pre", { class: "difference", tabindex: "0" },
    ...near.map(([sign, text]) => make("span", { class: kinds[sign], text: `${sign} ${text}\n` })));
}
