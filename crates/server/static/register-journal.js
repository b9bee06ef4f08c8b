// The journal of a register: each request is on disk before it is sent, and stays open until its
// outcome is known. Nobody decides by hand what became of it.
//
//   keep → send → (no outcome) ask by id, send again while it is valid → after its end: reverse
//
// The same loop ends what a reload, a closed lid, a lost network or a dead server left open. Only
// one tab runs it: see `alone`.

import { Refused, Unreachable, newRequestId } from "./page.js";
import { all, drop, keep } from "./kept.js";

/** Milliseconds: until when a request is decided, and that of an order. */
const VALID_MS = 30_000;
const ORDER_MS = 240_000;
/** How much later nothing is decided any more, whatever the clocks say. */
const MARGIN_MS = 3_000;
/** What must be left to send the same request again. */
const AGAIN_MS = 5_000;
/** How long one answer is waited for. */
const ANSWER_MS = 5_000;
const QUERY_MS = 3_000;
const QUERY_FIRST_MS = 500;
/** How often an order is looked at while the customer has it. */
const WATCH_MS = 1_000;
/** How many refused queries after the end are enough to reverse. */
const REFUSED_MAX = 3;
const KEPT_DAYS = 30;
const ACKNOWLEDGED_MAX = 100;
const DAY_MS = 86_400_000;

const PATHS = {
  pay: "/v1/payments",
  authorize: "/v1/payments",
  order: "/v1/orders",
  top_up: "/v1/top-ups",
  capture: "/v1/captures",
  void: "/v1/voids",
  refund: "/v1/refunds",
  reverse: "/v1/reversals",
};
/** These say that the request as it stands will never be decided. */
const HOPELESS = [400, 413, 415, 422];
/** Nothing was decided, and will not be before a clerk does something. */
const UNDECIDED = ["clerk_must_sign_in", "second_clerk_must_sign_in", "shift_must_be_open"];
const isNeverDecided = ({ status, refusal }) => HOPELESS.includes(status) || UNDECIDED.includes(refusal);

const isFinal = (answer) => answer.outcome === "succeeded" || answer.outcome === "declined";

/**
 * Waits until no other tab of this browser is the register, and stays it until the page is left.
 * `elsewhere` is called where another one is.
 */
export function alone(elsewhere) {
  return new Promise((ours) => {
    const hold = () => {
      ours();
      return new Promise(() => {});
    };
    navigator.locks.request("till", { ifAvailable: true }, (lock) => {
      if (lock) return hold();
      elsewhere();
      navigator.locks.request("till", hold);
      return null;
    });
  });
}

export class Journal {
  #terminal;
  #hear;
  #entries;
  #waits = new Set();

  /**
   * `hear` has `asked`, `unsure`, `shown` and `settled`, each of an entry, and `trouble`, of an
   * error, or null where the server answered.
   */
  constructor(terminal, entries, hear) {
    this.#terminal = terminal;
    this.#hear = hear;
    this.#entries = new Map(entries.map((entry) => [entry.id, entry]));
  }

  /** The journal that this browser keeps for the terminal; old entries are dropped. */
  static async load(terminal, hear) {
    const kept = await all("journal");
    const dropped = Date.now() - KEPT_DAYS * DAY_MS;
    const isOld = (entry) => entry.state !== "open" && entry.acknowledged && entry.at < dropped;
    for (const entry of kept.filter(isOld)) await drop("journal", entry.id);
    const ours = kept.filter((entry) => entry.terminal === terminal.id && !isOld(entry));
    return new Journal(terminal, ours, hear);
  }

  /** Goes on with what is open. Answers when all of it is settled. */
  async resume() {
    await Promise.all(this.open().map((entry) => this.#resolve(entry, false)));
    await this.acknowledge();
  }

  open() {
    return [...this.#entries.values()].filter((entry) => entry.state === "open");
  }

  /** Everything that was kept, oldest first. */
  entries() {
    return [...this.#entries.values()].sort((one, other) => one.at - other.at);
  }

  /** What is kept of a request. */
  of(id) {
    return this.#entries.get(id);
  }

  /**
   * Keeps a request, sends it, and answers with its entry when it is settled. `body` is what is
   * sent, without request id and end; `about` is what the register wants to know of it later.
   */
  async ask(kind, body, about) {
    const id = newRequestId();
    const at = this.#terminal.now();
    const until = at + (kind === "order" ? ORDER_MS : VALID_MS);
    const end = kind === "reverse" ? {} : { valid_until: new Date(until).toISOString() };
    const sent = { request_id: id, ...body, ...end };
    const entry = { ...about, id, kind, at, until, body: sent, state: "open", acknowledged: false };
    entry.terminal = this.#terminal.id;
    try {
      await this.#write(entry);
    } catch (error) {
      // What cannot be kept is not sent.
      entry.state = "dropped";
      this.#hear.settled(entry);
      throw error;
    }
    this.#entries.set(id, entry);
    this.#hear.asked(entry);
    await this.#resolve(entry, true);
    return entry;
  }

  /** Takes an open request back, whatever becomes of it. */
  async undo(entry, by) {
    if (entry.state !== "open" || entry.undo) return;
    entry.undo = { id: newRequestId(), by };
    await this.#write(entry);
    this.nudge();
  }

  /** Has everything that waits go on at once. */
  nudge() {
    for (const go of this.#waits) go();
  }

  /** Tells the server which outcomes are known here. */
  async acknowledge() {
    const known = this.entries().filter((entry) => entry.state !== "open" && !entry.acknowledged);
    // A withdrawn request has two outcomes.
    const batch = known.slice(0, ACKNOWLEDGED_MAX / 2);
    if (batch.length === 0) return;
    const ids = batch.flatMap((entry) => (entry.undo ? [entry.id, entry.undo.id] : [entry.id]));
    await this.#terminal.post("/v1/acknowledgements", { request_ids: ids });
    for (const entry of batch) {
      entry.acknowledged = true;
      await this.#write(entry);
    }
    if (batch.length < known.length) await this.acknowledge();
  }

  async #resolve(entry, isNew) {
    let isToSend = isNew || entry.kind === "reverse";
    let refused = 0;
    if (!isNew && entry.order) this.#hear.shown(entry);
    else if (!isNew && entry.kind === "order") await this.#drop(entry);
    else if (!isNew) this.#hear.unsure(entry);
    while (entry.state === "open" && !entry.undo) {
      let wait = entry.order ? WATCH_MS : QUERY_MS;
      try {
        const answer = isToSend ? await this.#send(entry) : await this.#query(entry.id);
        this.#hear.trouble(null);
        if (isFinal(answer) && !entry.undo) return await this.#close(entry, answer);
        if (this.#isOver(entry)) await this.undo(entry, "register");
        isToSend = this.#isToSendAgain(entry);
        if (isToSend) wait = 0;
      } catch (error) {
        this.#hear.trouble(error);
        if (entry.kind === "order" && !entry.order) return await this.#drop(entry, error);
        if (error instanceof Refused) {
          wait = Math.max(wait, waitOf(error));
          if (this.#isOver(entry)) refused += 1;
          const isHopeless = isToSend && isNeverDecided(error);
          entry.trouble = error.refusal;
          if (isHopeless || refused >= REFUSED_MAX) await this.undo(entry, "register");
        } else if (isToSend) {
          wait = QUERY_FIRST_MS;
        }
        isToSend = entry.kind === "reverse";
        this.#hear.unsure(entry);
      }
      if (!entry.undo) await this.#wait(wait);
    }
    if (entry.undo) await this.#reverse(entry);
  }

  /** Reverses under the id that was kept for it, until that is final; then asks what is left. */
  async #reverse(entry) {
    this.#hear.unsure(entry);
    while (entry.state === "open") {
      let wait = QUERY_MS;
      try {
        if (!entry.undo.answer) {
          const body = { request_id: entry.undo.id, target_request_id: entry.id };
          if (entry.kind === "top_up") body.clerk_session = entry.body.clerk_session;
          const answer = await this.#terminal.post(PATHS.reverse, body, ANSWER_MS);
          if (!isFinal(answer)) throw new Unreachable(PATHS.reverse);
          entry.undo.answer = answer;
          await this.#write(entry);
        }
        const answer = await this.#query(entry.id);
        this.#hear.trouble(null);
        if (isFinal(answer)) return await this.#close(entry, answer);
      } catch (error) {
        this.#hear.trouble(error);
        if (error instanceof Refused) wait = Math.max(wait, waitOf(error));
        if (error instanceof Refused && UNDECIDED.includes(error.refusal)) await this.#letStand(entry);
      }
      if (entry.state === "open") await this.#wait(wait);
    }
  }

  /** Cash that cannot be given back now was taken: it stands, and a clerk gives it back by hand. */
  async #letStand(entry) {
    try {
      const answer = await this.#query(entry.id);
      if (!isFinal(answer)) return;
      delete entry.undo;
      await this.#close(entry, answer);
    } catch (error) {
      this.#hear.trouble(error);
    }
  }

  async #send(entry) {
    const answer = await this.#terminal.post(PATHS[entry.kind], entry.body, ANSWER_MS);
    if (entry.kind === "order") {
      if (!answer.payload) throw new Refused(200, answer);
      // From here on a customer may have seen it.
      entry.order = answer;
      await this.#write(entry);
      this.#hear.shown(entry);
    }
    return answer;
  }

  #query(id) {
    return this.#terminal.get(`/v1/requests/${id}`, ANSWER_MS);
  }

  #isOver(entry) {
    return entry.kind !== "reverse" && this.#terminal.now() > entry.until + MARGIN_MS;
  }

  #isToSendAgain(entry) {
    if (entry.kind === "reverse") return true;
    return entry.kind !== "order" && this.#terminal.now() < entry.until - AGAIN_MS;
  }

  async #close(entry, answer) {
    const { undo } = entry;
    const isUndone = undo?.answer?.outcome === "succeeded";
    const isTombstone = answer.refusal?.name === "reversed_before_arrival";
    const isGone = isUndone && (answer.outcome === "succeeded" || isTombstone);
    entry.answer = answer;
    entry.state = isGone ? "undone" : answer.outcome;
    // Spent, dead or over; nobody needs it any more.
    delete entry.body.code;
    delete entry.body.clerk_session;
    delete entry.body.second_clerk_session;
    delete entry.order;
    try {
      await this.#write(entry);
    } finally {
      this.#hear.settled(entry);
    }
  }

  /** An order that nobody has seen. */
  async #drop(entry, error) {
    this.#entries.delete(entry.id);
    await drop("journal", entry.id);
    entry.state = "dropped";
    entry.trouble = error?.refusal ?? "";
    this.#hear.settled(entry);
  }

  #write(entry) {
    return keep("journal", entry.id, entry);
  }

  #wait(milliseconds) {
    return new Promise((done) => {
      const go = () => {
        clearTimeout(timer);
        this.#waits.delete(go);
        done();
      };
      const timer = setTimeout(go, milliseconds);
      this.#waits.add(go);
    });
  }
}

/** How long the server wants to be left alone, milliseconds. */
function waitOf(refused) {
  const seconds = Number(refused.headers?.get("Retry-After"));
  return Number.isFinite(seconds) ? seconds * 1000 : 0;
}
