// The clerk's own sign-in, where clerks work: number and PIN, for what gives money back. The session
// is in this page's memory only, good at this register alone, and over after a quarter of an hour.

import { newRequestId, say, the, timeOfDay } from "./page.js";
import { till } from "./register-till.js";
import { reasonOf, whyOf } from "./register-outcome.js";

/** What must be left of a session to begin something with it, milliseconds. */
const LEFT_MS = 40_000;

let session = null;
/** A try whose answer was lost is asked again under its own id, so that it counts once. */
let attempt = null;

const isOpen = () => session !== null && Date.parse(session.expires_at) - till.terminal.now() > LEFT_MS;

function draw() {
  the("signed-in").hidden = !isOpen();
  if (isOpen()) the("signed-in-who").textContent = say("register-clerk-signed-in", { name: session.name, time: timeOfDay(session.expires_at) });
}

/** What is sent with a request that takes a clerk, or null where the clerk turned back. */
export async function signedIn(hint = "register-clerk-hint") {
  draw();
  if (isOpen()) return session;
  the("clerk-hint").textContent = say(hint);
  the("clerk-told").textContent = "";
  the("clerk-pin").value = "";
  the("clerk-dialog").returnValue = "";
  the("clerk-dialog").showModal();
  the(the("clerk-number").value ? "clerk-pin" : "clerk-number").focus();
  await new Promise((done) => the("clerk-dialog").addEventListener("close", done, { once: true }));
  the("clerk-pin").value = "";
  draw();
  return isOpen() ? session : null;
}

/** Another clerk beside the one who is signed in, for one request; null where nobody came. */
export async function anotherSignedIn(hint) {
  const first = session;
  session = null;
  the("clerk-number").value = "";
  const second = await signedIn(hint);
  session = first;
  the("clerk-number").value = "";
  draw();
  return second;
}

async function signIn(event) {
  event.preventDefault();
  const [clerk, pin] = [the("clerk-number").value.trim(), the("clerk-pin").value.trim()];
  if (attempt?.clerk !== clerk || attempt?.pin !== pin) attempt = { clerk, pin, id: newRequestId() };
  the("clerk-go").disabled = true;
  try {
    session = await till.terminal.post("/v1/clerk/sign-in", { request_id: attempt.id, clerk, pin });
    attempt = null;
    the("clerk-dialog").close("in");
  } catch (error) {
    if (error.refusal) attempt = null;
    the("clerk-told").textContent = error.refusal ? reasonOf(error.refusal, say("common-busy")) : whyOf(error);
    the("clerk-pin").value = "";
    the("clerk-pin").focus();
  } finally {
    the("clerk-go").disabled = false;
  }
}

/** Forgets the session here at once, and has it ended at the server. */
export async function signOut() {
  const ended = session;
  session = null;
  draw();
  if (ended === null) return;
  const body = { request_id: newRequestId(), clerk_session: ended.clerk_session };
  try {
    await till.terminal.post("/v1/clerk/sign-out", body);
  } catch {
    // It is over by itself within a quarter of an hour, and nobody here has it any more.
  }
}

/** Makes the dialog work. */
export function startClerk() {
  the("clerk-form").addEventListener("submit", signIn);
  the("clerk-cancel").addEventListener("click", () => the("clerk-dialog").close());
  the("signed-out").addEventListener("click", signOut);
  draw();
}
