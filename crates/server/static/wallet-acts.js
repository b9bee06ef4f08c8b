// What a member does about himself: forms, passkeys, acts under an id of their own, and the fresh
// proof that some of them ask for.
//
// An act's id is made before it is sent and used again until its outcome is known, so a lost answer
// is asked for again and nothing is done twice.

import { announce, fill, language, make, newRequestId, pause, say, the } from "./page.js";
import { Declined, because, isPassing, member, trouble } from "./wallet-member.js";

const SESSION = "/v1/member/session";
const WALLET = "/v1/member/wallet";
const AGAIN_MS = 1500;
const TRIES_MAX = 4;

/* Forms. */

let fields = 0;

/** A field with its label; `attributes` are the input's, `hint` stands below. */
export function field(name, label, attributes = {}, hint = null) {
  fields += 1;
  const id = `field-${fields}`;
  const described = hint ? `${id}-hint` : null;
  return make(
    "div",
    { class: "field" },
    make("label", { for: id, text: say(label) }),
    make("input", { id, name, required: true, "aria-describedby": described, ...attributes }),
    hint && make("p", { id: described, class: "quiet", text: say(hint) }),
  );
}

/** A field for a mail address or a telephone number. */
export const addressField = () =>
  field("address", "wallet-address", {
    autocomplete: "username",
    autocapitalize: "none",
    spellcheck: "false",
    inputmode: "email",
    maxlength: 254,
  });

/** A field for a password: the present one, or a new one. */
export const passwordField = (isNew) =>
  field(
    "password",
    isNew ? "wallet-password-new" : "wallet-password",
    {
      type: "password",
      autocomplete: isNew ? "new-password" : "current-password",
      minlength: isNew ? 8 : null,
      maxlength: 128,
    },
    isNew ? "wallet-password-hint" : null,
  );

/** A field for digits that were sent, or that a generator shows. */
export const codeField = (label, length, attributes = {}) =>
  field("code", label, {
    class: "figure code",
    autocomplete: "one-time-code",
    inputmode: "numeric",
    maxlength: length + 1,
    ...attributes,
  });

/** A button that does `work`; what it throws is said in `said`. */
export function button(text, work, { said, kind = "", meant = "", values }) {
  const element = make("button", { type: "button", class: kind, text: say(text, values) });
  element.addEventListener("click", () => run(element, said, work, meant));
  return element;
}

/** A place that says what is wrong. */
export const saying = () => make("p", { class: "said bad", role: "alert", hidden: true });

/** A form: its fields and one button. `send` takes the values; what it throws is said. */
export function form(id, fields, action, send, { meant = "", kind = "act" } = {}) {
  const said = saying();
  const act = make("button", { class: kind, text: say(action) });
  const element = make("form", { id, class: "stack" }, ...fields, said, act);
  element.addEventListener("submit", (event) => {
    event.preventDefault();
    run(act, said, () => send(Object.fromEntries(new FormData(element)), element), meant);
  });
  return element;
}

/** Does `work` once at a time, and says what it throws. */
export async function run(element, said, work, meant = "") {
  if (element.disabled) return;
  element.disabled = true;
  said.hidden = true;
  try {
    await work();
  } catch (error) {
    said.textContent = because(error, meant);
    said.hidden = false;
  } finally {
    element.disabled = false;
  }
}

/** A part that is opened by who needs it. */
export const more = (title, ...children) =>
  make("details", { class: "more" }, make("summary", { text: say(title) }), ...children);

/** A code as it was typed, its digits of any width and spaces. */
export const digitsOf = (text) => text.normalize("NFKC").replace(/\D/g, "");

/** Sends a code once all of its digits are there. */
export function typedAtOnce(element) {
  element.addEventListener("input", (event) => {
    if (digitsOf(event.target.value).length === 8) element.requestSubmit();
  });
  return element;
}

/** What the law asks an issuer to say, in short, and where all of it stands. */
export function notices(version) {
  const line = (key) => make("li", { text: say(key) });
  return make(
    "div",
    { class: "card terms" },
    make("ul", {}, ...["wallet-terms-use", "wallet-terms-limit", "wallet-terms-safety"].map(line)),
    make("a", {
      href: `/terms?lang=${language}`,
      target: "_blank",
      rel: "noopener",
      text: say("wallet-terms-read", { version }),
    }),
  );
}

/** Titles a view, and the window. */
export function titled(element, text) {
  element.textContent = text;
  document.title = `${text} – ${say("wallet-title")}`;
}

/* Passkeys. */

/** Whether this browser can make and use them here. */
export const hasPasskeys = () =>
  typeof PublicKeyCredential === "function" &&
  typeof PublicKeyCredential.parseCreationOptionsFromJSON === "function";

async function ceremony(asked, work) {
  try {
    const credential = await work();
    return { ceremony: asked.ceremony, answer: credential.toJSON() };
  } catch (error) {
    // Whoever holds the phone said no, has none here, or let the time pass: the browser tells nobody which.
    const isKnown = error.name === "InvalidStateError";
    throw new Declined(isKnown ? "wallet-passkey-known" : "wallet-passkey-declined");
  }
}

/** Makes a passkey, as the server asks for it. */
export const makePasskey = (asked) =>
  ceremony(asked, () => {
    const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(asked.options);
    return navigator.credentials.create({ publicKey });
  });

/** Uses one. */
export const usePasskey = (asked) =>
  ceremony(asked, () => {
    const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(asked.options);
    return navigator.credentials.get({ publicKey });
  });

/* Acts. */

/** The ids of acts whose outcome is not known. */
const open = new Map();

/** The account was read: what it shows is the outcome of every act before. */
export const settle = () => open.clear();

/** Posts, again where nothing was decided. */
export async function insist(key, path, body) {
  for (let tries = 1; ; tries += 1) {
    try {
      const answer = await key.call(path, body);
      trouble(null);
      return answer;
    } catch (error) {
      if (tries >= TRIES_MAX || !isPassing(error)) throw error;
      trouble(error);
      await pause(AGAIN_MS);
    }
  }
}

/** Does something by this device, after a fresh proof where it asks for one. */
export async function act(path, body) {
  const name = path + JSON.stringify(body);
  for (;;) {
    if (!open.has(name)) open.set(name, newRequestId());
    try {
      const answer = await insist(member.key, path, { ...body, request_id: open.get(name) });
      open.delete(name);
      return answer;
    } catch (error) {
      if (error.refusal !== "user_must_be_verified") {
        if (!isPassing(error)) open.delete(name);
        throw error;
      }
      // Under the same id, once it is proved.
      await prove();
    }
  }
}

/** Asks for a passkey of this wallet, for `purpose`, and posts what it answers. */
export async function withPasskey(purpose) {
  const { key } = member;
  const asked = await insist(key, SESSION, { act: "begin", purpose });
  const passkey = await usePasskey(asked);
  return insist(key, SESSION, { act: purpose, request_id: newRequestId(), passkey });
}

/** Posts a password, and what was typed beside it. */
export const withPassword = (purpose, { password, code }) =>
  insist(member.key, SESSION, { act: purpose, request_id: newRequestId(), password, code: secondOf(code) });

/** A generator's code or a recovery code as it was typed; null where none was. */
export const secondOf = (text = "") => text.normalize("NFKC").replace(/[\s-]/g, "") || null;

/** The fields of a password and of what stands beside it, a generator's code or a recovery code. */
export const passwordFields = (isSecondRequired) => [
  passwordField(false),
  field(
    "code",
    isSecondRequired ? "wallet-second" : "wallet-second-if",
    { autocomplete: "one-time-code", spellcheck: "false", maxlength: 30, required: isSecondRequired },
    "wallet-second-hint",
  ),
];

/** Has the member prove that it is him; throws where he does not. */
export function prove() {
  const dialog = the("prove");
  const kinds = new Set(member.account?.factors.map((factor) => factor.kind) ?? ["passkey"]);
  const hasGenerator = kinds.has("totp");
  // Alone it is enough where the wallet has nothing stronger.
  const byPassword = kinds.has("password") && (hasGenerator || !kinds.has("passkey"));
  const byPasskey = kinds.has("passkey") && hasPasskeys();
  return new Promise((done, failed) => {
    let isProved = false;
    const proved = () => {
      isProved = true;
      dialog.close();
    };
    const said = saying();
    const passkey = async () => proved(await withPasskey("verify"));
    const typed = async (values) => proved(await withPassword("verify", values));
    const fields = hasGenerator ? passwordFields(true) : [passwordField(false)];
    const byTyping = byPassword && form("prove-form", fields, "wallet-prove-act", typed);
    show(
      dialog,
      "wallet-prove-title",
      make("p", { text: say(byPasskey || byPassword ? "wallet-prove-why" : "wallet-prove-nothing") }),
      byPasskey && button("wallet-passkey-use", passkey, { said, kind: "act wide" }),
      said,
      byTyping && byPasskey ? more("wallet-password-instead", byTyping) : byTyping,
    );
    dialog.onclose = () => (isProved ? done() : failed(new Declined("wallet-prove-missing")));
  });
}

/** Fills a dialog with a title and what belongs to it, and opens it. */
export function show(dialog, title, ...children) {
  const close = make("button", { type: "button", class: "wide", text: say("wallet-close") });
  close.addEventListener("click", () => dialog.close());
  const id = `${dialog.id}-title`;
  dialog.setAttribute("aria-labelledby", id);
  fill(dialog, make("h2", { id, text: say(title) }), ...children, close);
  if (!dialog.open) dialog.showModal();
}

/** A button that freezes the wallet after one question; `done` hears that it is frozen. */
export function freezeButton(text, done) {
  const said = saying();
  const kind = "stop big wide";
  const freeze = async () => {
    await act(WALLET, { act: "freeze" });
    await done();
    the("dialog").close();
    announce(say("wallet-frozen-now"));
  };
  const sure = () => {
    const how = make("p", { text: say("wallet-freeze-how") });
    show(the("dialog"), "wallet-freeze-sure", how, said, button("wallet-freeze-act", freeze, { said, kind }));
  };
  return button(text, sure, { said, kind });
}
