"""`vedette run` as a shell, a terminal and a service manager see it: arguments, signals, silence, the demo."""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

from world import (BINARY, DEADLINE_SECONDS, FAST, PASSWORD, Camera, Directory, Hub, Process, camera_config, open_url, run_tests,
                   sanitizer_options, until, vedette)


def press_ctrl_c(hub):
    """The terminal signals the whole group."""
    os.killpg(hub.child.pid, signal.SIGINT)
    return hub.child.wait(timeout=DEADLINE_SECONDS)


def child_of(hub, words):
    found = subprocess.run(["pgrep", "-P", str(hub.child.pid), "-f", words], capture_output=True, text=True, check=False)
    return int(found.stdout) if found.stdout else None


def run(directory, *arguments):
    """`vedette run` that is expected to refuse."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(directory), "VEDETTE_DATA_DIR": str(directory / "data"),
                   **sanitizer_options()}
    return subprocess.run([BINARY, "run", "--http-port", "0", *map(str, arguments)], cwd=directory, text=True,
                          capture_output=True, timeout=DEADLINE_SECONDS, check=False, env=environment)


def ctrl_c_ends_everything_cleanly():
    with Directory() as directory, Camera(directory, "scene://corridor") as camera:
        with Hub(directory, FAST + "cameras:\n" + camera_config("c", camera.url)) as hub:
            until(lambda: hub.online() == {"c"}, "the camera is online")
            until(hub.events, "something is stored")
            workers = hub.workers()
            assert press_ctrl_c(hub) == 0, hub.log()
            assert "off line" not in hub.log() and "killed" not in hub.log(), hub.log()
            assert not any(os.path.exists(f"/proc/{pid}") for pid in workers)


def stop_of_four_seconds():
    with Directory() as directory, Camera(directory, "scene://corridor", "scene://gate", "scene://shop", "scene://night") as camera:
        names = ("corridor", "gate", "shop", "night")
        config = FAST + "cameras:\n" + "".join(
            camera_config(name, camera.url.replace("corridor", name), name == "corridor") for name in names)
        with Hub(directory, config) as hub:
            until(lambda: hub.online() == set(names), "four cameras are online")
            started = time.monotonic()
            assert hub.stop() == 0, hub.log()
            took = time.monotonic() - started
            print(f"# stopped after {took * 1000:.0f} ms")
            return took


def four_cameras_stop_at_once():
    """Sooner than somebody would signal a second time. A machine that has much to do may take longer, but not each time."""
    assert any(stop_of_four_seconds() < 2 for _ in range(5)), "every stop took too long"


def relative_paths_mean_the_directory_it_was_started_in():
    with Directory() as directory:
        vedette("scene", "render", "gate", "--seconds", 4, "--out", directory / "clip.mp4")
        config = "data_dir: ./kept\n" + FAST + "cameras:\n  - {id: c, source: clip.mp4, loop: true}\n"
        (directory / "vedette.yml").write_text(config)
        environment = {"PATH": os.environ["PATH"], "HOME": str(directory), **sanitizer_options()}
        with Process(directory, "hub", [BINARY, "run", "--config", "vedette.yml", "--http-port", "0"], environment) as hub:
            until(lambda: "caged" in hub.log() or "not closed off" in hub.log(), "the worker is let in")
            assert (directory / "kept" / "vedette.db").exists()
            assert "cannot be opened" not in hub.log(), hub.log()
            assert hub.stop() == 0, hub.log()


def a_login_in_an_argument_is_hidden():
    with Directory() as directory:
        config = "cameras: []\n"
        with Hub(directory, config, "rtsp://viewer:canary-91@127.0.0.1:9/x", "rtsp://127.0.0.1:9/y?user=canary-91&pwd=c") as hub:
            words = pathlib.Path(f"/proc/{hub.child.pid}/cmdline").read_bytes().decode()
            assert "canary-91" not in words and "127.0.0.1:9/x" in words and "y?user=***&pwd=***" in words, words
            assert set(hub.cameras()) == {"camera-1", "camera-2"}
            assert "canary-91" not in hub.log() + hub.out()


def sources_given_twice_get_ids_of_their_own():
    with Directory() as directory:
        config = "cameras:\n" + camera_config("camera-1", "rtsp://127.0.0.1:9/x")
        with Hub(directory, config, "rtsp://127.0.0.1:9/y", "rtsp://127.0.0.1:9/z") as hub:
            assert set(hub.cameras()) == {"camera-1", "camera-2", "camera-3"}


def what_is_missing_is_named():
    with Directory() as directory:
        result = run(directory, "rtsp://127.0.0.1:9/x", "--detector-model", "none.onnx")
        assert result.returncode == 1 and "detector.model" in result.stderr and f"{directory}/none.onnx" in result.stderr, result
        assert len(result.stderr.strip().split("\n")) == 1, result.stderr
        result = run(directory, "rtsp://127.0.0.1:9/x", "none.mp4")
        assert result.returncode == 1 and "'none.mp4': No such file" in result.stderr, result
        (directory / "blocked").write_text("no directory")
        result = run(directory, "rtsp://127.0.0.1:9/x", "--data-dir", directory / "blocked")
        assert result.returncode == 1 and f"{directory}/blocked" in result.stderr, result


def cameras_may_all_be_added_later():
    with Directory() as directory:
        environment = {"PATH": os.environ["PATH"], "HOME": str(directory), "VEDETTE_ADMIN_PASSWORD": PASSWORD, **sanitizer_options()}
        with Process(directory, "hub", [BINARY, "run", "--http-port", "0", "--governor-shed", "false"], environment) as hub:
            address = until(lambda: re.search(r"https?://\S+", hub.out()), "the hub runs without a camera").group(0)
            assert "no cameras are given" in hub.log(), hub.log()
            until(lambda: open_url(address + "/health").status == 200, "it answers")
            assert hub.stop() == 0, hub.log()


def workers_log_as_the_settings_say():
    with Directory() as directory:
        config = "log: {format: json, levels: debug}\ncameras:\n" + camera_config("c", "rtsp://127.0.0.1:9/x")
        with Hub(directory, config) as hub:
            until(lambda: any(json.loads(line)["module"] == "media" and json.loads(line)["level"] == "debug"
                              for line in hub.log().strip().split("\n")), "the worker's words are JSON too")


def a_silent_worker_is_ended_and_comes_back():
    with Directory() as directory, Camera(directory, "scene://corridor") as camera:
        with Hub(directory, FAST + "cameras:\n" + camera_config("c", camera.url)) as hub:
            until(lambda: hub.online() == {"c"}, "the camera is online")
            worker = hub.workers()[0]
            os.kill(worker, signal.SIGSTOP)
            until(lambda: worker not in hub.workers(), "the silent worker is ended")
            until(lambda: hub.online() == {"c"}, "the camera is online again")
            assert "silent for" in hub.log(), hub.log()


def the_demo_watches_four_cameras_and_survives():
    with Directory() as directory:
        started = time.monotonic()
        with Hub(directory, "cameras: []\n", "--demo") as hub:
            names = {"shop", "gate", "corridor", "night"}
            until(lambda: hub.online() == names, "four cameras are online")
            print(f"# online after {time.monotonic() - started:.2f} s")
            server = child_of(hub, "camera serve")
            environment = pathlib.Path(f"/proc/{server}/environ").read_bytes()
            assert b"VEDETTE_" not in environment, environment
            os.kill(server, signal.SIGKILL)
            until(lambda: child_of(hub, "camera serve") not in (None, server), "the cameras are started again")
            until(lambda: all(c["online"] and c["health"]["connects"] >= 2 for c in hub.cameras().values()),
                  "every camera was connected again")
            assert press_ctrl_c(hub) == 0, hub.log()
            assert len(re.findall("are started again", hub.log())) == 1, hub.log()


if __name__ == "__main__":
    sys.exit(run_tests([
        ("Ctrl-C ends everything cleanly", ctrl_c_ends_everything_cleanly),
        ("four cameras stop at once", four_cameras_stop_at_once),
        ("relative paths mean the directory it was started in", relative_paths_mean_the_directory_it_was_started_in),
        ("a login in an argument is hidden", a_login_in_an_argument_is_hidden),
        ("sources given twice get ids of their own", sources_given_twice_get_ids_of_their_own),
        ("what is missing is named", what_is_missing_is_named),
        ("cameras may all be added later", cameras_may_all_be_added_later),
        ("workers log as the settings say", workers_log_as_the_settings_say),
        ("a silent worker is ended and comes back", a_silent_worker_is_ended_and_comes_back),
        ("the demo watches four cameras and survives", the_demo_watches_four_cameras_and_survives),
    ]))
