// What the parts of the register share: who it is, its journal, its shift, how it stands with the
// server, and the small dialogs.

import { fill, fraction, make, money, say, the, typedAmount } from "./page.js";

/** The register as it is now. `about` is what the server says of the terminal. */
export const till = { terminal: null, about: null, journal: null, shift: null };

/** An amount of minor units of the book's currency. */
export const amountText = (amount) => money(amount, till.about.currency);

/** The minor units that somebody typed, or 0 where it is no amount. */
export const amountOf = (text) => typedAmount(text, till.about.currency);

/** An amount as it stands in a field. */
export const amountInField = (amount) => String(amount / 10 ** fraction(till.about.currency));

/** The end of a payment's identifier: what people read to each other. */
export const shortOf = (payment) => `…${payment.slice(-6)}`;

/** A figure that stands out. */
export const figure = (text) => make("b", { class: "figure", text });

/** What an item is called on lists and receipts. */
export const nameOf = (item) => item.name || say("register-item-unnamed");

/** What somebody must read, at once. */
export const notice = (text) => make("p", { class: "notice bad", role: "alert", text });

/** A button that does something. */
export const button = (text, onclick, look = "") => make("button", { type: "button", class: look, onclick, text });

/** Whether a dialog stands before the page. */
export const isCovered = () => document.querySelector("dialog[open]") !== null;

/** Asks before something is done; answers whether it shall be. */
export function confirmed(question, action) {
  const dialog = the("confirm");
  the("confirm-text").textContent = question;
  the("confirm-yes").textContent = action;
  dialog.returnValue = "";
  dialog.showModal();
  the("confirm-no").focus();
  return new Promise((done) => {
    dialog.addEventListener("close", () => done(dialog.returnValue === "yes"), { once: true });
  });
}

/** Prints `parts` and nothing else of the page. */
export function print(...parts) {
  fill(the("paper"), ...parts);
  window.print();
}

/** A list of names and values; pairs without a value are left out. */
export function facts(pairs) {
  const known = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return make("dl", { class: "facts" }, ...known.flatMap(([name, value]) => [
    make("dt", { text: name }),
    make("dd", { class: "figure" }, value),
  ]));
}
