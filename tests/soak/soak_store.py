"""A store that goes away again and again, and workers that die: nothing that was accepted may be lost.

    make soak-store [SOAK_SECONDS=600]

Eight RTSP cameras in four workers. In turn the store is locked by another program, its disk is filled, its directory is
moved away, and a worker is killed; in between everything runs. Whoever watches the page is told of each record when the
hub has accepted it: at the end every record that was told must be in the store. Ends with 1 when one is missing, when a
camera of another worker noticed, when something did not recover by itself, or when the hub's memory grows by more than
RSS_SLOPE_MAX_MB_AN_HOUR. Filling the disk needs the right to mount a tmpfs; without it that is left out, and said.
"""
import base64
import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time

from soak_world import finish, metrics, pss_mb, serve, slope_an_hour
from world import FAST, Directory, Hub, camera_config, until

CAMERAS, WORKERS, FPS = 8, 4, 10
DISK_MB = 192
OUTAGE_SHARE = 0.06  # of the whole time, each outage
SECONDS_MIN = 120  # with less the outages are too short to tell anything
RECOVER_SECONDS_MAX = 60
SETTLE_SHARE = 0.3  # memory is looked at after so much of the time, but after three minutes at the latest
RSS_SLOPE_MAX_MB_AN_HOUR = 2


class Page(threading.Thread):
    """Somebody who watches the page: the ids of all records that were told. Comes back when it is thrown out."""

    def __init__(self, hub):
        super().__init__(daemon=True)
        self.hub, self.ids, self.connects, self.is_over = hub, set(), 0, False
        self.start()

    def run(self):
        while not self.is_over:
            try:
                self.watch()
            except OSError:
                pass
            time.sleep(0.2)  # before the next try

    def watch(self):
        host, port = self.hub.address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=90) as connection:
            key = base64.b64encode(os.urandom(16)).decode()
            connection.sendall(f"GET /ws HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                               f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
                               f"Authorization: Bearer {self.hub.token}\r\n\r\n".encode())
            stream = connection.makefile("rb")
            if b" 101 " not in stream.readline():
                return
            while stream.readline() not in (b"\r\n", b""):
                pass
            self.connects += 1
            while self.take_frame(connection, stream):
                pass

    def take_frame(self, connection, stream):
        head = stream.read(2)
        if len(head) < 2 or head[0] & 15 == 8:
            return False
        length = head[1] & 127
        if length > 125:
            length = int.from_bytes(stream.read(2 if length == 126 else 8), "big")
        payload = stream.read(length)
        if head[0] & 15 == 9:  # ping; clients mask
            connection.sendall(bytes([0x8A, 0x80 | length, 0, 0, 0, 0]) + payload)
        elif head[0] & 15 == 1:
            message = json.loads(payload)
            if message["type"] == "event":
                self.ids.add(message["data"]["id"])
        return True


class Locked:
    """Another program holds the store's lock."""

    def __init__(self, data):
        self.path = data / "vedette.db"

    def __enter__(self):
        self.connection = sqlite3.connect(self.path, isolation_level=None, timeout=30)
        self.connection.execute("BEGIN EXCLUSIVE")
        return self

    def hold(self):
        pass

    def __exit__(self, *_):
        self.connection.execute("ROLLBACK")
        self.connection.close()


class Full:
    """No byte is left on the disk of the store and of the spool."""

    def __init__(self, data):
        self.path = data.resolve().parent / "ballast"

    def __enter__(self):
        self.hold()
        return self

    def hold(self):
        """Also takes what the spool gave back of its reserve, and what was freed otherwise."""
        with open(self.path, "ab", buffering=0) as ballast:
            for size in (1 << 20, 4096):
                with contextlib.suppress(OSError):
                    while ballast.write(bytes(size)) == size:
                        pass

    def __exit__(self, *_):
        self.path.unlink()


class MovedAway:
    """The directory with the store and the spool has another name."""

    def __init__(self, data):
        self.path, self.away = data.resolve(), data.resolve().parent / "away"

    def __enter__(self):
        self.path.rename(self.away)
        return self

    def hold(self):
        pass

    def __exit__(self, *_):
        made_meanwhile = self.path.exists()
        assert not made_meanwhile, f"something was made in the place of the data directory: {list(self.path.iterdir())}"
        self.away.rename(self.path)


class Soak:
    def __init__(self, hub, server, data, seconds, can_fill):
        self.hub, self.server, self.data, self.seconds = hub, server, data, seconds
        self.outages = [Locked, Full, MovedAway] if can_fill else [Locked, MovedAway]
        self.faults, self.memory, self.page = set(), [], Page(hub)
        self.start = time.monotonic()

    def elapsed(self):
        return time.monotonic() - self.start

    def queued(self):
        return metrics(self.hub)["spool_memory_records"] + metrics(self.hub)["spool_disk_records"]

    def wait_calm(self, what, since):
        """Until nothing waits and all cameras are on line; how long that took."""
        try:
            until(lambda: self.hub.child.poll() is None and not self.queued() and len(self.hub.online()) == CAMERAS, what,
                  RECOVER_SECONDS_MAX)
        except AssertionError as error:
            self.faults.add(f"{error} within {RECOVER_SECONDS_MAX} s: {self.queued():.0f} records wait, "
                            f"{len(self.hub.online())} cameras are on line")
        assert self.server.child.poll() is None, f"the cameras' server ended by itself: {self.server.log()[-2000:]}"
        return time.monotonic() - since

    def run_on(self, seconds):
        """Everything runs; looks at the memory while nothing waits."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            settle = min(self.seconds * SETTLE_SHARE, 180)
            if self.elapsed() > settle and not self.queued():
                self.memory.append((self.elapsed(), pss_mb([self.hub.child.pid])))
            time.sleep(1)  # between looks

    def kill_during_outage(self, number):
        """A worker comes back while the store is away."""
        before = self.hub.workers()
        victim = before[number % len(before)]
        os.kill(victim, signal.SIGKILL)
        until(lambda: len(self.hub.workers()) == WORKERS and victim not in self.hub.workers(),
              "a worker is started anew while the store is away")

    def go_without_store(self, outage, seconds, number):
        told = len(self.page.ids)
        worst = 0
        with outage(self.data) as current:
            end = time.monotonic() + seconds
            self.kill_during_outage(number)
            while time.monotonic() < end and self.hub.child.poll() is None:
                assert self.hub.text("/health/live"), "it answers"
                worst = max(worst, self.queued())
                current.hold()
                time.sleep(0.5)  # between looks
        took = self.wait_calm(f"after {outage.__name__} it recovers", time.monotonic())
        print(f"# {outage.__name__}: {seconds:.0f} s, {worst:.0f} records waited, {len(self.page.ids) - told} were accepted, "
              f"recovered in {took:.1f} s", flush=True)

    def kill_worker(self, number):
        before = self.hub.workers()
        victim = before[number % len(before)]
        os.kill(victim, signal.SIGKILL)
        since = time.monotonic()
        until(lambda: len(self.hub.workers()) == WORKERS and victim not in self.hub.workers(), "the worker is started anew")
        if not set(before) - {victim} <= set(self.hub.workers()):
            self.faults.add("another worker was started anew")
        gone = CAMERAS - len(self.hub.online())
        if gone > CAMERAS // WORKERS:
            self.faults.add(f"{gone} cameras went off line with one worker of {CAMERAS // WORKERS}")
        took = self.wait_calm("its cameras come back", since)
        print(f"# worker {number + 1} killed: its cameras were back in {took:.1f} s", flush=True)

    def run(self):
        until(lambda: len(self.hub.online()) == CAMERAS and self.page.ids, "all cameras are on line and records come")
        outage_seconds = self.seconds * OUTAGE_SHARE
        turns = 0
        while turns < WORKERS or self.elapsed() < self.seconds:
            self.run_on(outage_seconds / 2)
            self.go_without_store(self.outages[turns % len(self.outages)], outage_seconds, turns + 1)
            self.run_on(outage_seconds / 2)
            self.kill_worker(turns)
            turns += 1
        self.run_on(outage_seconds / 2)
        self.numbers = metrics(self.hub)

    def judge(self):
        self.page.is_over = True
        if self.hub.stop() != 0:
            self.faults.add("the hub did not stop cleanly")
        with contextlib.closing(sqlite3.connect(f"file:{self.data}/vedette.db?mode=ro", uri=True)) as store:
            stored = {row[0] for row in store.execute("SELECT id FROM events")}
        missing = self.page.ids - stored
        print(f"# {len(self.page.ids)} records were told as accepted ({self.page.connects} connections), {len(stored)} are "
              f"stored, {len(missing)} are missing")
        if missing or not self.page.ids:
            self.faults.add(f"{len(missing)} accepted records are not in the store: {sorted(missing)[:5]}")
        for loss in ("spool_dropped", "spool_expired", "spool_corrupt"):
            if self.numbers[loss]:
                self.faults.add(f"{self.numbers[loss]:.0f} records: {loss}")
        slope = slope_an_hour(self.memory)
        if self.memory:
            print(f"# memory of the hub {self.memory[0][1]:.1f} MB, at the end {self.memory[-1][1]:.1f} MB, slope {slope:+.2f} MB "
                  f"an hour over {len(self.memory)} looks")
        if slope > RSS_SLOPE_MAX_MB_AN_HOUR and self.seconds >= 600:
            self.faults.add(f"memory grows by {slope:.2f} MB an hour")


def make_disk(directory):
    """A small disk of its own for the data directory, which is a link to it. False: not allowed."""
    disk = directory / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "vedette-soak", disk], check=False,
                             capture_output=True).returncode == 0
    (disk / "data").mkdir()
    (directory / "data").symlink_to(disk / "data")
    return mounted


def soak(seconds):
    with Directory() as directory:
        can_fill = make_disk(directory)
        if not can_fill:
            print("# the disk is not filled: mounting a tmpfs is not allowed")
        try:
            server, urls = serve(directory, "calm", CAMERAS, FPS)
            # small files, so that some are made and removed during every outage
            config = FAST + f"spool: {{file_bytes: 65536}}\nworkers: {{count: {WORKERS}}}\ncameras:\n"
            config += "".join(camera_config(f"camera-{i}", url) for i, url in enumerate(urls))
            with server, Hub(directory, config) as hub:
                soak = Soak(hub, server, directory / "data", max(seconds, SECONDS_MIN), can_fill)
                soak.run()
                soak.judge()
            return finish(soak.faults, hub)
        finally:
            if can_fill:
                subprocess.run(["umount", "-l", directory / "disk"], check=False)


if __name__ == "__main__":
    sys.exit(soak(float(os.environ.get("SOAK_SECONDS", 600))))
