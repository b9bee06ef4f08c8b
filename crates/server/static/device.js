// A browser that proves its requests: a P-256 key that cannot be exported, a token that the server
// bound to it, and a proof for each request (DPoP, RFC 9449, with our claim `bd` over the body).
//
// The wallet enrols such a key as a member's device, the console as an operator's session.

import { Refused, base64url, send, sha256 } from "./page.js";
import { drop, find, keep } from "./kept.js";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256" };
const SIGNATURE = { name: "ECDSA", hash: "SHA-256" };
/** Where an answer has a newer token: the session is in use, and goes on. */
const RENEWED = ["yaoki-device-token", "yaoki-console-token"];

/** A key pair as it is kept: nobody can take the private half out of the browser. */
async function newKey() {
  const pair = await crypto.subtle.generateKey(ALGORITHM, false, ["sign"]);
  const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", pair.publicKey);
  return { pair, jwk: { kty, crv, x, y }, token: null, about: null };
}

export class ProvingKey {
  #name;
  #pair;
  #jwk;
  #nonce = "";
  #ahead = 0;
  #nonces;

  constructor(name, kept, nonces) {
    this.#name = name;
    this.#nonces = nonces;
    this.#pair = kept.pair;
    this.#jwk = kept.jwk;
    this.token = kept.token;
    this.about = kept.about;
  }

  /** The key that this browser keeps under `name`, or null. `nonces` is where its first nonce is asked for. */
  static async load(name, nonces = null) {
    const kept = await find("key", name);
    return kept ? new ProvingKey(name, kept, nonces) : null;
  }

  /**
   * Makes a key and has it enrolled: `body` goes to `path`, the answer has its `token`. The key is
   * kept before it is sent, so an answer that is lost can be asked for again with the same key.
   */
  static async enrol(name, path, body, nonces = null) {
    const waiting = `${name} waiting`;
    const text = JSON.stringify(body);
    let kept = await find("key", waiting);
    if (kept?.asked !== text) {
      kept = { ...(await newKey()), asked: text };
      await keep("key", waiting, kept);
    }
    const key = new ProvingKey(name, kept, nonces);
    const about = await key.call(path, body);
    await keep("key", name, { pair: kept.pair, jwk: kept.jwk, token: about.token, about });
    await drop("key", waiting);
    return ProvingKey.load(name, nonces);
  }

  /** A key that no token belongs to yet: the one that is kept under `name`, or a new one. */
  static async newcomer(name, nonces = null) {
    let kept = await find("key", name);
    if (!kept) {
      kept = await newKey();
      await keep("key", name, kept);
    }
    return new ProvingKey(name, kept, nonces);
  }

  /** A key that nobody keeps: for what is done once. */
  static async passing(nonces = null) {
    return new ProvingKey("", await newKey(), nonces);
  }

  /** Is kept under `name` from now on, with the `token` of `about`, which a server has said. */
  async become(name, about) {
    await keep("key", name, { pair: this.#pair, jwk: this.#jwk, token: about.token, about });
    if (this.#name !== name) await drop("key", this.#name);
    return ProvingKey.load(name, this.#nonces);
  }

  /** What was sent to be enrolled and has no answer yet, or null. */
  static async asked(name) {
    const kept = await find("key", `${name} waiting`);
    return kept ? JSON.parse(kept.asked) : null;
  }

  /** Asks for that no more. */
  static giveUp(name) {
    return drop("key", `${name} waiting`);
  }

  /** Forgets the key. */
  forget() {
    return drop("key", this.#name);
  }

  /** Posts `body` to `path` and reads the answer. Throws `Refused` or `Unreachable`. */
  async call(path, body) {
    return (await this.post(path, JSON.stringify(body), "application/json")).body;
  }

  /** Posts text or bytes. Once more where the server asks for its newer nonce. */
  async post(path, body, type) {
    if (!this.#nonce && this.#nonces) await this.#askNonce();
    try {
      return await this.#once(path, body, type);
    } catch (error) {
      if (!(error instanceof Refused) || error.refusal !== "nonce_must_be_fresh") throw error;
      return this.#once(path, body, type);
    }
  }

  async #askNonce() {
    const headers = this.token ? { Authorization: `DPoP ${this.token}` } : {};
    this.heard((await send(this.#nonces, { headers })).headers);
  }

  async #once(path, body, type) {
    const headers = await this.headers(path, body);
    headers["Content-Type"] = type;
    try {
      const answer = await send(path, { method: "POST", headers, body });
      this.heard(answer.headers);
      return answer;
    } catch (error) {
      if (error instanceof Refused) this.heard(error.headers);
      throw error;
    }
  }

  /** Takes from an answer the nonce for the next proof, and what the server's clock shows. */
  heard(headers) {
    this.#nonce = headers.get("DPoP-Nonce") ?? this.#nonce;
    const date = Date.parse(headers.get("Date"));
    if (date) this.#ahead = date - Date.now();
    const token = RENEWED.map((name) => headers.get(name)).find(Boolean);
    if (token && this.token) this.#renew(token);
  }

  async #renew(token) {
    this.token = token;
    this.about = { ...this.about, token };
    try {
      await keep("key", this.#name, { pair: this.#pair, jwk: this.#jwk, token, about: this.about });
    } catch {
      // The older one that is kept is good for weeks; the next answer brings another.
    }
  }

  /** The server's time, Unix milliseconds, up to a second behind: the clock of a phone may be off. */
  now() {
    return Date.now() + this.#ahead;
  }

  /** The headers that prove one POST. */
  async headers(path, body) {
    const claims = {
      jti: crypto.randomUUID(),
      iat: Math.floor(Date.now() / 1000),
      htm: "POST",
      htu: location.origin + path,
      bd: base64url(await sha256(body)),
    };
    if (this.#nonce) claims.nonce = this.#nonce;
    if (this.token) claims.ath = base64url(await sha256(this.token));
    const headers = { DPoP: await this.#sign(claims) };
    if (this.token) headers.Authorization = `DPoP ${this.token}`;
    return headers;
  }

  async #sign(claims) {
    const head = { typ: "dpop+jwt", alg: "ES256", jwk: this.#jwk };
    const utf8 = new TextEncoder();
    const part = (json) => base64url(utf8.encode(JSON.stringify(json)));
    const signed = `${part(head)}.${part(claims)}`;
    const signature = await crypto.subtle.sign(SIGNATURE, this.#pair.privateKey, utf8.encode(signed));
    return `${signed}.${base64url(signature)}`;
  }
}
