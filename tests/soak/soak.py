"""Many cameras for a long time, some of them bad: the others must not notice, and memory must not grow.

    make soak [SOAK_SECONDS=86400]

Sixteen RTSP cameras at 10 frames a second and four that give 100 frames a second together. Of the sixteen one is
unplugged after a minute, one is slow, one flaps and one sends garbage. Ends with 1 when another camera suffered, or the
memory of hub and workers grew by more than PSS_SLOPE_MAX_MB_AN_HOUR after the third minute, or a bad camera was none:
that the others do not notice it proves nothing then.
"""
import contextlib
import os
import random
import re
import select
import socket
import sqlite3
import sys
import threading
import time

from soak_world import SETTLE_SECONDS, finish, mappings_mb, pss_mb, serve, slope_an_hour
from world import FAST, Directory, Hub, camera_config, until

GOOD, QUICK, FPS, QUICK_FPS = 12, 4, 10, 25
POLL_SECONDS = 5
UNPLUG_SECONDS = 60
UNPLUG_NOTICED_SECONDS = 30  # the hub has told that it is off line
FLAP_SECONDS = 5  # a connection is ended after them
FLAP_SECONDS_MAX = 10  # and the next one begins well within these
PSS_SLOPE_MAX_MB_AN_HOUR = 1
RECORDS_A_MINUTE_MIN = 1  # of each good camera
RATE_MIN = 0.95  # of the frames a good camera sent, so many must be decoded


class Proxy(threading.Thread):
    """Stands between a worker and a camera, and spoils the connection."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.target = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.start()

    def run(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with client, contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.target)) as camera:
            self.carry(client, camera)

    def carry(self, client, camera):
        started = time.monotonic()
        while self.goes_on(time.monotonic() - started):
            for ready in select.select([client, camera], [], [], 0.2)[0]:
                data = ready.recv(65536)
                if not data:
                    return
                (camera if ready is client else client).sendall(data if ready is client else self.spoil(data))

    def goes_on(self, _seconds):
        return True

    def spoil(self, data):
        return data


class Unplugged(Proxy):
    first_seconds = None

    def goes_on(self, _seconds):
        self.first_seconds = self.first_seconds or time.monotonic()
        if time.monotonic() - self.first_seconds < UNPLUG_SECONDS:
            return True
        self.listener.close()
        return False


class Slow(Proxy):
    """What the camera sends is read at once, so that the camera does not give up a client that reads too little, and
    passed on at 4 kB a second, of which a picture takes many."""

    BYTES_A_SECOND, STEP_SECONDS = 4000, 0.2

    def carry(self, client, camera):
        waiting = bytearray()
        while True:
            for ready in select.select([client, camera], [], [], self.STEP_SECONDS)[0]:
                data = ready.recv(65536)
                if not data:
                    return
                if ready is client:
                    camera.sendall(data)
                else:
                    waiting += data
            now = waiting[: int(self.BYTES_A_SECOND * self.STEP_SECONDS)]
            client.sendall(now)
            del waiting[: len(now)]
            time.sleep(self.STEP_SECONDS if now else 0)


class Flapping(Proxy):
    def goes_on(self, seconds):
        return seconds < FLAP_SECONDS


class Garbage(Proxy):
    dice = random.Random(1)

    def spoil(self, data):
        if data.startswith(b"RTSP/"):  # let it get as far as playing
            return data
        spoiled = bytearray(data)
        for _ in range(len(data) // 1000 + 1):
            spoiled[self.dice.randrange(len(data))] = self.dice.randrange(256)
        return bytes(spoiled)


def faults_of_bad(bad, seconds):
    """Why the bad cameras, as the hub tells of them by name, were not bad in so many seconds."""
    health = {name: camera["health"] for name, camera in bad.items()}
    faults = {f"{name} was to be bad and sent nothing" for name in health if health[name]["bytes_received"] == 0}
    faults |= {f"{name} was to be bad and had no errors" for name in ("slow", "garbage")
               if health[name]["errors_count"] + health[name]["decode_errors"] == 0}
    if health["flapping"]["connects"] < seconds / FLAP_SECONDS_MAX:
        faults.add(f"flapping connected only {health['flapping']['connects']} times in {seconds:.0f} s")
    if bad["unplugged"]["online"] and seconds > UNPLUG_SECONDS + UNPLUG_NOTICED_SECONDS:
        faults.add("unplugged is on line")
    return faults


class Watch:
    """What is seen of the hub from poll to poll."""

    def __init__(self, hub, good):
        self.hub, self.good, self.memory, self.faults = hub, good, [], set()
        self.start = time.monotonic()
        self.workers = set(hub.workers())
        self.first = self.mappings = None

    def poll(self):
        seconds = time.monotonic() - self.start
        cameras = self.hub.cameras()
        if set(self.hub.workers()) != self.workers:
            self.faults.add("a worker was started anew")
        for name in self.good:
            if not cameras[name]["online"]:
                self.faults.add(f"{name} went offline")
        if cameras["unplugged"]["online"] and seconds > UNPLUG_SECONDS + UNPLUG_NOTICED_SECONDS:
            self.faults.add("unplugged is on line")
        if seconds >= SETTLE_SECONDS:
            self.look_at_memory(seconds)
        self.first = self.first or (time.monotonic(), self.frames(cameras))
        self.last = (time.monotonic(), self.frames(cameras))
        return cameras

    def look_at_memory(self, seconds):
        pids = [self.hub.child.pid, *self.hub.workers()]
        self.memory.append((seconds, [pss_mb([pid]) for pid in pids]))
        self.mappings = self.mappings or mappings_mb(pids)

    def report_memory(self):
        totals = [(seconds, sum(each)) for seconds, each in self.memory]
        slope = slope_an_hour(totals)
        if slope > PSS_SLOPE_MAX_MB_AN_HOUR:
            self.faults.add(f"memory grows by {slope:.2f} MB an hour")
        if not totals:
            return
        print(f"# PSS of hub and workers {totals[0][1]:.1f} MB, at the end {totals[-1][1]:.1f} MB, slope {slope:+.2f} MB an "
              f"hour over {len(totals)} samples")
        for number in range(len(self.memory[0][1])):
            one = slope_an_hour([(seconds, each[number]) for seconds, each in self.memory])
            print(f"#   {'worker ' + str(number) if number else 'hub'}: {self.memory[0][1][number]:.1f} MB to "
                  f"{self.memory[-1][1][number]:.1f} MB, slope {one:+.2f} MB an hour")
        now = mappings_mb([self.hub.child.pid, *self.hub.workers()])
        grown = sorted(((now[name] - self.mappings.get(name, 0), name) for name in now), reverse=True)
        print("#   grown most: " + ", ".join(f"{name} {size:+.2f} MB" for size, name in grown[:5]))

    def report_records(self, seconds):
        """Each good camera plays the same minute again and again, so each minute has its records."""
        with contextlib.closing(sqlite3.connect(f"file:{self.hub.directory}/data/vedette.db?mode=ro", uri=True)) as store:
            found = dict(store.execute("SELECT camera_id, count(*) FROM events GROUP BY camera_id"))
        wanted = seconds / 60 * RECORDS_A_MINUTE_MIN
        for name in sorted(self.good):
            if found.get(name, 0) < wanted:
                self.faults.add(f"{name} has {found.get(name, 0)} records of at least {wanted:.0f}")
        print(f"# records of each good camera: {min(found.get(name, 0) for name in self.good)} to "
              f"{max(found.get(name, 0) for name in self.good)} in {seconds:.0f} s")

    def frames(self, cameras):
        return {name: cameras[name]["health"]["frames_decoded"] for name in self.good}

    def report(self, cameras):
        seconds = self.last[0] - self.first[0]
        for name in sorted(self.good):
            rate = (self.last[1][name] - self.first[1][name]) / seconds
            wanted = QUICK_FPS if name.startswith("quick") else FPS
            if rate < RATE_MIN * wanted:
                self.faults.add(f"{name} gave {rate:.1f} frames a second of {wanted}")
        for name, camera in sorted(cameras.items()):
            health = camera["health"]
            if name not in self.good:
                print(f"# {name}: {health['state']}, {health['connects']} connects, {health['errors_count']} errors, "
                      f"{health['frames_decoded']} frames; {health.get('last_error', '')}")
        self.faults |= faults_of_bad({name: camera for name, camera in cameras.items() if name not in self.good}, seconds)
        self.report_records(seconds)
        self.report_memory()


def soak(seconds):
    with Directory() as directory:
        server, urls = serve(directory, "calm", GOOD, FPS)
        bad_server, bad_urls = serve(directory, "bad", 4, FPS)
        quick_server, quick_urls = serve(directory, "quick", QUICK, QUICK_FPS)
        with server, bad_server, quick_server:
            bad = {kind.__name__.lower(): re.sub(r":\d+/", f":{kind(bad_server.port).port}/", url)
                   for kind, url in zip((Unplugged, Slow, Flapping, Garbage), bad_urls)}
            good = {f"calm-{i}": url for i, url in enumerate(urls)}
            good |= {f"quick-{i}": url for i, url in enumerate(quick_urls)}
            config = FAST + "workers: {count: 2}\ncameras:\n"
            config += "".join(camera_config(name, url) for name, url in {**good, **bad}.items())
            with Hub(directory, config) as hub:
                until(lambda: set(good) <= hub.online(), "the good cameras are online")
                watch = Watch(hub, set(good))
                end = time.monotonic() + seconds
                while time.monotonic() < end and hub.child.poll() is None:
                    cameras = watch.poll()
                    time.sleep(POLL_SECONDS)
                assert hub.child.poll() is None, f"the hub ended: {hub.log()[-2000:]}"
                watch.report(cameras)
                if hub.stop() != 0:
                    watch.faults.add("the hub did not stop cleanly")
            return finish(watch.faults, hub)


if __name__ == "__main__":
    sys.exit(soak(float(os.environ.get("SOAK_SECONDS", 86400))))
