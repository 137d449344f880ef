"""What stands still is named while every process lives, and is taken back when it moves again."""
import json
import os
import signal
import sqlite3
import sys
import urllib.error

import onnx_file
from world import FAST, Camera, Directory, Hub, Skip, camera_config, run_tests, until, vedette

DEADLINES = "progress: {frames_seconds: 3, analyses_seconds: 3, records_seconds: 3, deliveries_seconds: 3}\n"
# Pictures of the corridor lie above it until they turn dark: with them the model hangs.
LIMIT = 80.0
HANG_SECONDS = 15  # long after analyses_seconds: what is told meanwhile is asked for in several steps


def stalled(hub):
    return hub.cameras()["c"]["health"].get("stalled") or ""


def signals(hub, kind):
    """The stages that signals of this kind name."""
    payloads = [event["payload"] for event in hub.events("type=signal&limit=500")]
    return {payload["attributes"]["stage"] for payload in payloads if payload["kind"] == kind}


def assert_told(hub, stage):
    try:
        component = hub.request("/health")["components"]["progress"]
    except urllib.error.HTTPError as answer:  # 503: unhealthy, in the same shape
        component = json.load(answer)["components"]["progress"]
    assert component["status"] == "degraded" and stage in component["reason"], component


def a_frozen_worker_is_named():
    with Directory() as directory, Camera(directory, "scene://corridor") as camera:
        with Hub(directory, FAST + DEADLINES + "cameras:\n" + camera_config("c", camera.url)) as hub:
            until(lambda: hub.online() == {"c"}, "the camera is online")
            frozen = hub.workers()[0]
            os.kill(frozen, signal.SIGSTOP)
            until(lambda: "frames" in stalled(hub), "frames are named")
            assert frozen in hub.workers(), "the process lives"
            assert_told(hub, "frames")
            until(lambda: "frames" in signals(hub, "stalled"), "a signal names the frames")
            os.kill(frozen, signal.SIGCONT)
            until(lambda: stalled(hub) == "", "all of it moves again")
            until(lambda: "frames" in signals(hub, "stall_ended"), "a signal takes it back")


def an_analyser_that_hangs_is_named():
    if "none" in vedette("model", "list").stdout.rsplit("run by:", 1)[-1]:
        raise Skip("a build without ONNX Runtime")
    with Directory() as directory, Camera(directory, "scene://corridor?fault=dark@20") as camera:
        onnx_file.write(directory / "hang.onnx", onnx_file.hanging, LIMIT)
        model = f"detector: {{model: {directory / 'hang.onnx'}, provider: cpu, is_gated: false, timeout_seconds: {HANG_SECONDS}}}\n"
        with Hub(directory, FAST + DEADLINES + model + "cameras:\n" + camera_config("c", camera.url)) as hub:
            until(lambda: stalled(hub) == "analyses", "the analyses are named, and they alone")
            assert hub.online() == {"c"} and len(hub.workers()) == 1, "the camera is on line, its process lives"
            assert_told(hub, "analyses")
            until(lambda: "analyses" in signals(hub, "stalled"), "a signal names the analyses")
            until(lambda: "analyses" in signals(hub, "stall_ended"), "the model was ended, and analysis goes on")


def a_store_that_does_not_take_is_named():
    with Directory() as directory, Camera(directory, "scene://corridor") as camera:
        with Hub(directory, FAST + DEADLINES + "cameras:\n" + camera_config("c", camera.url)) as hub:
            until(lambda: hub.events(), "something is stored")
            locked = sqlite3.connect(directory / "data" / "vedette.db", isolation_level=None)
            locked.execute("BEGIN IMMEDIATE")
            until(lambda: "deliveries" in stalled(hub), "the deliveries are named")
            assert hub.online() == {"c"}
            assert_told(hub, "deliveries")
            before = len(hub.events())
            locked.execute("ROLLBACK")
            until(lambda: stalled(hub) == "", "all of it moves again")
            until(lambda: len(hub.events()) > before, "what waited is stored")
            until(lambda: "deliveries" in signals(hub, "stalled") and "deliveries" in signals(hub, "stall_ended"),
                  "the signals that waited are stored too")


if __name__ == "__main__":
    sys.exit(run_tests([
        ("a frozen worker is named", a_frozen_worker_is_named),
        ("an analyser that hangs is named", an_analyser_that_hangs_is_named),
        ("a store that does not take is named", a_store_that_does_not_take_is_named),
    ]))
