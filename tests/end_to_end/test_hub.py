"""The hub with real workers and a real RTSP camera: what is stored, what survives, what a stop does."""
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

from world import (BINARY, DEADLINE_SECONDS, FAST, PASSWORD, Camera, Directory, Hub, Skip, camera_config, run_tests,
                   until)


def events_are_stored_and_counted():
    with Directory() as directory, Camera(directory, "scene://corridor?seed=1") as camera:
        with Hub(directory, FAST + "cameras:\n" + camera_config("c", camera.url)) as hub:
            until(lambda: hub.online() == {"c"}, "the camera is online")
            crossings = until(lambda: hub.events("type=line_crossing"), "a line crossing is stored")
            event = crossings[0]
            assert event["org_id"] == "default" and event["subject_id"] == "middle", event
            assert event["payload"]["direction"] in ("in", "out"), event
            line = hub.cameras()["c"]["lines"][0]
            assert line["count_in"] + line["count_out"] >= 1, line
            health = hub.cameras()["c"]["health"]
            assert health["frame_copies"] == 0 and health["frames_processed"] > 0, health
            assert hub.stop() == 0, hub.log()


def the_metrics_are_clean():
    promtool = shutil.which("promtool")
    if not promtool:
        raise Skip("promtool (package prometheus) is not there")
    with Directory() as directory, Camera(directory, "scene://corridor") as camera:
        with Hub(directory, FAST + "cameras:\n" + camera_config("c", camera.url)) as hub:
            until(lambda: hub.online() == {"c"}, "the camera is online")
            metrics = hub.text("/metrics")
            assert 'camera="c"' in metrics, metrics
            checked = subprocess.run([promtool, "check", "metrics"], input=metrics, capture_output=True, text=True, check=False)
            assert checked.returncode == 0 and not checked.stderr.strip(), checked


def a_killed_worker_costs_only_its_cameras_and_comes_back():
    with Directory() as directory, Camera(directory, "scene://corridor", "scene://gate") as camera:
        other = camera.url.replace("corridor", "gate")
        config = FAST + "workers: {count: 2}\ncameras:\n" + camera_config("a", camera.url) + camera_config("b", other, False)
        with Hub(directory, config) as hub:
            until(lambda: hub.online() == {"a", "b"}, "both cameras are online")
            first = hub.workers()
            assert len(first) == 2, first
            os.kill(first[0], signal.SIGKILL)
            started = time.monotonic()
            until(lambda: len(hub.workers()) == 2 and first[0] not in hub.workers(), "the worker is started again")
            assert first[1] in hub.workers(), "the other worker was touched"
            print(f"# back after {time.monotonic() - started:.2f} s")
            until(lambda: hub.online() == {"a", "b"}, "both cameras are online again")
            assert "killed by signal 9" in hub.log()


def a_killed_hub_ends_its_workers_and_loses_nothing():
    with Directory() as directory, Camera(directory, "scene://corridor?seed=2") as camera:
        config = FAST + "cameras:\n" + camera_config("c", camera.url)
        with Hub(directory, config) as hub:
            stored = until(lambda: hub.events(), "something is stored")
            workers = hub.workers()
            hub.child.kill()
            hub.child.wait()
            until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in workers), "the workers are gone")
        with Hub(directory, config, name="hub-again") as hub:
            until(lambda: hub.request("/queue/stats")["total_queued"] == 0, "what was left in the spool is stored")
            ids = {event["id"] for event in hub.events()}
            assert {event["id"] for event in stored} <= ids
            tracks = [event["payload"]["track_id"] for event in stored if "track_id" in event["payload"]]
            until(lambda: len(hub.events()) > len(ids), "new records come")
            new = [event["payload"]["track_id"] for event in hub.events()
                   if event["id"] not in ids and "track_id" in event["payload"]]
            assert not tracks or not new or min(new) > max(tracks), "a track id was given twice"
            assert hub.stop() == 0


def a_killed_camera_comes_back_by_itself():
    with Directory() as directory:
        with Camera(directory, "scene://corridor") as camera:
            port = camera.port
            with Hub(directory, FAST + "cameras:\n" + camera_config("c", camera.url)) as hub:
                until(lambda: hub.online() == {"c"}, "the camera is online")
                camera.child.kill()
                camera.child.wait()
                until(lambda: hub.cameras()["c"]["health"]["state"] == "waiting", "the loss is noticed")
                error = hub.cameras()["c"]["health"]["last_error"]
                assert f"rtsp://127.0.0.1:{port}/corridor" in error, error
                with Camera(directory, "scene://corridor", port=port):
                    until(lambda: hub.online() == {"c"}, "the camera is online again")


def logins_are_nowhere_to_be_seen():
    with Directory() as directory:
        (directory / "password").write_text("camera-canary-77\n")
        options = ("--username", "viewer", "--password-file", str(directory / "password"))
        with Camera(directory, "scene://corridor", options=options) as camera:
            right = camera.url.replace("rtsp://", "rtsp://viewer:camera-canary-77@")
            wrong = camera.url.replace("rtsp://", "rtsp://viewer:camera-canary-88@")
            config = FAST + "cameras:\n" + camera_config("right", right) + camera_config("wrong", wrong, False)
            with Hub(directory, config) as hub:
                until(lambda: hub.online() == {"right"}, "the camera with the right login is online")
                error = until(lambda: hub.cameras()["wrong"]["health"].get("last_error"), "the wrong login is told")
                assert "401" in error, error
                answers = str(hub.cameras()) + str(hub.request("/health"))
                for pid in [hub.child.pid, *hub.workers()]:
                    answers += open(f"/proc/{pid}/cmdline").read()
                for pid in hub.workers():
                    answers += open(f"/proc/{pid}/environ").read()
                stored = sqlite3.connect(directory / "data" / "vedette.db").execute("SELECT * FROM cameras").fetchall()
                everything = answers + hub.log() + hub.out() + str(stored)
                assert "canary-77" not in everything and "canary-88" not in everything
                assert PASSWORD not in everything


def a_worker_is_caged():
    with Directory() as directory, Camera(directory, "scene://corridor") as camera:
        with Hub(directory, FAST + "cameras:\n" + camera_config("c", camera.url)) as hub:
            until(lambda: hub.online() == {"c"}, "the camera is online")
            status = open(f"/proc/{hub.workers()[0]}/status").read()
            assert re.search(r"NoNewPrivs:\s+1", status), status
            assert "caged: Landlock" in hub.log() or "not closed off" in hub.log(), hub.log()


def a_second_signal_ends_at_once():
    with Directory() as directory, Camera(directory, "scene://corridor") as camera:
        with Hub(directory, FAST + "cameras:\n" + camera_config("c", camera.url)) as hub:
            for pid in hub.workers():
                os.kill(pid, signal.SIGSTOP)  # a worker that does not answer
            hub.child.send_signal(signal.SIGTERM)
            hub.child.send_signal(signal.SIGTERM)
            until(lambda: hub.child.send_signal(signal.SIGTERM) is None and hub.child.poll() is not None, "the hub ended")
            assert hub.child.returncode == 1


def a_port_in_use_is_named():
    with Directory() as directory, Hub(directory, "cameras: []\n") as hub:
        port = hub.address.rsplit(":", 1)[1]
        second = subprocess.run([BINARY, "run", "--config", "vedette.yml", "--http-port", port], cwd=directory, text=True,
                                capture_output=True, timeout=DEADLINE_SECONDS, check=False,
                                env={"VEDETTE_DATA_DIR": str(directory / "other"), "PATH": os.environ["PATH"]})
        assert second.returncode == 1 and f"127.0.0.1:{port}" in second.stderr and "in use" in second.stderr, second.stderr


def a_data_directory_in_use_or_forbidden_is_named():
    with Directory() as directory, Hub(directory, "cameras: []\n") as hub:
        environment = {"VEDETTE_DATA_DIR": str(directory / "data"), "PATH": os.environ["PATH"]}
        second = subprocess.run([BINARY, "run", "--config", "vedette.yml", "--http-port", "0"], cwd=directory, text=True,
                                capture_output=True, timeout=DEADLINE_SECONDS, check=False, env=environment)
        assert second.returncode == 1 and str(hub.child.pid) in second.stderr, second.stderr
        environment["VEDETTE_DATA_DIR"] = "/proc/nowhere"
        third = subprocess.run([BINARY, "run", "--config", "vedette.yml", "--http-port", "0"], cwd=directory, text=True,
                               capture_output=True, timeout=DEADLINE_SECONDS, check=False, env=environment)
        assert third.returncode == 1 and "/proc/nowhere" in third.stderr, third.stderr


if __name__ == "__main__":
    sys.exit(run_tests([
        ("events are stored and counted", events_are_stored_and_counted),
        ("the metrics are clean", the_metrics_are_clean),
        ("a killed worker costs only its cameras and comes back", a_killed_worker_costs_only_its_cameras_and_comes_back),
        ("a killed hub ends its workers and loses nothing", a_killed_hub_ends_its_workers_and_loses_nothing),
        ("a killed camera comes back by itself", a_killed_camera_comes_back_by_itself),
        ("logins are nowhere to be seen", logins_are_nowhere_to_be_seen),
        ("a worker is caged", a_worker_is_caged),
        ("a second signal ends at once", a_second_signal_ends_at_once),
        ("a port in use is named", a_port_in_use_is_named),
        ("a data directory in use or forbidden is named", a_data_directory_in_use_or_forbidden_is_named),
    ]))
