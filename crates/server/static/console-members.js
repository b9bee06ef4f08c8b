// The help desk: what is done for a member who calls, or stands at a counter.

import { make, say, the } from "./page.js";
import { ask, facts, line, linkTo, show, tag, when } from "./console-book.js";
import { look, names, offer } from "./console-acts.js";

const ALONE = ["freeze_on_call", "freeze_member", "verify_member"];
const BY_TWO = ["unfreeze_member", "vouch_for_member"];
const OF_RECOVERY = ["allow_recovery", "end_recovery"];
const STATES = {
  open: ["console-member-open", "good"],
  frozen_by_member: ["console-member-frozen-by-member", "bad"],
  frozen: ["console-member-frozen", "bad"],
  closed: ["console-member-closed", "bad"],
};
const RECOVERIES = {
  waiting: "console-recovery-waiting",
  contested: "console-recovery-contested",
  with_staff: "console-recovery-contested",
  allowed: "console-recovery-allowed",
};

/** Shows what an operator may do for the member whom the address names. */
export function enterMembers(parameters, stands) {
  const sought = parameters.get("member") ?? "";
  the("member").value = sought;
  return show(the("member-acts"), stands, async (again) => {
    if (!sought) return [];
    const [found, own] = await Promise.all([find(sought), look()]);
    if (!found) return [make("p", { class: "notice bad", role: "alert", text: say("console-member-wrong") })];
    const { member } = found;
    const offers = (acts, given) => acts.map((act) => offer(own, act, given, again)).filter(Boolean);
    const offered = [ALONE, BY_TWO].map((acts) => offers(acts, { member })).filter((buttons) => buttons.length > 0);
    const none = make("p", { text: say("console-nothing-offered") });
    const [word, tone] = STATES[found.state];
    return [make("article", { class: "card shop" },
      make("h2", {}, make("code", { text: member }), " ", tag(say(word), tone)),
      make("p", {}, linkTo({ view: "search", text: member }, { text: say("console-member-operations") })),
      ...(offered.length > 0 ? offered.map((buttons) => line(...buttons)) : [none])),
    ...(found.recovery ? [recoveryCard(found.recovery, (given) => offers(OF_RECOVERY, { member, ...given }))] : []),
    ...found.devices.map((device) => deviceCard(device, offers))];
  });
}

/** The member whom an identifier or an address on file means; null where it means none. */
async function find(member) {
  try {
    return await ask("member", { member });
  } catch (error) {
    if (error.refusal === "member_must_exist" || error.status === 400) return null;
    throw error;
  }
}

function recoveryCard({ recovery, state, started_at: started, due_at: due }, offers) {
  return make("article", { class: "card shop" },
    make("h2", {}, say("console-recovery-under-way"), " ", tag(say(RECOVERIES[state]), state === "waiting" ? "plain" : "bad")),
    facts([[say("console-recovery-started"), when(started)], [say("console-recovery-due"), when(due)]]),
    line(...offers({ recovery })));
}

function deviceCard({ device, label, state, pays, added_at: added, seen_at: seen }, offers) {
  const name = label || device;
  names.set(device, name);
  const tags = [state === "pending" && tag(say("console-device-pending"), "bad"), pays && tag(say("console-device-pays"), "good")];
  return make("article", { class: "card shop" },
    make("h2", {}, name, " ", ...tags),
    facts([[say("console-device-added"), when(added)], [say("console-device-seen"), seen && when(seen)]]),
    line(...(state === "pending" ? [] : offers(["end_device"], { device }))));
}

/** Makes the form work; `go` shows a view. */
export function startMembers(go) {
  the("member-form").addEventListener("submit", (event) => {
    event.preventDefault();
    go({ view: "members", member: the("member").value.trim() });
  });
}
