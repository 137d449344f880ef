"""Cameras that the API makes: they come, change and go while the others are watched, and outlive the process."""
import json
import os
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import urllib.error
import urllib.request

from world import BINARY, FAST, Camera, Directory, Hub, camera_config, run_tests, until, vedette

# The cameras of these tests are on this machine, where the API's may not be by default.
LOCAL = FAST + 'managed_cameras: {refused_networks: "", test_seconds: 60}\n'
NEAR = {"id": "near", "polygon": [[0.15, 0.66], [0.85, 0.66], [0.85, 0.98], [0.15, 0.98]]}
MIDDLE = {"id": "middle", "a": [0.15, 0.5], "b": [0.85, 0.5]}


def ask(hub, method, path, body=None, **headers):
    """Status, headers and body (JSON or bytes)."""
    request = urllib.request.Request(hub.address + path, method=method, data=json.dumps(body).encode() if body else None)
    request.add_header("Authorization", f"Bearer {hub.token}")
    request.add_header("Content-Type", "application/json")
    for name, value in headers.items():
        request.add_header(name.replace("_", "-"), value)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            status, heads, text = answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        status, heads, text = error.code, error.headers, error.read()
    return status, heads, json.loads(text) if text and "json" in heads.get("Content-Type", "") else text


def guarded(directory):
    """A camera that asks for a login."""
    (directory / "password").write_text("canary-door-9a")
    return Camera(directory, "scene://gate", options=("--username", "viewer", "--password-file", str(directory / "password")))


def last_error(hub, name):
    return hub.cameras()[name]["health"].get("last_error", "")


def create(hub, **fields):
    status, headers, camera = ask(hub, "POST", "/api/v1/cameras", {"analyse_fps": 10, **fields})
    assert status == 201, camera
    return camera["id"], headers["ETag"]


def has_picture(hub, name):
    return ask(hub, "GET", f"/api/v1/cameras/{name}/preview.jpg")[0] == 200


def frames(hub, name):
    return hub.cameras()[name]["health"]["frames_decoded"]


def count(hub, name, kind):
    """What a line or the zone of a camera counted."""
    camera = hub.cameras()[name]
    return sum(place["count_in"] + place["count_out"] if kind == "lines" else place["entries"] for place in camera[kind])


def a_camera_comes_changes_and_goes_while_another_is_watched():
    with Directory() as directory, Camera(directory, "scene://corridor", "scene://gate", "scene://shop") as camera:
        gate, shop = (camera.url.replace("corridor", name) for name in ("gate", "shop"))
        # a picture each half a second: more are dropped by a machine that is busy, whoever comes and goes
        fixed_config = camera_config("fixed", camera.url).replace("analyse_fps: 10", "analyse_fps: 2")
        with Hub(directory, LOCAL + "cameras:\n" + fixed_config) as hub:
            until(lambda: hub.online() == {"fixed"}, "the settings' camera is on line")
            worker, before = hub.workers(), hub.cameras()["fixed"]["health"]
            name, etag = create(hub, name="Gate", source=gate, lines=[MIDDLE], zones=[NEAR])
            assert hub.cameras()[name]["managed_by"] == "api" and hub.cameras()["fixed"]["managed_by"] == "file"
            until(lambda: hub.online() == {"fixed", name}, f"it is watched: {hub.log()}")
            until(lambda: has_picture(hub, name), "it has a picture")
            until(lambda: hub.cameras()[name]["health"]["tracks_live"] > 0, "somebody is followed")
            until(lambda: hub.events(f"camera_id={name}"), "and its records are stored")
            assert hub.workers() == worker, "it joined the worker that there was"

            status, _, problem = ask(hub, "PATCH", f"/api/v1/cameras/{name}", {"name": "x"}, If_Match='"stale"')
            assert status == 412, problem
            status, headers, changed = ask(hub, "PATCH", f"/api/v1/cameras/{name}", {"name": "Front gate"}, If_Match=etag)
            assert status == 200 and changed["name"] == "Front gate" and headers["ETag"] != etag, changed
            assert changed["source"] == gate and changed["lines"][0]["id"] == "middle", changed
            assert hub.cameras()[name]["health"]["connects"] == 1, "a name is no reason to connect anew"

            status, _, changed = ask(hub, "PATCH", f"/api/v1/cameras/{name}", {"source": shop})
            assert status == 200 and changed["source"] == shop and changed["health"]["state"] == "starting", changed
            until(lambda: name in hub.online(), "it is watched at its new address")
            until(lambda: has_picture(hub, name), "and shown")

            status, _, changed = ask(hub, "PATCH", f"/api/v1/cameras/{name}", {"enabled": False})
            assert status == 200 and changed["health"]["state"] == "disabled", changed
            until(lambda: hub.online() == {"fixed"}, "it is at rest")
            assert ask(hub, "PATCH", f"/api/v1/cameras/{name}", {"enabled": True})[0] == 200
            until(lambda: name in hub.online(), "it is watched again")

            seen = {event["id"] for event in hub.events(f"camera_id={name}")}
            assert ask(hub, "DELETE", f"/api/v1/cameras/{name}")[0] == 204
            assert ask(hub, "GET", f"/api/v1/cameras/{name}")[0] == 404
            assert ask(hub, "DELETE", f"/api/v1/cameras/{name}")[0] == 404
            assert set(hub.cameras()) == {"fixed"}
            assert seen <= {event["id"] for event in hub.events(f"camera_id={name}")}, "what was seen stays"
            fixed = hub.cameras()["fixed"]["health"]
            assert hub.workers() == worker and fixed["connects"] == before["connects"] and fixed["state"] == "online", fixed
            processed, dropped = (fixed[count] - before[count] for count in ("frames_processed", "frames_dropped"))
            assert fixed["stalls"] == 0 and processed > 0 and dropped < processed // 5 + 2, (fixed, before)
            assert "vedette_records_rejected_total 0" in hub.text("/metrics"), "no record of it was refused"
            assert hub.stop() == 0, hub.log()


HELLO, EVENTS, STOPPED, CONFIGURE, START, ACKNOWLEDGE, CAMERA, STOP = 1, 2, 6, 7, 9, 10, 12, 13
REMOVE_CAMERA, REMOVED, ERRORS = 21, 22, 27


class Worker:
    """A worker's process whose hub is the test (src/link/link.h)."""

    def __init__(self):
        self.link, theirs = socket.socketpair()
        self.link.settimeout(60)
        self.bytes = b""
        self.child = subprocess.Popen([BINARY, "worker", str(theirs.fileno()), str(os.getpid()), "/nowhere"],
                                      pass_fds=[theirs.fileno()])
        theirs.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.link.close()
        self.child.kill()
        self.child.wait()

    def tell(self, kind, body=b""):
        self.link.sendall(struct.pack("<IB", len(body), kind) + body)

    def hear(self):
        """Kind and body of the next message."""
        while len(self.bytes) < 5 or len(self.bytes) < 5 + struct.unpack("<I", self.bytes[:4])[0]:
            more = self.link.recv(1 << 16)
            assert more, "the worker is gone"
            self.bytes += more
        end = 5 + struct.unpack("<I", self.bytes[:4])[0]
        kind, body, self.bytes = self.bytes[4], self.bytes[5:end], self.bytes[end:]
        return kind, body

    def hear_until(self, wanted):
        """Everything up to the first message of that kind."""
        heard = [self.hear()]
        while heard[-1][0] != wanted:
            heard.append(self.hear())
        return heard


def a_worker_that_left_its_cameras_keeps_what_its_hub_does_not_take():
    with Directory() as directory, Camera(directory, "scene://corridor") as camera, Worker() as worker:
        gate = {"id": "gate", "managed_by": "api", "source": camera.url, "analyse_fps": 10, "lines": [MIDDLE], "zones": [NEAR]}
        worker.tell(CONFIGURE, json.dumps({"protocol_version": 2, "worker_id": "worker-1", "track_id_base": 1, "cameras": [gate],
                                           "managed_cameras": {"refused_networks": ""}}).encode())
        heard = worker.hear_until(HELLO)
        worker.tell(START)
        worker.tell(CAMERA, json.dumps({"camera": gate}).encode())
        heard += worker.hear_until(EVENTS)
        worker.tell(REMOVE_CAMERA, b"gate")
        for _ in range(3): # it watches nothing, and says that it lives
            heard += worker.hear_until(ERRORS)
        assert REMOVED not in (kind for kind, _ in heard), "it is not done before its records are taken over"
        for kind, body in heard:
            if kind == EVENTS:
                worker.tell(ACKNOWLEDGE, body[:8])
        while (message := worker.hear())[0] != REMOVED: # the last records of the camera may come yet
            if message[0] == EVENTS:
                worker.tell(ACKNOWLEDGE, message[1][:8])
        assert message[1] == b"gate"
        worker.tell(STOP)
        worker.hear_until(STOPPED)
        assert worker.child.wait(timeout=60) == 0


def the_settings_cameras_are_not_the_apis_to_change():
    with Directory() as directory, Camera(directory, "scene://corridor") as camera:
        with Hub(directory, LOCAL + "cameras:\n" + camera_config("fixed", camera.url)) as hub:
            for method, path, body in (("PATCH", "", {"name": "x"}), ("DELETE", "", None), ("POST", "/lines", MIDDLE | {"id": "b"}),
                                       ("DELETE", "/zones/near", None)):
                status, _, problem = ask(hub, method, f"/api/v1/cameras/fixed{path}", body)
                assert status == 409 and "settings file" in problem["detail"], (method, problem)


def cameras_come_back_after_a_kill_with_their_logins():
    with Directory() as directory, guarded(directory) as camera:
        config = LOCAL + "cameras: []\n"
        with Hub(directory, config) as hub:
            name, _ = create(hub, name="Gate", source=camera.url.replace("rtsp://", "rtsp://viewer:canary-door-9a@"))
            other, _ = create(hub, name="At rest", source=camera.url, enabled=False)
            until(lambda: hub.online() == {name}, f"it is on line: {hub.log()}")
            for pid in hub.workers():
                os.kill(pid, signal.SIGKILL)
            until(lambda: hub.workers() and hub.online() == {name}, "a new worker has it, and its login")
            hub.child.kill()
            hub.child.wait()
        with Hub(directory, config, name="again") as hub:
            until(lambda: hub.online() == {name}, f"it comes back: {hub.log()}")
            assert set(hub.cameras()) == {name, other}
            status, _, changed = ask(hub, "PATCH", f"/api/v1/cameras/{name}", {"name": "Renamed"})
            assert status == 200 and "canary" not in json.dumps(changed), changed
            # A login is for the host it was given for: at another port it is not sent.
            status, _, changed = ask(hub, "PATCH", f"/api/v1/cameras/{name}", {"source": "rtsp://127.0.0.1:1/x"})
            assert status == 200, changed
            assert ask(hub, "PATCH", f"/api/v1/cameras/{name}", {"source": camera.url})[0] == 200
            until(lambda: "401" in last_error(hub, name), "the camera wants its login again")
            audit = hub.text("/api/v1/audit?limit=100")
            assert "canary" not in audit and '"subject_id":"' + name in audit.replace(" ", ""), audit
            assert hub.stop() == 0
            assert "canary" not in hub.log() and "canary" not in hub.out()
        assert "canary" not in (directory / "hub.log").read_text()


def a_source_that_becomes_a_file_goes_to_a_worker_that_may_open_it():
    with Directory() as directory, Camera(directory, "scene://corridor", "scene://gate") as camera:
        clip = directory / "clip.mp4"
        assert vedette("scene", "render", "gate", "--seconds", 4, "--out", clip).returncode == 0
        config = LOCAL.replace('""', '"", schemes: "rtsp,file"') + "cameras:\n" + camera_config("fixed", camera.url)
        with Hub(directory, config) as hub:
            name, _ = create(hub, name="Gate", source=camera.url.replace("corridor", "gate"))
            until(lambda: hub.online() == {"fixed", name}, f"both are watched: {hub.log()}")
            workers = hub.workers()
            assert len(workers) == 1, "by one worker"
            assert ask(hub, "PATCH", f"/api/v1/cameras/{name}", {"source": f"file://{clip}", "loop": True})[0] == 200
            until(lambda: len(hub.workers()) == 2 and set(workers) < set(hub.workers()), "another worker has it")
            until(lambda: f"online: {clip}" in hub.log() and hub.online() == {"fixed", name}, f"the file is read: {hub.log()}")
            assert hub.cameras()["fixed"]["health"]["connects"] == 1, "the other was left alone"


def lines_and_zones_count_from_the_next_frame_on():
    with Directory() as directory, Camera(directory, "scene://corridor") as camera:
        with Hub(directory, LOCAL + "cameras: []\n") as hub:
            name, _ = create(hub, name="Corridor", source=camera.url)
            path = f"/api/v1/cameras/{name}"
            until(lambda: name in hub.online(), "it is on line")
            status, _, problem = ask(hub, "POST", path + "/zones", {"id": "flat", "polygon": [[0, 0], [1, 1], [0.5, 0.5]]})
            assert status == 400 and problem["errors"][0]["path"] == "polygon", problem
            status, headers, zone = ask(hub, "POST", path + "/zones", NEAR)
            assert status == 201 and zone["id"] == "near", zone
            assert ask(hub, "POST", path + "/zones", NEAR)[0] == 409
            assert ask(hub, "POST", path + "/lines", MIDDLE)[0] == 201
            assert ask(hub, "POST", path + "/lines", {**MIDDLE, "id": "near"})[0] == 400, "ids are of both"
            until(lambda: count(hub, name, "lines") and count(hub, name, "zones"), "both count")
            etag = headers["ETag"]
            assert ask(hub, "PUT", path + "/zones/near", {**NEAR, "name": "Near"}, If_Match=etag)[0] == 200
            assert ask(hub, "PUT", path + "/zones/near", NEAR, If_Match=etag)[0] == 412
            assert ask(hub, "PUT", path + "/zones/near", {**NEAR, "id": "other"})[0] == 400
            assert ask(hub, "PUT", path + "/zones/other", NEAR)[0] == 404
            assert ask(hub, "GET", path + "/zones/near")[2]["name"] == "Near"
            assert ask(hub, "DELETE", path + "/lines/middle")[0] == 204
            assert ask(hub, "DELETE", path + "/lines/middle")[0] == 404
            assert [line["id"] for line in ask(hub, "GET", path + "/lines")[2]["items"]] == []
            assert hub.cameras()[name]["health"]["connects"] == 1, "nothing was connected anew"


def a_source_is_tried_before_it_is_used():
    with Directory() as directory, guarded(directory) as camera:
        with Hub(directory, LOCAL + "cameras: []\n") as hub:
            good = {"source": camera.url, "username": "viewer", "password": "canary-door-9a"}
            status, _, told = ask(hub, "POST", "/api/v1/cameras/test", good)
            assert status == 200 and told["works"] and told["error"] == "" and told["codec"], told
            assert told["width_px"] > 0 and told["height_px"] > 0 and told["first_picture_ms"] > 0, told
            status, _, told = ask(hub, "POST", "/api/v1/cameras/test", {**good, "password": "canary-wrong"})
            assert status == 200 and not told["works"] and "401" in told["error"] and "canary" not in str(told), told
            status, _, told = ask(hub, "POST", "/api/v1/cameras/test", {"source": "rtsp://127.0.0.1:1/x"})
            assert status == 200 and not told["works"] and "connect" in told["error"], told
            name, _ = create(hub, name="Gate", enabled=False, **good)
            status, _, told = ask(hub, "POST", f"/api/v1/cameras/{name}/test")
            assert status == 200 and told["works"], told
            status, _, told = ask(hub, "POST", "/api/v1/cameras/nobody/test")
            assert status == 404
            until(lambda: not hub.workers(), "nothing of it stays")
            assert set(hub.cameras()) == {name} and "canary" not in hub.log()


def what_the_server_may_not_connect_to_is_refused():
    with Directory() as directory, Camera(directory, "scene://gate") as camera:
        secret = directory / "secret.mp4"
        secret.write_text("not for everyone")
        with Hub(directory, FAST + "managed_cameras: {max_cameras_of_org: 1}\ncameras: []\n") as hub:
            for source in (str(secret), f"file://{secret}", "v4l2:///dev/video0", "scene://gate"):
                for path, body in (("/api/v1/cameras", {"name": "x", "source": source}), ("/api/v1/cameras/test", {"source": source})):
                    status, _, problem = ask(hub, "POST", path, body)
                    assert status == 400 and "managed_cameras.schemes" in str(problem), (source, problem)
            for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0"):
                source = camera.url.replace("127.0.0.1", host)
                status, _, told = ask(hub, "POST", "/api/v1/cameras/test", {"source": source})
                assert status == 200 and not told["works"] and "refused_networks" in told["error"], (source, told)
            name, _ = create(hub, name="Gate", source=camera.url)
            until(lambda: "refused_networks" in last_error(hub, name), "and as a camera's")
            status, _, problem = ask(hub, "POST", "/api/v1/cameras", {"name": "Another", "source": "rtsp://192.0.2.1/"})
            assert status == 409 and "max_cameras_of_org" in problem["detail"], problem
            status, _, problem = ask(hub, "PATCH", f"/api/v1/cameras/{name}", {"source": str(secret)})
            assert status == 400 and problem["errors"][0]["path"] == "source", problem


def names_are_unique_and_mistakes_are_told_all_at_once():
    with Directory() as directory:
        with Hub(directory, LOCAL + "cameras: []\n") as hub:
            name, _ = create(hub, name="Gate", source="rtsp://192.0.2.1/", enabled=False)
            status, _, problem = ask(hub, "POST", "/api/v1/cameras", {"name": "Gate", "source": "rtsp://192.0.2.2/"})
            assert status == 409 and "Gate" in problem["detail"], problem
            bad = {"source": "ftp://x/", "analyse_fps": 1000, "zones": [{"id": "a"}], "id": "mine"}
            status, _, problem = ask(hub, "POST", "/api/v1/cameras", bad)
            paths = {error["path"] for error in problem["errors"]}
            assert status == 400 and {"source", "analyse_fps", "zones[0].polygon", "id"} <= paths, problem
            status, _, problem = ask(hub, "POST", "/api/v1/cameras", {"name": "B", "source": "rtsp://h/", "site_id": "nowhere"})
            assert status == 400 and "nowhere" in problem["detail"], problem
            with sqlite3.connect(f"file:{directory}/data/vedette.db?mode=ro", uri=True) as store:
                assert store.execute("SELECT count(*) FROM cameras").fetchone()[0] == 1
            assert set(hub.cameras()) == {name}


if __name__ == "__main__":
    sys.exit(run_tests([
        ("a camera comes, changes and goes while another is watched", a_camera_comes_changes_and_goes_while_another_is_watched),
        ("a worker that left its cameras keeps what its hub does not take", a_worker_that_left_its_cameras_keeps_what_its_hub_does_not_take),
        ("the settings' cameras are not the API's to change", the_settings_cameras_are_not_the_apis_to_change),
        ("cameras come back after a kill, with their logins", cameras_come_back_after_a_kill_with_their_logins),
        ("a source that becomes a file goes to a worker that may open it",
         a_source_that_becomes_a_file_goes_to_a_worker_that_may_open_it),
        ("lines and zones count from the next frame on", lines_and_zones_count_from_the_next_frame_on),
        ("a source is tried before it is used", a_source_is_tried_before_it_is_used),
        ("what the server may not connect to is refused", what_the_server_may_not_connect_to_is_refused),
        ("names are unique, and mistakes are told all at once", names_are_unique_and_mistakes_are_told_all_at_once),
    ]))
