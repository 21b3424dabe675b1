"""A bounded load test: every target gets the same requests from a few clients; any failure fails the build."""

import sys
import threading
import time
from urllib.request import urlopen

CLIENTS, REQUESTS = 4, 100


def client(target: str, took: list[float], failures: list[str]) -> None:
    """Send one client's share of the requests."""
    for number in range(REQUESTS // CLIENTS):
        started = time.perf_counter()
        try:
            with urlopen(f"{target}/?name=visitor{number}", timeout=5) as answer:
                if f"visitor{number}".encode() not in answer.read():
                    failures.append("wrong page")
        except OSError as problem:
            failures.append(str(problem))
        took.append(time.perf_counter() - started)


def hammer(target: str) -> bool:
    """Whether the target answered everything."""
    took: list[float] = []
    failures: list[str] = []
    threads = [threading.Thread(target=client, args=(target, took, failures)) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took.sort()
    print(f"{target}: {len(took)} requests, p50 {took[len(took) // 2] * 1000:.1f} ms, {len(failures)} failed")
    for failure in failures[:3]:
        print(f"  {failure}")
    return not failures


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: hammer.py http://HOST:PORT ...")
    sys.exit(0 if all([hammer(target) for target in sys.argv[1:]]) else 1)
