"""Logs and errors of the whole server, its workers' among them: levels change while they run, and no secret is told."""
import json
import sys
import urllib.request

from world import FAST, PASSWORD, Camera, Directory, Hub, camera_config, run_tests, until

SECRET = "canary-camera-91be"


def set_levels(hub, levels):
    request = urllib.request.Request(hub.address + "/api/v1/log-levels", json.dumps({"levels": levels}).encode(), {
        "Authorization": f"Bearer {hub.token}", "Content-Type": "application/json"}, method="PUT")
    urllib.request.urlopen(request, timeout=30).close()


def lines(hub, **wanted):
    """Whole lines of the log, each JSON, that say so."""
    told = [json.loads(line) for line in hub.log().splitlines(keepends=True) if line.endswith("\n")]
    return [line for line in told if all(line.get(key) == value for key, value in wanted.items())]


def levels_change_in_the_workers_too():
    with Directory() as directory, Camera(directory, "scene://corridor") as camera:
        cameras = camera_config("good", camera.url) + camera_config("bad", f"rtsp://viewer:{SECRET}@127.0.0.1:1/x")
        with Hub(directory, FAST + "cameras:\n" + cameras, "--log-format", "json", "--log-levels", "error") as hub:
            until(lambda: "good" in hub.online(), "a camera is on line")
            assert not lines(hub, level="debug") and not lines(hub, level="info"), hub.log()[:2000]
            set_levels(hub, "error,media=debug,worker=debug")
            until(lambda: lines(hub, level="debug", module="media") or lines(hub, level="info", module="media"),
                  "a worker's room logs more")
            assert not lines(hub, level="debug", module="hub"), "another room does not"
            set_levels(hub, "debug")
            until(lambda: lines(hub, level="debug", module="api"), "the hub's too")
            for line in lines(hub):
                assert set(line) <= {"ts", "level", "module", "subject", "msg"} and line["msg"], line
            set_levels(hub, "error")
            assert SECRET not in hub.log() and PASSWORD not in hub.log() and hub.token not in hub.log(), "a secret in the log"


def what_workers_log_as_errors_is_counted():
    with Directory() as directory, Camera(directory, "scene://corridor") as camera:
        (directory / "none.onnx").write_text("no model")
        model = f"detector: {{model: {directory / 'none.onnx'}}}\n"
        cameras = camera_config("good", camera.url) + camera_config("bad", f"rtsp://viewer:{SECRET}@127.0.0.1:1/x")
        with Hub(directory, FAST + model + "cameras:\n" + cameras) as hub:
            group = until(lambda: [one for one in hub.request("/api/v1/errors")["items"] if one["module"] == "worker"],
                          "the worker's error is among them")[0]
            assert "none.onnx" in group["sample"] and group["count"] >= 1, group
            assert group["first_seen"] <= group["last_seen"], group
            assert SECRET not in hub.text("/api/v1/errors") and SECRET not in hub.log()


if __name__ == "__main__":
    sys.exit(run_tests([
        ("levels change in the workers too", levels_change_in_the_workers_too),
        ("what workers log as errors is counted", what_workers_log_as_errors_is_counted),
    ]))
