"""Circuit breakers from an administrator's word to a camera that is left alone, and back."""
import contextlib
import json
import os
import signal
import sqlite3
import sys
import urllib.error
import urllib.request

from world import FAST, Camera, Directory, Hub, camera_config, run_tests, until


def put(hub, name, state):
    request = urllib.request.Request(f"{hub.address}/api/v1/breakers/{name}", method="PUT",
                                     data=json.dumps({"state": state, "reason": "a test"}).encode())
    request.add_header("Content-Type", "application/json")
    request.add_header("Authorization", f"Bearer {hub.token}")
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def preview(hub, name):
    """Status, headers and body of a camera's picture."""
    request = urllib.request.Request(f"{hub.address}/api/v1/cameras/{name}/preview.jpg")
    request.add_header("Authorization", f"Bearer {hub.token}")
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def breaker(hub, name):
    return hub.cameras()[name]["health"]["circuit_breaker_state"]


def stored_breaker(hub, name):
    with contextlib.closing(sqlite3.connect(f"file:{hub.directory}/data/vedette.db?mode=ro", uri=True)) as store:
        metadata = store.execute("SELECT metadata FROM cameras WHERE id = ?", (name,)).fetchone()[0]
    return json.loads(metadata or "{}").get("circuit_breaker_state")


def a_camera_is_left_alone_at_an_administrators_word_and_taken_up_again():
    with Directory() as directory, Camera(directory, "scene://corridor", "scene://gate") as camera:
        other = camera.url.replace("corridor", "gate")
        config = FAST + "workers: {count: 2}\ncameras:\n" + camera_config("a", camera.url) + camera_config("b", other, False)
        with Hub(directory, config) as hub:
            until(lambda: hub.online() == {"a", "b"}, "both cameras are on line")
            until(lambda: preview(hub, "a")[0] == 200, "it gives pictures")
            put(hub, "a", "forced_open")
            until(lambda: breaker(hub, "a") == "forced_open", "its worker has heard")
            until(lambda: "a" not in hub.online(), "and left the camera alone")
            status, headers, body = preview(hub, "a")
            problem = json.loads(body)
            assert status == 503 and problem["title"] == "Camera unavailable", (status, body)
            assert int(headers["Retry-After"]) >= 1, dict(headers)
            until(lambda: stored_breaker(hub, "a") == "forced_open", "the cameras table says so")
            shown = hub.request("/health")["resilience_stats"]["circuit_breakers"]
            assert shown["a"]["state"] == "forced_open" and shown["b"]["state"] == "closed", shown
            until(lambda: hub.online() == {"b"} and preview(hub, "b")[0] == 200, "the other one is as it was")

            for worker in hub.workers():  # the word outlives the worker that heard it
                os.kill(worker, signal.SIGKILL)
            until(lambda: hub.online() == {"b"}, "the other camera comes back")
            until(lambda: breaker(hub, "a") == "forced_open", "the new worker was told")

            put(hub, "a", "closed")
            until(lambda: hub.online() == {"a", "b"}, "the camera is taken up again")
            until(lambda: preview(hub, "a")[0] == 200, "and gives pictures")
            until(lambda: stored_breaker(hub, "a") == "closed", "the cameras table says that too")


def a_camera_that_fails_opens_its_breaker_and_closes_it_when_it_is_back():
    with Directory() as directory:
        with Camera(directory, "scene://corridor") as camera:
            port, url = camera.port, camera.url
            hub = Hub(directory, FAST + "breaker: {failure_threshold: 2}\ncameras:\n" + camera_config("a", url))
            with hub:
                until(lambda: hub.online() == {"a"}, "the camera is on line")
                camera.child.kill()
                camera.child.wait()
                until(lambda: breaker(hub, "a") == "open" and preview(hub, "a")[0] == 503, "it is left alone for a while")
                with Camera(directory, "scene://corridor", port=port):
                    until(lambda: hub.online() == {"a"}, "it is tried again by itself")
                    until(lambda: breaker(hub, "a") == "closed", "and trusted again after a while")


if __name__ == "__main__":
    sys.exit(run_tests([
        ("a camera is left alone at an administrator's word and taken up again",
         a_camera_is_left_alone_at_an_administrators_word_and_taken_up_again),
        ("a camera that fails opens its breaker and closes it when it is back",
         a_camera_that_fails_opens_its_breaker_and_closes_it_when_it_is_back),
    ]))
