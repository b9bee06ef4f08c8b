// An answer that goes on, read line by line while it comes. An EventSource could not be used: it
// sends no proof.

import { Refused, Unreachable } from "./page.js";

/**
 * Posts `body` to `path` with the key's proof and gives the lines of the answer, each read as JSON,
 * until the server ends it. Throws `Refused`, or `Unreachable` when it breaks off or nothing comes
 * for so many milliseconds, or `signal` says to stop.
 */
export async function* linesOf(key, path, body, milliseconds, signal) {
  const silence = new AbortController();
  const ended = AbortSignal.any([silence.signal, signal]);
  let timer = 0;
  const wait = () => {
    clearTimeout(timer);
    timer = setTimeout(() => silence.abort(), milliseconds);
  };
  try {
    wait();
    const answer = await open(key, path, JSON.stringify(body), ended);
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      wait();
      const lines = (rest + value).split("\n");
      rest = lines.pop();
      for (const line of lines) yield JSON.parse(line);
    }
  } catch (error) {
    throw error instanceof Refused ? error : new Unreachable(path);
  } finally {
    clearTimeout(timer);
    silence.abort();
  }
}

/** The beginning of the answer; asked for once more where the server wants its newer nonce. */
async function open(key, path, body, signal) {
  for (let tries = 0; ; tries += 1) {
    const headers = { ...(await key.headers(path, body)), "Content-Type": "application/json" };
    const answer = await fetch(path, { method: "POST", headers, body, cache: "no-store", signal });
    key.heard(answer.headers);
    if (answer.ok) return answer;
    const refused = new Refused(answer.status, await answer.json());
    if (tries > 0 || refused.refusal !== "nonce_must_be_fresh") throw refused;
  }
}
