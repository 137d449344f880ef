#!/usr/bin/env python3
"""How long a change of a policy takes until every camera of a server is judged by it: wall time from when somebody sends
it (or writes the store) to when the worker of the last camera has it in force, with a real server, a real camera and its
RTSP streams. `policy_latency.py BUILD [ROUNDS]`.

The baseline is the backstop: another program writes the row of an embedded store, and nobody tells.
"""
import calendar
import json
import os
import pathlib
import re
import sqlite3
import statistics
import sys
import time
import urllib.request

BUILD = pathlib.Path(sys.argv[1]).resolve()
ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 30
os.environ.setdefault("VEDETTE_BINARY", str(BUILD / "vedette"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests/end_to_end"))
from world import Camera, Directory, Hub, until  # noqa: E402

CAMERAS, POLL_SECONDS, BACKSTOP_ROUNDS = 4, 1, 10


def config(url):
    zone = "{id: floor, polygon: [[0.02, 0.1], [0.98, 0.1], [0.98, 0.99], [0.02, 0.99]]}"
    cameras = "".join(f"  - {{id: cam-{number}, source: \"{url}\", zones: [{zone}]}}\n" for number in range(CAMERAS))
    return f"log: {{levels: \"info,worker=debug\"}}\npolicies: {{poll_seconds: {POLL_SECONDS}}}\ncameras:\n{cameras}"


def in_force(hub, revision):
    """Wall times at which workers had it, of all cameras; None: not all have."""
    lines = [line for line in hub.log().splitlines() if f"policies of revision {revision} are in force" in line]
    if len(lines) < CAMERAS:
        return None
    return [wall_seconds(re.search(r"ts=(\S+)Z", line).group(1)) for line in lines]


def wall_seconds(text):
    whole, milliseconds = text.split(".")
    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) + int(milliseconds) / 1000


def change(hub, seconds):
    request = urllib.request.Request(f"{hub.address}/api/v1/policies/safety",
                                     json.dumps({"loitering_seconds": seconds}).encode(),
                                     {"content-type": "application/json", "authorization": f"Bearer {hub.token}"}, method="PUT")
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)["revision"]


def write_row(directory, seconds):
    with sqlite3.connect(directory / "data/vedette.db", timeout=30) as database:
        database.execute("UPDATE service_policies SET config = ?, revision = revision + 1 WHERE policy_type = 'safety'",
                         (json.dumps({"loitering_seconds": seconds}),))
        return database.execute("SELECT revision FROM service_policies WHERE policy_type = 'safety'").fetchone()[0]


def measure(hub, rounds, make):
    """Milliseconds until the last camera has it, of each round."""
    taken = []
    for number in range(rounds):
        began = time.time()
        revision = make(20 + number)
        times = until(lambda revision=revision: in_force(hub, revision), f"revision {revision} is in force")
        taken.append((max(times) - began) * 1000)
    return taken


def main():
    with Directory() as directory, Camera(directory, "scene://shop?fps=10&seed=3") as camera:
        with Hub(directory, config(camera.url)) as hub:
            until(lambda: len(hub.online()) == CAMERAS, "the cameras are on line")
            change(hub, 10)
            told = measure(hub, ROUNDS, lambda seconds: change(hub, seconds))
            found = measure(hub, BACKSTOP_ROUNDS, lambda seconds: write_row(directory, 1000 + seconds))
    print(f"{'what':45} {'median, ms':>10} {'worst, ms':>10} {'rounds':>7}")
    print(f"{f'policy change by API, in force on {CAMERAS} cameras':45} {statistics.median(told):10.0f} {max(told):10.0f} "
          f"{len(told):7}")
    print(f"{f'the same found by polling each {POLL_SECONDS} s':45} {statistics.median(found):10.0f} {max(found):10.0f} "
          f"{len(found):7}")
    print(f"ratio of the medians {statistics.median(told) / statistics.median(found):.2f}")


if __name__ == "__main__":
    main()
