// What waits for a second person, and who works here: operators, their roles and passkeys.

import { fill, make, newRequestId, say, the } from "./page.js";
import { ask, facts, line, notice, show, tag, when } from "./console-book.js";
import { actText, factsOf, look, may, names, offer, rolesText } from "./console-acts.js";
import { digitsOf, verified, whyNot } from "./console-passkeys.js";

const bad = (error) => notice("bad", whyNot(error));

/** Every operator, who looks among them; what they and their passkeys are called is known then. */
async function colleagues() {
  const [{ operators }, own] = await Promise.all([ask("operators"), look()]);
  for (const { operator, name, passkeys } of operators) {
    for (const id of [operator, ...passkeys.map(({ passkey }) => passkey)]) names.set(id, name);
  }
  return { operators, own };
}

/** Shows what waits for a second person, or to be carried out. */
export const enterApprovals = (_, stands) =>
  show(the("approvals-list"), stands, async (again) => {
    const { proposals } = await ask("proposals");
    const { own } = await colleagues();
    const waiting = proposals.filter(({ state }) => state === "open" || state === "approved");
    const none = notice("good", say("console-approvals-none"));
    return waiting.length > 0 ? waiting.map((proposal) => card(proposal, own, again)) : [none];
  });

function card(proposal, own, again) {
  const { what, reason, proposer, proposer_name: name, state, expires_at: expires } = proposal;
  const told = make("div", { role: "alert" });
  const actions = line();
  const button = (text, kind, work) => make("button", { type: "button", class: kind, text, onclick: () => run(work) });
  const run = async (work) => {
    for (const each of actions.children) each.disabled = true;
    try {
      const done = await work();
      if (!done?.link) return again();
      // It is told once: whoever is meant registers there.
      fill(told, facts([[say("console-approvals-link"), make("code", { text: done.link })]]));
    } catch (error) {
      fill(told, bad(error));
      for (const each of actions.children) each.disabled = false;
    }
  };
  // The same ids however often they are pressed: what was done is done once.
  const [decided, carried] = [newRequestId(), newRequestId()];
  const decide = (decision) => () =>
    verified(() => ask("decide", { request_id: decided, proposal: proposal.proposal, decision }));
  const carry = () => verified(() => ask("act", { request_id: carried, what, proposal: proposal.proposal }));
  const isOwn = own?.operator === proposer;
  const mayDecide = may(own, what.act);
  if (mayDecide && state === "open" && !isOwn) {
    actions.append(button(say("console-approve"), "act", decide("approve")));
    actions.append(button(say("console-refuse"), null, decide("refuse")));
  }
  if (state === "open" && isOwn) actions.append(button(say("console-withdraw"), null, decide("refuse")));
  if (mayDecide && state === "approved") actions.append(button(say("console-carry-out"), "act", carry));
  return make("article", { class: "card shop" },
    make("h2", {}, actText(what.act), " ", make("code", { class: "quiet", text: what.act }), " ",
      state === "approved" && tag(say("console-approved"), "good")),
    facts([
      ...factsOf(what),
      [say("console-proposer"), name],
      [say("console-reason"), reason],
      [say("console-approvals-until"), when(expires)],
    ]),
    make("p", { class: "quiet" }, make("code", { text: proposal.proposal })),
    actions, told);
}

/** Shows every operator with roles and passkeys. */
export const enterColleagues = (_, stands) =>
  show(the("colleagues-list"), stands, async (again) => {
    const { operators, own } = await colleagues();
    const none = make("p", { text: say("console-colleagues-none") });
    const create = offer(own, "create_operator", {}, again);
    const cards = operators.map((operator) => colleague(operator, own, again));
    return [create && line(create), ...(cards.length > 0 ? cards : [none])];
  });

const STATES = {
  invited: ["console-invited-tag", "open"],
  waiting: ["console-waiting", "open"],
  active: ["console-active", "good"],
  ended: ["console-ended", "bad"],
};

const tagOf = (state) => tag(say(STATES[state][0]), STATES[state][1]);

function colleague({ operator, name, roles, state, passkeys }, own, again) {
  const acts = state === "ended" ? [] : ["change_roles", "link_operator", "end_operator"];
  const rows = passkeys.map((passkey) => passkeyOf(passkey, operator, own, again));
  return make("article", { class: "card shop" },
    make("h2", {}, name, " ", make("code", { class: "quiet", text: operator }), " ", tagOf(state)),
    facts([[say("console-roles"), rolesText(roles)]]),
    rows.length > 0 && make("h3", { text: say("console-passkeys") }),
    rows.length > 0 && make("ul", { class: "list" }, ...rows),
    line(...acts.map((act) => offer(own, act, { operator }, again, { roles }))));
}

/** A passkey; one that waits is confirmed by an admin who neither owns it nor made its link. */
function passkeyOf({ passkey, state, registered_at: at, made_by: maker }, operator, own, again) {
  const isOther = own && own.operator !== operator && own.operator !== maker;
  const mayConfirm = state === "waiting" && isOther && own.roles.includes("admin");
  const digits = make("code", { class: mayConfirm ? "large" : null, text: digitsOf(passkey) });
  const told = make("div", { role: "alert" });
  const id = newRequestId();
  const onclick = async ({ target }) => {
    target.disabled = true;
    try {
      await verified(() => ask("own", { act: "confirm_passkey", request_id: id, passkey }));
      again();
    } catch (error) {
      fill(told, bad(error));
      target.disabled = false;
    }
  };
  const text = say("console-confirm");
  const label = `${text} ${names.get(operator)} ${digitsOf(passkey)}`;
  return make("li", {},
    line(digits, tagOf(state), when(at),
      mayConfirm && make("button", { type: "button", class: "act confirm", "aria-label": label, text, onclick }),
      state !== "ended" && offer(own, "end_passkey", { passkey }, again)),
    state === "waiting" && make("p", { class: "quiet", text: say(mayConfirm ? "console-compare" : "console-waits") }),
    told);
}
