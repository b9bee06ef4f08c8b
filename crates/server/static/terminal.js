// A browser that is a register: the terminal's key, kept where no script can read it, and its
// signature over each request (the eight lines of the register API).

import { Refused, newRequestId, send, sha256 } from "./page.js";
import { drop, find, keep } from "./kept.js";

const NAME = "terminal";

const hex = (bytes) => [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/** A key that signs and that no script can read again. */
async function imported(key) {
  const bytes = Uint8Array.from(key.match(/../g).map((pair) => Number.parseInt(pair, 16)));
  const made = await crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  bytes.fill(0);
  return made;
}

export class Terminal {
  #key;

  constructor(kept) {
    this.#key = kept.key;
    this.id = kept.id;
    this.generation = kept.generation;
    /** How far this device's clock is behind the server's, milliseconds, as last heard. */
    this.behind = 0;
  }

  /** The terminal that this browser is, or null. */
  static async load() {
    const kept = await find("key", NAME);
    return kept ? new Terminal(kept) : null;
  }

  /**
   * Becomes a terminal: `key` is its key in 64 hex digits, which is not kept in this form. It came
   * by a link that the browser remembers, so a new one is asked for: see `renew`.
   */
  static async pair(id, generation, key) {
    const kept = { id, generation, key: await imported(key), renewal: newRequestId() };
    await keep("key", NAME, kept);
    return new Terminal(kept);
  }

  /** Takes a new key, where the present one came by a link. Asked again after a lost answer. */
  async renew() {
    const kept = await find("key", NAME);
    if (!kept?.renewal) return;
    const { generation, key } = await this.post("/v1/terminal/key", { request_id: kept.renewal });
    const renewed = { id: this.id, generation, key: await imported(key) };
    await keep("key", NAME, renewed);
    this.#key = renewed.key;
    this.generation = generation;
  }

  /** Stops being a terminal. */
  static forget() {
    return drop("key", NAME);
  }

  /** Gets `target` (path, with its query). */
  async get(target, milliseconds) {
    return (await this.#send("GET", target, "", null, milliseconds)).body;
  }

  /** Posts JSON. Throws `Refused` or `Unreachable`. */
  async post(target, body, milliseconds) {
    return (await this.#send("POST", target, JSON.stringify(body), "application/json", milliseconds)).body;
  }

  /** Posts bytes. */
  async postBytes(target, bytes) {
    return (await this.#send("POST", target, bytes, "application/octet-stream")).body;
  }

  /** The server's time, as far as it is known here. */
  now() {
    return Date.now() + this.behind;
  }

  #heard(headers) {
    const said = Date.parse(headers.get("Date"));
    if (Number.isFinite(said)) this.behind = said - Date.now();
  }

  async #send(method, target, body, type, milliseconds) {
    const [path, query = ""] = target.split("?", 2);
    const now = Math.floor(Date.now() / 1000);
    const digest = hex(await sha256(body));
    const lines = ["yaoki register 1", method, path, query, location.host, this.generation, now, digest];
    const signed = new TextEncoder().encode(lines.join("\n"));
    const signature = hex(await crypto.subtle.sign("HMAC", this.#key, signed));
    const who = `terminal=${this.id}, generation=${this.generation}, timestamp=${now}`;
    const headers = { Authorization: `Yaoki-HMAC-SHA256 ${who}, signature=${signature}` };
    if (type) headers["Content-Type"] = type;
    const options = { method, headers, body: method === "GET" ? undefined : body };
    try {
      const answer = await send(target, options, milliseconds);
      this.#heard(answer.headers);
      return answer;
    } catch (error) {
      if (error instanceof Refused) this.#heard(error.headers);
      throw error;
    }
  }
}
