#!/usr/bin/env python3
"""A register of Yaoki, in the standard library of Python 3.9 and later (Linux, macOS).

Read it beside docs/guides/register.md. A request is written to a journal before it is sent, and
is open there until its outcome is known. Whatever happens in between (silence, a lost network, a
killed process), `settle` finds out what became of it, or undoes it; no charge is ever asked for
under a second request id.
"""

import argparse
import datetime
import fcntl
import hashlib
import hmac
import http.client
import json
import os
import pathlib
import secrets
import sys
import time
import urllib.parse
import uuid
from typing import NamedTuple, Optional

ANSWER_SECONDS = 5  # Without an answer for so long, a request is unknown.
QUERY_SECONDS = 3  # So often an unknown request is asked about.
VALID_SECONDS = 45  # The server allows 60; the rest is for clocks that differ.
ORDER_SECONDS = 240  # The server allows 300.


class Unanswered(Exception):
    """Nobody knows yet: silence, a broken connection, or an answer that says "later"."""

    def __init__(self, why: str, wait_seconds: int = 0):
        super().__init__(why)
        self.wait_seconds = max(wait_seconds, QUERY_SECONDS)


class Refused(Exception):
    """Not recorded, and asking again does not help: the request or the set-up is to be mended."""


class Result(NamedTuple):
    """What became of a request, with the server's record: that of the reversal where reversed."""

    outcome: str  # `succeeded`, `declined`, or `reversed`: then no charge stands.
    request_id: str
    operation: dict


class Journal:
    """The open requests, as lines of JSON. A line is on the disk before anything is sent."""

    def __init__(self, path: str):
        file = pathlib.Path(path)
        is_new = not file.exists()
        self.file = os.fdopen(os.open(file, os.O_RDWR | os.O_CREAT, 0o600), "r+b")
        # A second process would take requests that are under way for lost ones.
        fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if is_new:
            folder = os.open(file.parent, os.O_RDONLY)
            os.fsync(folder)
            os.close(folder)
        self.open = {}
        self.reversals = {}  # By what they undo; each with its result where it ended.
        whole = 0
        for line in self.file:
            if not line.endswith(b"\n"):
                break  # The power failed while it was written, so it was never acted on.
            whole += len(line)
            self._take(json.loads(line))
        self.file.seek(whole)
        self.file.truncate()

    def begin(self, path: str, body: dict) -> dict:
        """Keeps a request that is about to be sent."""
        entry = {"request_id": body["request_id"], "path": path, "body": body}
        self._write(entry)
        return entry

    def end(self, result: Result) -> None:
        """Keeps its outcome."""
        self._write(result._asdict())

    def _write(self, line: dict) -> None:
        self.file.write(json.dumps(line).encode() + b"\n")
        self.file.flush()
        os.fsync(self.file.fileno())
        self._take(line)

    def _take(self, line: dict) -> None:
        if "path" in line:
            self.open[line["request_id"]] = line
            if line["path"] == "/v1/reversals":
                self.reversals[line["body"]["target_request_id"]] = line
            return
        begun = self.open.pop(line["request_id"])
        if begun["path"] == "/v1/reversals":
            self.reversals[begun["body"]["target_request_id"]] = line


class Register:
    """One terminal. Every method that moves money returns only when the outcome is final.

    `Refused` or a killed process leave the request in the journal, for `settle`.
    """

    currency = "JPY"

    def __init__(self, url: str, terminal: str, generation: int, key: bytes, journal: Journal):
        parts = urllib.parse.urlsplit(url)
        self.is_tls, self.host = parts.scheme == "https", parts.netloc.lower()
        self.terminal, self.generation, self.key = terminal, generation, key
        self.journal = journal

    # What a register does.

    def pay(self, code: str, amount: int) -> Result:
        """Charges a member's code."""
        return self._do("/v1/payments", {**self._money(amount), "code": code, "capture": "now"})

    def refund(self, payment: str, amount: int) -> Result:
        """Gives a payment back, in part or whole."""
        return self._do("/v1/refunds", {**self._money(amount), "payment": payment})

    def reverse(self, target: str) -> Result:
        """Undoes a request of this terminal, even one that never arrived."""
        begun = self.journal.reversals.get(target)
        if begun is None:
            body = {"request_id": new_id(), "target_request_id": target}
            return self._do("/v1/reversals", body)
        return self._settle_one(begun) if "path" in begun else Result(**begun)

    def order(self, amount: int) -> dict:
        """An order to show: `qr_svg` and `payload`. Pass it to `wait_for_order` next."""
        entry = self.journal.begin("/v1/orders", self._money(amount, ORDER_SECONDS))
        try:
            return self._send("POST", entry["path"], entry["body"])
        except (Unanswered, Refused):
            self._settle_one(entry)  # It was never shown; now nobody can pay it.
            raise

    def wait_for_order(self, order: dict) -> Result:
        """Waits until a member has paid; withdraws it when its time is over, or on Ctrl-C."""
        entry = self.journal.open[order["request_id"]]
        try:
            while not is_over(entry["body"]):
                found = self._found(entry["request_id"])
                if found:
                    return self._end(entry, found)
                time.sleep(2)
        except KeyboardInterrupt:
            say("withdrawing the order")
        return self._settle_one(entry)

    def query(self, request_id: str) -> dict:
        """What became of a request: an operation, or `unknown`, `not_seen`."""
        return self._send("GET", f"/v1/requests/{request_id}")

    def recent(self, unacknowledged: bool = False) -> list:
        """The latest operations of this terminal; or those not acknowledged in ten minutes."""
        query = "limit=20" + ("&unacknowledged=true" if unacknowledged else "")
        return self._send("GET", "/v1/payments", query=query)["operations"]

    def acknowledge(self, results: list) -> int:
        """Says that the shop has these outcomes in its books; how many of them are news."""
        known = {one.request_id for one in results}
        known |= {one.operation["request_id"] for one in results}
        ids, count = sorted(known), 0
        while ids:
            batch, ids = ids[:100], ids[100:]
            answer = self._send("POST", "/v1/acknowledgements", {"request_ids": batch})
            count += answer["acknowledged"]
        return count

    def settle(self) -> list:
        """Finds the outcome of every open request. Call it at every start, before anything else."""
        results = []
        while self.journal.open:  # Settling one may end its reversal, too.
            results.append(self._settle_one(next(iter(self.journal.open.values()))))
        return results

    # How an outcome is found.

    def _money(self, amount: int, seconds: int = VALID_SECONDS) -> dict:
        until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
        return {
            "request_id": new_id(),
            "amount": amount,
            "currency": self.currency,
            "valid_until": until.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }

    def _do(self, path: str, body: dict) -> Result:
        entry = self.journal.begin(path, body)
        try:
            return self._end(entry, self._send("POST", path, body))
        except Unanswered as unknown:
            say(f"unknown, asking: {unknown}")
            time.sleep(unknown.wait_seconds)
        except Refused as refused:
            say(f"not taken: {refused}")
        return self._settle_one(entry)

    def _settle_one(self, entry: dict) -> Result:
        """Asks, sends the very same again while it is valid, then reverses, as long as it takes."""
        while True:
            try:
                if not self._is_undone(entry):
                    found = self._found(entry["request_id"]) or self._again(entry)
                    if found:
                        return self._end(entry, found)
                reversal = self.reverse(entry["request_id"])
                if reversal.outcome == "succeeded":
                    return self._end(entry, reversal.operation, "reversed")
                # It had arrived and cannot be undone, as a refund: its own outcome stands.
                found = self._found(entry["request_id"])
                if found is None:
                    raise Refused(f"neither seen nor undone: {entry} {reversal}")
                return self._end(entry, found)
            except Unanswered as unknown:
                say(f"still unknown: {unknown}")
                time.sleep(unknown.wait_seconds)

    def _is_undone(self, entry: dict) -> bool:
        """Whether undoing it has begun: then its own outcome no longer says who has the money."""
        return entry["request_id"] in self.journal.reversals

    def _again(self, entry: dict) -> Optional[dict]:
        """The answer to the same request once more; none where it must be undone instead."""
        if entry["path"] == "/v1/orders" or is_over(entry["body"]):
            return None
        try:
            return self._send("POST", entry["path"], entry["body"])
        except Refused as refused:
            if entry["path"] == "/v1/reversals":
                raise  # There is nothing after it: the set-up is to be mended.
            say(f"not taken: {refused}")
            return None

    def _found(self, request_id: str) -> Optional[dict]:
        answer = self.query(request_id)
        return None if answer["outcome"] == "unknown" else answer

    def _end(self, entry: dict, operation: dict, outcome: Optional[str] = None) -> Result:
        result = Result(outcome or operation["outcome"], entry["request_id"], operation)
        self.journal.end(result)
        return result

    # How a request is signed and sent.

    def _send(self, method: str, path: str, body: Optional[dict] = None, query: str = "") -> dict:
        sent = b"" if body is None else json.dumps(body).encode()
        authorization = self._authorization(method, path, query, sent)
        headers = {"Host": self.host, "Authorization": authorization, "Connection": "close"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        kind = http.client.HTTPSConnection if self.is_tls else http.client.HTTPConnection
        connection = kind(self.host, timeout=ANSWER_SECONDS)
        try:
            connection.request(method, path + (f"?{query}" if query else ""), sent or None, headers)
            answer = connection.getresponse()
            status, told = answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Unanswered(repr(error)) from error
        finally:
            connection.close()
        if status == 200:
            return told
        why = f"{status} {told.get('refusal')}: {told.get('title')} {told.get('detail')}"
        if status >= 500 or status in (408, 429):
            wait = answer.getheader("Retry-After", "")
            raise Unanswered(why, int(wait) if wait.isdigit() else 0)
        raise Refused(why)

    def _authorization(self, method: str, path: str, query: str, body: bytes) -> str:
        now, digest = str(int(time.time())), hashlib.sha256(body).hexdigest()
        generation = str(self.generation)
        lines = ["yaoki register 1", method, path, query, self.host, generation, now, digest]
        signature = hmac.new(self.key, "\n".join(lines).encode(), hashlib.sha256).hexdigest()
        return (
            f"Yaoki-HMAC-SHA256 terminal={self.terminal}, generation={self.generation}, "
            f"timestamp={now}, signature={signature}"
        )


def new_id() -> str:
    """A UUID of version 7: ids of one register sort by time."""
    bits = int(time.time() * 1000) << 80 | secrets.randbits(80)
    bits = bits & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62
    return str(uuid.UUID(int=bits))


def is_over(body: dict) -> bool:
    """Whether the time in which a request could still be decided has passed."""
    if "valid_until" not in body:
        return False  # A reversal: it is never too late.
    until = datetime.datetime.strptime(body["valid_until"], "%Y-%m-%dT%H:%M:%SZ")
    utc = datetime.timezone.utc
    return datetime.datetime.now(utc) > until.replace(tzinfo=utc)


def say(text: str) -> None:
    """Tells whoever stands at the register; answers alone go to standard output."""
    print(text, file=sys.stderr, flush=True)


COMMANDS = [
    "pay code amount",
    "refund payment amount",
    "order amount",
    "reverse request_id",
    "query request_id",
    "recent",
    "settle",
]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A register of Yaoki.")
    parser.add_argument("--url", required=True, help="of the registers listener")
    parser.add_argument("--terminal", required=True, help="trm_…")
    parser.add_argument("--generation", type=int, default=1, help="of the terminal's key")
    parser.add_argument("--key-file", help="the key in hex [env: YAOKI_TERMINAL_KEY]")
    journal = "register-journal.jsonl"
    parser.add_argument("--journal", default=journal, help="a file of this terminal alone")
    commands = parser.add_subparsers(dest="command", required=True)
    for line in COMMANDS:
        name, *words = line.split()
        command = commands.add_parser(name)
        for word in words:
            command.add_argument(word, type=int if word == "amount" else str)
    return parser.parse_args()


def run(register: Register, asked: argparse.Namespace) -> list:
    """The results of one command, after those of what an earlier run left open."""
    results = register.settle()
    if asked.command == "pay":
        results.append(register.pay(asked.code, asked.amount))
    elif asked.command == "refund":
        results.append(register.refund(asked.payment, asked.amount))
    elif asked.command == "reverse":
        results.append(register.reverse(asked.request_id))
    elif asked.command == "order":
        order = register.order(asked.amount)
        pathlib.Path("order.svg").write_text(order["qr_svg"], encoding="utf-8")
        say(f"show order.svg, or the QR of {order['payload']}")
        results.append(register.wait_for_order(order))
    return results


def main() -> int:
    asked = arguments()
    if asked.key_file:
        text = pathlib.Path(asked.key_file).read_text(encoding="ascii")
    else:
        text = os.environ["YAOKI_TERMINAL_KEY"]
    key = bytes.fromhex(text.strip())
    try:
        journal = Journal(asked.journal)
    except BlockingIOError:
        raise SystemExit(f"another process is this register: it holds {asked.journal}") from None
    register = Register(asked.url, asked.terminal, asked.generation, key, journal)
    try:
        results = run(register, asked)
        for result in results:
            print(json.dumps(result._asdict()))
        if asked.command == "query":
            print(json.dumps(register.query(asked.request_id)))
        if asked.command == "recent":
            print("\n".join(json.dumps(operation) for operation in register.recent()))
        if results:
            register.acknowledge(results)
    except (Unanswered, Refused) as problem:
        say(str(problem))
        return 2
    is_done = asked.command == "settle" or all(one.outcome == "succeeded" for one in results[-1:])
    return 0 if is_done else 1


if __name__ == "__main__":
    sys.exit(main())
