// The help desk: what is done for a member who calls, or stands at a counter. The console has no
// look-up of members: what is typed is acted on, and the rules say whether it is one.

import { make, say, the } from "./page.js";
import { line, linkTo, show } from "./console-book.js";
import { look, offer } from "./console-acts.js";

const MEMBER = /^mem_[0-9a-z]{14}$/i;
const ALONE = ["freeze_on_call", "freeze_member", "end_device"];
const BY_TWO = ["unfreeze_member", "vouch_for_member", "allow_recovery", "end_recovery"];

/** Shows what an operator may do for the member whom the address names. */
export function enterMembers(parameters, stands) {
  const member = parameters.get("member") ?? "";
  the("member").value = member;
  return show(the("member-acts"), stands, async (again) => {
    if (!member) return [];
    const wrong = say("console-member-wrong");
    if (!MEMBER.test(member)) return [make("p", { class: "notice bad", role: "alert", text: wrong })];
    const own = await look();
    // A device is named by itself.
    const given = (act) => (act === "end_device" ? {} : { member });
    const offers = (acts) => acts.map((act) => offer(own, act, given(act), again)).filter(Boolean);
    const offered = [ALONE, BY_TWO].map(offers).filter((buttons) => buttons.length > 0);
    const none = make("p", { text: say("console-nothing-offered") });
    return [make("article", { class: "card shop" },
      make("h2", {}, make("code", { text: member })),
      make("p", {}, linkTo({ view: "search", text: member }, { text: say("console-member-operations") })),
      ...(offered.length > 0 ? offered.map((buttons) => line(...buttons)) : [none]))];
  });
}

/** Makes the form work; `go` shows a view. */
export function startMembers(go) {
  the("member-form").addEventListener("submit", (event) => {
    event.preventDefault();
    go({ view: "members", member: the("member").value.trim() });
  });
}
