// The page that a link in a message opens: it says what the link is for, shows two digits, and does
// it once they are typed. Programs that look into mail follow links and send forms; none reads here.
//
// It needs no wallet: a key that is made for this visit proves the requests, and is not kept.

import { Refused, Unreachable, announce, say, takeFragment, the } from "./page.js";
import { ProvingKey } from "./device.js";

const PATH = "/v1/member/link";
const NONCES = "/v1/device/nonce";

/** For each purpose: the title, what happens, the button, and what is said when it is done. */
const PURPOSES = {
  freeze: ["link-freeze-title", "link-freeze-what", "link-freeze-act", "link-freeze-done"],
  contest: ["link-contest-title", "link-contest-what", "link-contest-act", "link-contest-done"],
  return: ["link-return-title", "link-return-what", "link-return-act", "link-return-done"],
};

const REFUSALS = {
  digits_must_match: "link-digits-wrong",
  message_link_must_hold: "link-over",
  recovery_must_be_open: "link-no-recovery",
};

let token = "";
let key = null;
let words = null;

function because(error) {
  if (error instanceof Unreachable) return say("common-unreachable");
  if (!(error instanceof Refused)) throw error;
  if (error.status === 429 || error.status >= 500) return say("common-busy");
  return say(REFUSALS[error.refusal] ?? "link-refused");
}

function tell(text) {
  the("said").textContent = text;
  the("said").hidden = text === "";
}

function title(text) {
  the("title").textContent = text;
  document.title = text;
}

/** Asks what the link is for. */
async function look() {
  tell("");
  the("again").hidden = true;
  if (!token) return fail(say("link-over"));
  try {
    key ??= await ProvingKey.passing(NONCES);
    const { purpose, digits } = await key.call(PATH, { act: "look", token });
    words = PURPOSES[purpose];
    title(say(words[0]));
    the("what").textContent = say(words[1]);
    the("what").hidden = false;
    the("digits").textContent = digits;
    the("act").textContent = say(words[2]);
    the("form").hidden = false;
  } catch (error) {
    const isOver = error instanceof Refused && error.status < 429;
    fail(because(error));
    the("again").hidden = isOver;
  }
}

function fail(text) {
  title(say("link-title"));
  tell(text);
}

async function confirm(event) {
  event.preventDefault();
  const act = the("act");
  if (act.disabled) return;
  act.disabled = true;
  tell("");
  try {
    const digits = the("typed").value.normalize("NFKC");
    await key.call(PATH, { act: "confirm", token, digits });
    the("form").hidden = true;
    the("what").hidden = true;
    title(say(words[3]));
    the("more").textContent = say("link-close");
    the("more").hidden = false;
    the("title").focus();
    announce(say(words[3]));
  } catch (error) {
    tell(because(error));
    the("typed").select();
  }
  act.disabled = false;
}

token = takeFragment();
the("form").addEventListener("submit", confirm);
the("again").addEventListener("click", look);
look();
