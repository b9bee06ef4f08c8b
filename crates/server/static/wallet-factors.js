// The ways to sign in: passkeys, a password, a code generator, recovery codes, accounts at providers.
// What is secret is shown once, in a dialog, and is nowhere afterwards.

import { Unreachable, fill, make, moment, say, the } from "./page.js";
import { member } from "./wallet-member.js";
import {
  act,
  button,
  codeField,
  digitsOf,
  form,
  hasPasskeys,
  insist,
  makePasskey,
  more,
  passwordField,
  run,
  saying,
  show,
} from "./wallet-acts.js";
import { change } from "./wallet-account.js";
import { symbol } from "./symbols.js";

const FACTORS = "/v1/member/factors";

const KINDS = {
  passkey: "wallet-factor-passkey",
  password: "wallet-factor-password",
  totp: "wallet-factor-totp",
  recovery_codes: "wallet-factor-codes",
  external_id: "wallet-factor-external",
};
const SIGNS_IN = ["passkey", "password", "external_id"];

/** The part of the account. */
export function factors(account) {
  const said = saying();
  const has = (kind) => account.factors.some((factor) => factor.kind === kind);
  const isLast = (factor) =>
    SIGNS_IN.includes(factor.kind) &&
    account.factors.filter((other) => SIGNS_IN.includes(other.kind)).length === 1;
  const line = (factor) =>
    make(
      "li",
      { class: "item" },
      make("p", {
        class: "item-name",
        text: say(KINDS[factor.kind]),
        "data-provider": factor.kind === "external_id" && factor.label,
      }),
      make("p", {
        class: "quiet",
        text: [factor.kind === "external_id" ? "" : factor.label, say("wallet-factor-since", { time: moment(factor.added_at) })].filter(Boolean).join(" · "),
      }),
      factor.left !== undefined && make("p", { class: "quiet", text: say("wallet-codes-left", { count: factor.left }) }),
      !isLast(factor) &&
        button("wallet-remove", () => change(FACTORS, { act: "end", factor: factor.factor }, "wallet-done"), {
          said,
          kind: "danger",
        }),
    );
  const others = make("div");
  run(others, said, () => elsewhere(others, said));
  if (account.state !== "open")
    return [make("p", { class: "said", text: say("wallet-factors-closed") }), make("ul", { class: "items" }, ...account.factors.map(line))];
  return [
    make("p", { class: "quiet", text: say("wallet-factors-how") }),
    said,
    make("ul", { class: "items" }, ...account.factors.map(line)),
    hasPasskeys() && button("wallet-passkey-add", passkey, { said, kind: "act big wide" }),
    more(has("password") ? "wallet-password-change" : "wallet-password-add", passwordForm()),
    more(has("totp") ? "wallet-totp-change" : "wallet-totp-add", generator()),
    more(has("recovery_codes") ? "wallet-codes-change" : "wallet-codes-add", sheet()),
    others,
  ];
}

/** Calls providers as people do, and offers to link an account at each that has none yet. */
async function elsewhere(place, said) {
  const lost = () => Promise.reject(new Unreachable());
  const { providerButtons, providers } = await import("./wallet-enter.js").catch(lost);
  const linked = [...document.querySelectorAll("[data-provider]")];
  const free = [];
  for (const provider of await providers()) {
    const own = linked.find(({ dataset }) => dataset.provider === provider.name);
    if (own) own.textContent = provider.shown;
    else free.push(provider);
  }
  if (free.length === 0) return;
  fill(
    place,
    make("p", { class: "quiet", text: say("wallet-external-how") }),
    make("div", { class: "choices" }, ...providerButtons(free, "link", said)),
  );
}

async function passkey() {
  const asked = await insist(member.key, FACTORS, { act: "begin_passkey" });
  await change(FACTORS, { act: "passkey", passkey: await makePasskey(asked) }, "wallet-done");
}

const passwordForm = () =>
  form("new-password-form", [passwordField(true)], "wallet-password-set", async ({ password }, element) => {
    element.querySelector("input").blur();
    await change(FACTORS, { act: "password", password }, "wallet-done");
  });

function generator() {
  const said = saying();
  const begin = async () => {
    const told = await insist(member.key, FACTORS, { act: "begin_generator" });
    const dialog = the("dialog");
    const typed = async ({ code }) => {
      await change(FACTORS, { act: "generator", sealed: told.sealed, code: digitsOf(code) }, "wallet-done");
      dialog.close();
    };
    show(
      dialog,
      "wallet-totp-add",
      make("p", { text: say("wallet-totp-scan") }),
      make("div", { class: "invitation" }, symbol(told.qr_svg, say("wallet-totp-qr")), make("code", { text: told.text })),
      form("generator-form", [codeField("wallet-generator-code", 6)], "wallet-totp-act", typed),
    );
  };
  return make(
    "div",
    { class: "stack" },
    make("p", { class: "quiet", text: say("wallet-totp-how") }),
    said,
    button("wallet-totp-begin", begin, { said }),
  );
}

function sheet() {
  const said = saying();
  const begin = async () => {
    const { codes } = await act(FACTORS, { act: "recovery_codes" });
    const list = make("ol", { class: "sheet figure" }, ...codes.map((code) => make("li", {}, make("code", { text: code }))));
    const copied = make("p", { class: "quiet", role: "status" });
    const saidThere = saying();
    const copy = async () => {
      await navigator.clipboard.writeText(codes.join("\n"));
      copied.textContent = say("wallet-copied");
    };
    show(
      the("dialog"),
      "wallet-codes-title",
      make("p", { text: say("wallet-codes-once") }),
      list,
      copied,
      saidThere,
      make(
        "div",
        { class: "choices" },
        button("wallet-copy", copy, { said: saidThere }),
        button("wallet-print", () => print(), { said: saidThere }),
      ),
    );
  };
  return make(
    "div",
    { class: "stack" },
    make("p", { class: "quiet", text: say("wallet-codes-how") }),
    said,
    button("wallet-codes-make", begin, { said }),
  );
}
