"""Overload for real: what is left out, in which order, and that it comes back; and who is admitted."""
import contextlib
import json
import os
import subprocess
import sys
import urllib.request

from world import FAST, Camera, Directory, Hub, camera_config, run_tests, until

# Quick steps, and a busy CPU alone counts: whether frames come late depends on how fast the machine is.
QUICK = ("governor: {cpu_high: 0.93, cpu_low: 0.92, late_high: 0, overload_seconds: 1, step_seconds: 4, recover_seconds: 2, "
         "quiet_seconds: 3, quiet_scale: 0.2, all_scale: 0.2}\n")
RECOVER_SECONDS = 300  # on a machine with other work


@contextlib.contextmanager
def load():
    """More than the processors can do, for as long as the `with`."""
    burners = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2 * os.cpu_count() + 2)]
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
        for burner in burners:
            burner.wait()


def metric(hub, name):
    request = urllib.request.Request(hub.address + "/metrics", headers={"Authorization": f"Bearer {hub.token}"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        lines = answer.read().decode().splitlines()
    return float(next(line.split()[-1] for line in lines if line.startswith(name + " ")))


def levels(hub):
    """The levels that signals told of, oldest first."""
    payloads = [event["payload"] for event in reversed(hub.events("type=signal&limit=500"))]
    return [payload["attributes"]["level"] for payload in payloads if payload["kind"] in ("overload", "overload_ended")]


def overload_sheds_in_order_and_comes_back():
    with Directory() as directory, Camera(directory, "scene://gate", "scene://empty") as camera:
        quiet = camera.url.replace("gate", "empty")
        config = FAST + QUICK + "cameras:\n" + camera_config("busy", camera.url) + camera_config("quiet", quiet, False)
        with Hub(directory, config) as hub:
            until(lambda: hub.online() == {"busy", "quiet"}, "both cameras are online")
            with load():
                until(lambda: metric(hub, "vedette_overload_level") == 3, "everything that may be left out is")
                component = hub.request("/health")["components"]["capacity"]
                assert component["status"] == "degraded" and "overload (cpu" in component["reason"], component
                until(lambda: 0 < hub.cameras()["busy"]["health"]["analysed_fps"] <= 5, "the busy camera is analysed less")
            until(lambda: metric(hub, "vedette_overloaded") == 0, "the overload is over", RECOVER_SECONDS)
            told = until(lambda: len(levels(hub)) >= 6 and levels(hub), "each step was told")
            assert told[:3] == [1, 2, 3] and told[-3:] == [2, 1, 0], told
            assert all(abs(a - b) == 1 for a, b in zip(told, told[1:])), told
            for camera_id in ("busy", "quiet"):
                assert hub.cameras()[camera_id]["health"]["records_dropped"] == 0


def room_is_told_and_new_cameras_are_admitted_by_it():
    with Directory() as directory, Camera(directory, "scene://gate") as camera:
        (directory / "data").mkdir(mode=0o700)
        # As the run before left it: two cameras that take almost all there is.
        cores = len(os.sched_getaffinity(0))
        memory = {"cameras": ["a", "b"], "camera_cores": cores * 0.7, "camera_bytes": 1, "other_cores": 0, "other_bytes": 0}
        (directory / "data" / "governor.json").write_text(json.dumps(memory))
        config = "governor: {admission: refuse}\n" + FAST + "cameras:\n"
        config += "".join(camera_config(name, camera.url, False) for name in ("a", "b", "c"))
        with Hub(directory, config) as hub:
            until(lambda: hub.online() == {"a", "b"}, "those that were there before run")
            health = hub.cameras()["c"]["health"]
            assert "refused: there is room for 0 new cameras" in health["last_error"], health
            component = until(lambda: "room for" in (hub.request("/health")["components"]["capacity"].get("reason", ""))
                              and hub.request("/health")["components"]["capacity"], "headroom is told")
            print("# " + component["reason"])
            assert metric(hub, "vedette_camera_cores") > 0 and metric(hub, "vedette_camera_bytes") > 0
            until(lambda: json.loads((directory / "data" / "governor.json").read_text())["camera_bytes"] > 1,
                  "what cameras cost is remembered")
        with Hub(directory, config.replace("refuse", "off"), name="again") as hub:
            until(lambda: hub.online() == {"a", "b", "c"}, "all run where nobody counts")


if __name__ == "__main__":
    sys.exit(run_tests([
        ("overload sheds in order and comes back", overload_sheds_in_order_and_comes_back),
        ("room is told, and new cameras are admitted by it", room_is_told_and_new_cameras_are_admitted_by_it),
    ]))
