// A member's devices: which there are, what each may do, and another one by an invitation.

import { fill, make, moment, pause, say, the } from "./page.js";
import { member } from "./wallet-member.js";
import { act, button, saying, show } from "./wallet-acts.js";
import { change, own, read } from "./wallet-account.js";
import { symbol } from "./symbols.js";

const DEVICES = "/v1/member/devices";
const LOOK_MS = 2000;
const TICK_MS = 1000;

const WAYS = {
  link: "wallet-way-link",
  sign_up: "wallet-way-sign-up",
  invitation: "wallet-way-invitation",
  passkey: "wallet-way-passkey",
  recovery: "wallet-way-recovery",
};

const does = (name, device, more = {}) =>
  change(DEVICES, { act: name, device: device.device, ...more }, "wallet-done");

/** The part of the account. */
export function devices(account) {
  const said = saying();
  const waiting = account.devices.filter((device) => device.state === "pending");
  const active = account.devices.filter((device) => device.state === "active");
  return [
    said,
    ...waiting.map((device) => pending(device)),
    make("ul", { class: "items" }, ...active.map((device) => shown(account, device))),
    account.state === "open" && button("wallet-invite", invite, { said, kind: "act big wide" }),
    make("p", { class: "quiet", text: say("wallet-invite-why") }),
  ];
}

/** From when a device pays that nobody has approved yet, in words. */
export const paysFrom = (time) => say("wallet-pays-from", { time: moment(time) });

const tag = (key, colour = "") => make("span", { class: `tag ${colour}`, text: say(key) });

function shown(account, device) {
  const said = saying();
  const me = own(account);
  const end = device.this ? "wallet-device-end-this" : "wallet-device-end";
  const where = device.network
    ? say("wallet-device-seen", { time: moment(device.seen_at), network: device.network })
    : device.seen_at && say("wallet-device-seen-at", { time: moment(device.seen_at) });
  const isOther = me.pays && !device.this && account.state === "open";
  const takes = device.this && !device.pays && account.state === "open";
  const isNew = device.this && account.young;
  return make(
    "li",
    { class: "item" },
    make("p", { class: "item-name", text: device.label || say("wallet-device-unnamed") }),
    make(
      "p",
      { class: "tags" },
      device.this && tag("wallet-device-this", "good"),
      device.pays && tag("wallet-device-pays", "good"),
      !device.signed_in && tag("wallet-device-out"),
      isNew && tag("wallet-device-new", "open"),
    ),
    make("p", { class: "quiet", text: say(WAYS[device.way], { time: moment(device.added_at) }) }),
    where && make("p", { class: "quiet", text: where }),
    isNew && make("p", { class: "quiet", text: say("wallet-device-new-how") }),
    device.pays_from && make("p", { class: "said", text: asks(device) }),
    said,
    make(
      "div",
      { class: "choices" },
      device.pays_from && !device.this && button("wallet-device-refuse", () => does("refuse", device), { said, kind: "danger" }),
      isOther && button("wallet-device-pay", () => does("pay", device), { said }),
      takes && button("wallet-device-take", () => does("pay", device), { said }),
      button(end, () => sure(device), { said, kind: "danger" }),
    ),
  );
}

const asks = (device) =>
  device.this ? paysFrom(device.pays_from) : say("wallet-device-asks", { time: moment(device.pays_from) });

function sure(device) {
  const said = saying();
  const dialog = the("dialog");
  const end = async () => {
    await does("end", device);
    dialog.close();
  };
  show(
    dialog,
    device.this ? "wallet-device-end-this" : "wallet-device-end",
    make("p", { text: say(device.this ? "wallet-device-end-this-how" : "wallet-device-end-how", { label: device.label }) }),
    said,
    button("wallet-device-end-act", end, { said, kind: "danger wide" }),
  );
}

/** What moves, to what kind of device, where. */
function pending(device, done = () => {}) {
  const said = saying();
  const approve = (pays) => async () => {
    await does("approve", device, { pays });
    done();
  };
  const refuse = async () => {
    await does("end", device);
    done();
  };
  const values = { label: device.label, network: device.network || say("wallet-network-unknown") };
  return make(
    "section",
    { class: "card pending" },
    make("h2", { text: say("wallet-pending-title") }),
    make("p", { text: say("wallet-pending-what", values) }),
    make("p", { class: "quiet", text: say("wallet-pending-check") }),
    said,
    make(
      "div",
      { class: "stack" },
      button("wallet-pending-approve", approve(false), { said, kind: "act" }),
      button("wallet-pending-approve-pay", approve(true), { said }),
      button("wallet-pending-refuse", refuse, { said, kind: "danger" }),
    ),
  );
}

/** Shows an invitation until it was used or its time is over. */
async function invite() {
  const told = await act(DEVICES, { act: "invite" });
  const dialog = the("dialog");
  const place = make("div", { class: "invitation" });
  const left = make("p", { class: "quiet figure", role: "timer" });
  fill(
    place,
    make("p", { text: say("wallet-invite-how") }),
    symbol(told.qr_svg, say("wallet-invite-qr")),
    make("p", { class: "figure invitation-code", text: told.invitation }),
    left,
    make("p", { class: "said", text: say("wallet-invite-care") }),
  );
  show(dialog, "wallet-invite", place);
  const isShown = () => dialog.open && place.isConnected;
  for (let ticks = 0; isShown(); ticks += 1) {
    const seconds = Math.max(Math.ceil((Date.parse(told.expires_at) - member.key.now()) / TICK_MS), 0);
    left.textContent = seconds
      ? say("wallet-invite-left", { minutes: Math.floor(seconds / 60), seconds: String(seconds % 60).padStart(2, "0") })
      : say("wallet-invite-over");
    if (!seconds) return;
    if ((ticks * TICK_MS) % LOOK_MS === 0) {
      const { devices: list } = await read().catch(() => member.account);
      const waits = list.find((device) => device.state === "pending");
      if (waits && isShown()) {
        show(dialog, "wallet-invite", pending(waits, () => dialog.close()));
        return;
      }
    }
    await pause(TICK_MS);
  }
}
