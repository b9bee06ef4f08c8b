// How a code comes in: from a scanner, which types fast and ends with Enter; from the camera; or
// typed by a person.

import { Refused, hasCamera, knows, say, the } from "./page.js";
import { Camera } from "./camera.js";
import { till } from "./register-till.js";

/** A scanner's keys follow each other faster than a person's, milliseconds. */
const SCAN_GAP_MS = 60;
/** A code has so many digits; what is shorter and as fast is a label of goods. */
const CODE_DIGITS = 24;
const LABEL_DIGITS_MIN = 8;

/** Whether a text can be a one-time code. */
export const isCode = (text) => /^\d+$/.test(text) && text.length === CODE_DIGITS;

/**
 * Listens to a scanner anywhere on the page. `before()` is called when digits begin and answers how
 * to undo what they do; `scanned(text)` gets what was read.
 */
export function listenToScanner(before, scanned) {
  let digits = "";
  let last = 0;
  let undo = () => {};
  addEventListener("keydown", (event) => {
    const isFast = event.timeStamp - last < SCAN_GAP_MS;
    last = event.timeStamp;
    if (event.key === "Shift") return;
    if (/^\d$/.test(event.key) && !event.ctrlKey && !event.altKey && !event.metaKey) {
      if (!isFast || digits === "") {
        digits = "";
        undo = before();
      }
      digits += event.key;
      return;
    }
    if (event.key === "Enter" && isFast && digits.length >= LABEL_DIGITS_MIN) {
      // Else it would press the button that has the focus.
      event.preventDefault();
      event.stopImmediatePropagation();
      undo();
      scanned(digits);
    }
    digits = "";
  }, true);
}

/** Looks for a code with the camera, in a dialog; answers with the code, or null. */
export async function scanWithCamera() {
  const dialog = the("camera");
  const told = the("camera-told");
  told.textContent = say("register-camera-hint");
  dialog.showModal();
  if (!hasCamera()) {
    told.textContent = say("common-camera-missing");
    return null;
  }
  const camera = new Camera(the("camera-video"), async (luma, width, height) =>
    (await till.terminal.postBytes(`/v1/frames/${width}/${height}`, luma)).texts);
  dialog.addEventListener("close", () => camera.stop(), { once: true });
  let code = null;
  try {
    await camera.start((text) => {
      if (!isCode(text)) {
        told.textContent = say("register-not-a-code");
        return false;
      }
      code = text;
      return true;
    });
  } catch (error) {
    const key = `register-refusal-${error.refusal}`;
    const isKnown = error instanceof Refused && knows(key);
    told.textContent = isKnown ? say(key) : say("common-camera-refused");
    return null;
  }
  dialog.close();
  return code;
}
