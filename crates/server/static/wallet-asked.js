// A rule of the operator's wants to know that it is the member: he is asked, and shows it.

import { fill, make, money, say, the } from "./page.js";
import { button, prove, saying } from "./wallet-acts.js";

/** A button by which the member shows that it is he, and a place for what is wrong; `then` follows. */
export function proving(then) {
  const said = saying();
  const yes = async () => {
    await prove();
    await then();
  };
  return [button("wallet-asked-yes", yes, { said, kind: "act" }), said];
}

/** Says above the code what was not let through. */
export function show({ store = "", amount }, currency, then) {
  const text = say("wallet-asked", { store, amount: money(amount, currency) });
  fill(the("asked"), make("div", { class: "said open", role: "alert" }, make("p", { text }), ...proving(then)));
}
