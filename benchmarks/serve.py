"""How fast `sentibp serve` answers, whether its memory stays flat, and what malformed requests do to it (Linux).

    python benchmarks/serve.py load        # requests a second and latency by texts in a request and number of clients
    python benchmarks/serve.py memory      # 100,000 requests, some with explanations, from four clients
    python benchmarks/serve.py malformed   # 10,000 malformed requests: no traceback, and it still answers
    python benchmarks/serve.py all --small # a hundredth of each

The clients are threads of this process; they share the cores with the server. Reviews have 100 words, in `memory` most
have up to 100 characters. `memory` and `malformed` end with exit code 1 if memory, handles or threads grow (as in
long_runs.py), if an answer is missing or no JSON, or if the server prints anything.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import statistics
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from long_runs import LOOKS, TEXT, Look, is_flat, look, text
from serving import EXPLAIN, Served, malformed, refusals

SECONDS = 5.0  # for each row of the load test
CLIENTS = 4


def load(model: str, seconds: float) -> bool:
    chance = random.Random(0)
    print("| Texts in a request | Clients | Requests a second | Texts a second | Median, ms | 99 %, ms |")
    print("| --- | --- | --- | --- | --- | --- |")
    with Served("-m", model) as server:
        for size in 1, 10, 100:
            texts = [" ".join(chance.choices(TEXT.split(), k=100)) for _ in range(size)]
            for clients in 1, 8:
                times = measured(server, texts[0] if size == 1 else texts, clients, seconds)
                rate = len(times) / seconds
                p50, p99 = (1e3 * statistics.quantiles(times, n=100)[at] for at in (49, 98))
                print(f"| {size} | {clients} | {rate:,.0f} | {rate * size:,.0f} | {p50:.1f} | {p99:.1f} |", flush=True)
    return True


def measured(server: Served, value: str | list[str], clients: int, seconds: float) -> list[float]:
    """Return the time of each request that clients send one after the other."""
    body = json.dumps(value)
    times: list[float] = []

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        post(connection, body)
        start = time.perf_counter()
        while (before := time.perf_counter()) < start + seconds:
            post(connection, body)
            times.append(time.perf_counter() - before)
        connection.close()

    run(clients, client)
    return times


def post(connection: http.client.HTTPConnection, body: str, path: str = "/predict") -> bytes:
    connection.request("POST", path, body.encode(), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    content = answer.read()
    if answer.status != 200:
        raise SystemExit(f"{answer.status}: {content!r}")
    return content


def run(count: int, function) -> None:
    threads = [threading.Thread(target=function) for _ in range(count)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()


def memory(model: str, count: int) -> bool:
    """Send short texts; one request in ten wants an explanation, and one in a thousand has 200 longer texts."""
    found: list[Look] = []
    done = 0

    def client() -> None:
        chance = random.Random(threading.get_ident())
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        for number in range(count // LOOKS // CLIENTS):
            path = EXPLAIN if number % 10 == 0 else "/predict"
            texts = [text(chance) for _ in range(200)] if number % 1000 == 500 else text(chance)[:100]
            post(connection, json.dumps(texts), path)
        connection.close()

    with Served("-m", model) as server:
        for _ in range(LOOKS):
            run(CLIENTS, client)
            done += CLIENTS * (count // LOOKS // CLIENTS)
            found.append(look(server.process.pid, done))
        return is_flat(found) and len(server.lines) == 1


def malicious(model: str, count: int) -> bool:
    """Send malformed requests, each on a connection of its own."""
    statuses: dict[int, int] = {}
    found: list[Look] = []
    chance = random.Random(1)
    with Served("-m", model, "--timeout", "2") as server:
        for number in range(1, count + 1):
            received = refusals(server.send(malformed(chance, server.port)))
            for status in received:
                statuses[status] = statuses.get(status, 0) + 1
            if not received:
                statuses[0] = statuses.get(0, 0) + 1  # such as a request that was cut off
            if number % max(count // LOOKS, 1) == 0:
                found.append(look(server.process.pid, number))
        print(dict(sorted(statuses.items())), "(0: closed without an answer)")
        healthy = server.ask("I love this movie").status == 200
        print(*server.lines[1:], sep="\n")
        return healthy and len(server.lines) == 1 and is_flat(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["load", "memory", "malformed", "all"])
    parser.add_argument("--model", default="builtin")
    parser.add_argument("--small", action="store_true")
    given = parser.parse_args()
    share = 100 if given.small else 1
    good = True
    for name, function, amount in (
        ("load", load, max(SECONDS / share, 0.5)),
        ("memory", memory, 100_000 // share),
        ("malformed", malicious, 10_000 // share),
    ):
        if given.what in (name, "all"):
            good &= function(given.model, amount)
    sys.exit(not good)


if __name__ == "__main__":
    main()
