// Acts of operators, as data: which there are, whose they are, what each names; and the one form
// that all of them share. What takes two people is only proposed here.

import { fill, make, newRequestId, say, the, typedAmount } from "./page.js";
import { amountText, ask, book, facts, line, linkTo, notice } from "./console-book.js";
import { digitsOf, verified, whyNot } from "./console-passkeys.js";

const ADMIN = ["admin"];
const WATCH = ["risk", ...ADMIN];
const DESK = ["support", ...WATCH];
const CLERKS = ["support", ...ADMIN];
const WORKING = ["finance", ...DESK];
const SHOPS = ["finance", ...ADMIN];

const FOR_EVER = "console-hint-for-ever";
const PIN = "console-hint-pin";

/** The name that the server gives to what a text says: `end_device` for `console-act-end-device`. */
const nameOf = (text) => text.replace(/^console-((act|role|scope|capability|verified)-)?/, "").replaceAll("-", "_");
const named = (texts) => Object.fromEntries(texts.map((text) => [nameOf(text), text]));

/** An act that one operator does, or that two agree on: its words, what it names, a hint. */
const one = (roles, text, fields, hint) => ({ roles, text, hint, fields: fields.split(" ").filter(Boolean) });
const two = (...act) => ({ ...one(...act), two: true });

/** The server's rules have the same table (`ActKind::people`), and the last word. */
const ACTS = Object.fromEntries([
  one(DESK, "console-act-freeze-on-call", "member", "console-hint-freeze-on-call"),
  one(DESK, "console-act-freeze-member", "member", "console-hint-freeze-member"),
  two(DESK, "console-act-unfreeze-member", "member", "console-hint-unfreeze"),
  one(DESK, "console-act-end-device", "device", FOR_EVER),
  two(DESK, "console-act-vouch-for-member", "member shown", "console-hint-vouch-for-member"),
  two(DESK, "console-act-allow-recovery", "member recovery", "console-hint-allow-recovery"),
  two(DESK, "console-act-end-recovery", "member recovery"),
  one(WORKING, "console-act-close-switch", "capability scope subject", "console-hint-close-switch"),
  two(WATCH, "console-act-open-switch", "capability scope subject"),
  one(WORKING, "console-act-suspend-terminal", "terminal", "console-hint-suspend-terminal"),
  two(WATCH, "console-act-resume-terminal", "terminal"),
  two(ADMIN, "console-act-create-operator", "name roles", "console-hint-link"),
  two(ADMIN, "console-act-change-roles", "operator roles"),
  two(ADMIN, "console-act-end-operator", "operator", FOR_EVER),
  two(ADMIN, "console-act-link-operator", "operator", "console-hint-link"),
  two(ADMIN, "console-act-end-passkey", "passkey", FOR_EVER),
  one(CLERKS, "console-act-create-clerk", "store name", PIN),
  one(CLERKS, "console-act-reset-clerk-pin", "clerk", PIN),
  one(CLERKS, "console-act-end-clerk", "clerk", FOR_EVER),
  two(WATCH, "console-act-open-book", ""),
  two(WATCH, "console-act-change-policy", "policy", "console-hint-change-policy"),
  two(SHOPS, "console-act-open-bulk", "name root rows sum", "console-hint-open-bulk"),
  one(DESK, "console-act-verify-member", "member verification", "console-hint-verify-member"),
  one(SHOPS, "console-act-release-cash-credit", "store amount", "console-hint-release-cash-credit"),
].map((act) => [nameOf(act.text), act]));

const ROLES = named([
  "console-role-support", "console-role-risk", "console-role-finance", "console-role-admin", "console-role-auditor",
]);
const SCOPES = named([
  "console-scope-everything", "console-scope-merchant", "console-scope-store", "console-scope-terminal",
  "console-scope-member", "console-scope-provider",
]);
const CAPABILITIES = named([
  "console-capability-payment", "console-capability-refund", "console-capability-code-issue",
  "console-capability-enrolment", "console-capability-credit", "console-capability-sign-up",
  "console-capability-recovery", "console-capability-external-id", "console-capability-card-top-up",
  "console-capability-cash-top-up",
]);
/** What acts name, and what is chosen from. */
const FIELDS = named([
  "console-member", "console-device", "console-recovery", "console-shown", "console-capability", "console-scope",
  "console-subject", "console-terminal", "console-operator", "console-passkey", "console-name", "console-roles",
  "console-store", "console-clerk", "console-policy", "console-verification", "console-amount", "console-root", "console-rows", "console-sum",
]);
const VERIFICATIONS = named(["console-verified-basic", "console-verified-verified"]);
const WORDS = { capability: CAPABILITIES, scope: SCOPES, roles: ROLES, verification: VERIFICATIONS };

/** What identifiers are called, as far as views have seen it. */
export const names = new Map();

const wordOf = (words, name) => (Object.hasOwn(words, name) ? say(words[name]) : name);
/** What can be closed, in words; what is new is named as the server does. */
export const capabilityText = (name) => wordOf(CAPABILITIES, name);
/** For whom, in words. */
export const scopeText = (name) => wordOf(SCOPES, name);
/** What somebody is there for, in words. */
export const rolesText = (roles) => roles.map((role) => wordOf(ROLES, role)).join(", ");
/** An act, in words. */
export const actText = (name) => (Object.hasOwn(ACTS, name) ? say(ACTS[name].text) : name);

/** Whether an operator's roles do an act. */
export const may = (own, name) =>
  Boolean(own && Object.hasOwn(ACTS, name) && ACTS[name].roles.some((role) => own.roles.includes(role)));

/** Who looks, with his roles as they are now; null where a link signed him in: he only looks. */
export const look = async () => (book.key?.about.operator ? ask("own", { act: "look" }) : null);

/** What an act names, as pairs of words; identifiers stay as they are. */
export const factsOf = ({ act: _, ...fields }) =>
  Object.entries(fields).map(([name, value]) => [wordOf(FIELDS, name), valueOf(name, value)]);

function valueOf(name, value) {
  if (name === "name") return value;
  if (name === "policy") return make("div", {}, make("pre", { text: value }), tryButton(() => value));
  if (name === "amount" || name === "sum") return amountText(value);
  if (Object.hasOwn(WORDS, name)) return [value].flat().map((each) => wordOf(WORDS[name], each)).join(", ");
  const known = [names.get(value), name === "passkey" && digitsOf(value)].filter(Boolean).join(" ");
  const text = name === "shown" ? value.replace(/.{4}(?=.)/g, "$& ") : String(value);
  return make("span", {}, known && `${known} `, make("code", { text }));
}

/**
 * A button for an act; null where no role of the operator does it. `given`: what it is about;
 * `then()` is called once it was done; `begun`: what the form begins with.
 */
export function offer(own, name, given, then, begun = {}) {
  if (!may(own, name)) return null;
  const text = ACTS[name].two ? say("console-propose", { act: actText(name) }) : actText(name);
  const about = Object.values(given).map((value) => names.get(value) ?? value);
  const label = [text, ...about].join(" ");
  const onclick = () => openForm(name, given, then, begun);
  return make("button", { type: "button", "data-act": name, "aria-label": label, text, onclick });
}

/** A button by which limits and rules are tried before anybody puts them in force. */
function tryButton(policy) {
  const place = make("div", { role: "status" });
  const button = make("button", { type: "button", class: "try", text: say("console-dry-run") });
  button.onclick = async () => (await import("./console-policy.js")).tryOut(place, button, policy());
  return make("div", {}, line(button), place);
}

const typedIn = (name) => make("input", { name, required: true, maxlength: 100 });

function openForm(name, given, then, begun) {
  const dialog = the("act-dialog");
  const act = ACTS[name];
  const isAsked = (field) => !Object.hasOwn(given, field) && !(field === "subject" && given.scope === "everything");
  const asked = act.fields.filter(isAsked);
  const told = make("div", { role: "alert" });
  const go = make("button", { class: "act", text: say(act.two ? "console-act-propose" : "console-act-do") });
  const close = (key) => make("button", { type: "button", text: say(key), onclick: () => dialog.close() });
  const form = make("form", { autocomplete: "off" },
    act.hint && make("p", { text: say(act.hint) }),
    make("p", { class: "quiet", text: say(act.two ? "console-takes-two" : "console-takes-one") }),
    facts(factsOf(given)), ...asked.map((field) => rowOf(field, begun[field])),
    // Of a new clerk the book keeps the name, and no reason.
    name !== "create_clerk" && make("label", {}, say("console-reason"), typedIn("reason")),
    line(go, close("console-act-cancel")));
  let isDone = false;
  // The same id however often the same is sent: what was done is done once.
  let [sent, id] = ["", ""];
  form.onchange = () => suit(form);
  form.onsubmit = async (event) => {
    event.preventDefault();
    const body = bodyOf(form, { act: name, ...given }, asked);
    if (JSON.stringify(body) !== sent) [sent, id] = [JSON.stringify(body), newRequestId()];
    go.disabled = true;
    fill(told);
    try {
      const done = await verified(() => ask(act.two ? "propose" : "act", { request_id: id, ...body }));
      isDone = true;
      const end = close("console-act-close");
      fill(form, line(end));
      fill(told, ...doneOf(act, done, dialog));
      end.focus();
    } catch (error) {
      fill(told, notice("bad", whyInForm(error, form)));
      told.scrollIntoView({ block: "nearest" });
      go.disabled = false;
    }
  };
  suit(form);
  fill(dialog, make("h2", { id: "act-title", text: actText(name) }), told, form);
  dialog.onclose = () => {
    fill(dialog);
    if (isDone) then();
  };
  dialog.showModal();
}

/** A field with its label: roles are several, what else has words is one of them. */
function rowOf(name, begun = []) {
  const text = say(FIELDS[name]);
  const words = WORDS[name];
  if (name === "policy") {
    const area = make("textarea", { name, required: true, rows: 20, spellcheck: "false" });
    area.value = begun;
    return make("div", {}, make("label", {}, text, area), tryButton(() => area.value));
  }
  if (!words) return make("label", {}, text, typedIn(name));
  const choices = Object.keys(words).map((value) => [value, wordOf(words, value)]);
  const options = choices.map(([value, word]) => make("option", { value, text: word }));
  if (name !== "roles") return make("label", {}, text, make("select", { name }, ...options));
  const box = (value) => make("input", { type: "checkbox", name, value, checked: begun.includes(value) });
  const boxes = choices.map(([value, word]) => make("label", { class: "check" }, box(value), word));
  return make("fieldset", {}, make("legend", { text }), ...boxes);
}

/** What is closed for everybody is closed for nobody in particular. */
function suit(form) {
  const { scope, subject } = form.elements;
  if (scope && subject) subject.parentElement.hidden = subject.disabled = scope.value === "everything";
}

/** What is sent: the act with every field that says something, and why. */
function bodyOf(form, what, asked) {
  const data = new FormData(form);
  const typed = (name) => data.get(name)?.trim();
  for (const name of asked) what[name] = name === "roles" ? data.getAll(name) : typed(name);
  for (const name of ["rows", "sum"]) if (what[name]) what[name] = Number(what[name].normalize("NFKC").replace(/\D/g, ""));
  if (what.amount) what.amount = typedAmount(what.amount, book.currency);
  // The digits are read off a screen, in groups.
  if (what.shown) what.shown = what.shown.normalize("NFKC").toLowerCase().replace(/\W/g, "");
  return { reason: typed("reason"), what };
}

/** Why not, in words; the field that must be mended has the focus. */
function whyInForm(error, form) {
  const [, name] = error.problem?.detail?.match(/^`(\w+)`/) ?? [];
  if (error.refusal !== "field_must_be_valid" || !Object.hasOwn(FIELDS, name)) return whyNot(error);
  form.querySelector(`[name="${name}"]`)?.focus();
  // Whoever writes limits is told the line.
  if (name === "policy") return make("span", {}, say("console-policy-wrong"), make("pre", { text: error.problem.detail }));
  return say("console-field-wrong", { field: say(FIELDS[name]) });
}

/** What is told of what was done. A PIN is told now and never again. */
function doneOf(act, done, dialog) {
  if (act.two) {
    const there = linkTo({ view: "approvals" }, { text: say("console-approvals"), onclick: () => dialog.close() });
    return [notice("good", say("console-proposed")), line(there)];
  }
  if (act.hint !== PIN) return [notice("good", say("console-done"))];
  if (!done.pin) return [notice("bad", say("console-pin-lost"))];
  const large = (text) => make("span", { class: "large figure", text });
  return [
    notice("good", say("console-pin-once")),
    facts([
      [say("console-clerk"), make("code", { text: done.clerk })],
      [say("console-clerk-number"), large(String(done.clerk_number))],
      [say("console-pin"), large(done.pin)],
    ]),
  ];
}
