"""Policies that change while a camera is watched: by webhook, by file, by the API; nothing is restarted."""
import base64
import hashlib
import hmac
import json
import os
import sys
import time
import urllib.request

from world import PASSWORD, Camera, Directory, Hub, run_tests, sanitizer_options, until, vedette

SECRET = base64.b64encode(bytes(range(32))).decode()
CAMERA = """
policies: {webhook_secrets: "whsec_%s", directory: "%s"}
rules: {cooldown_seconds: 0}
cameras:
  - id: shop
    source: "%s"
    zones:
      - {id: floor, polygon: [[0.02, 0.1], [0.98, 0.1], [0.98, 0.99], [0.02, 0.99]], loitering_seconds: 0, dwell_seconds: 0}
"""


def send_webhook(hub, body, message_id):
    text, now = json.dumps(body), str(int(time.time()))
    mac = hmac.new(base64.b64decode(SECRET), f"{message_id}.{now}.{text}".encode(), hashlib.sha256).digest()
    request = urllib.request.Request(f"{hub.address}/webhooks/policies", text.encode(), {
        "webhook-id": message_id, "webhook-timestamp": now, "webhook-signature": "v1," + base64.b64encode(mac).decode()})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def health(hub):
    return hub.cameras()["shop"]["health"]


def loiterings(hub):
    return [event for event in hub.events("type=signal&camera_id=shop&limit=100")
            if event["payload"]["kind"] == "loitering"]


def world(directory):
    files = directory / "policies"
    files.mkdir()
    return files


def a_webhook_changes_a_threshold_for_who_is_already_there():
    with Directory() as directory:
        files = world(directory)
        with Camera(directory, "scene://shop?fps=10&seed=3") as camera:
            with Hub(directory, CAMERA % (SECRET, files, camera.url)) as hub:
                until(lambda: health(hub).get("frames_processed", 0) > 50, "frames are analysed")
                assert not loiterings(hub)
                before = health(hub)
                changed = send_webhook(hub, {"policy_type": "safety", "org_id": "default", "camera_id": "shop",
                                             "config": {"loitering_seconds": 1}, "reason": "test"}, "msg_1")
                until(lambda: health(hub).get("policy_revision") == changed["revision"], "the worker has taken it over")
                signal = until(lambda: loiterings(hub), "the next signal obeys it")[0]
                assert signal["payload"]["policy_revision"] == changed["revision"], signal
                after = health(hub)
                assert after["connects"] == before["connects"] == 1, "the camera was connected anew"


def files_are_taken_over_and_bad_ones_change_nothing():
    with Directory() as directory:
        files = world(directory)
        with Camera(directory, "scene://empty?fps=10") as camera:
            with Hub(directory, CAMERA % (SECRET, files, camera.url)) as hub:
                loitering = lambda: hub.request("/api/v1/policies/safety/effective?camera_id=shop")["config"].get("loitering_seconds")
                until(lambda: health(hub).get("frames_processed", 0) > 0, "frames are analysed")
                place = files / "orgs" / "default" / "cameras" / "shop"
                place.mkdir(parents=True)
                (place / "safety.json").write_text('{"loitering_seconds": 12}')
                until(lambda: loitering() == 12, "the file is in force")
                (place / "safety.json").write_text('{"loitering_seconds": "soon"}')
                until(lambda: "not taken over" in hub.log(), "a bad file is told")
                assert loitering() == 12
                (place / "safety.json").unlink()
                until(lambda: loitering() is None, "its document goes with it")
                history = hub.request("/api/v1/policies/safety/history?camera_id=shop")["items"]
                assert [item["changed_by"] for item in history] == ["directory"] * 2, history


def the_command_line_changes_tells_and_refuses():
    with Directory() as directory:
        files = world(directory)
        with Camera(directory, "scene://empty?fps=10") as camera:
            with Hub(directory, CAMERA % (SECRET, files, camera.url)) as hub:
                environment = {"PATH": os.environ["PATH"], "VEDETTE_URL": hub.address, "VEDETTE_PASSWORD": PASSWORD,
                               **sanitizer_options()}
                policy = lambda *words, **more: vedette("policy", *words, env={**environment, **more})
                document = directory / "safety.json"
                document.write_text('{"loitering_seconds": 9}')
                assert policy("set", "safety", document, "--camera", "shop", "--reason", "test").returncode == 0
                effective = json.loads(policy("effective", "safety", "--camera", "shop").stdout)
                assert effective["origins"]["loitering_seconds"]["level"] == "camera", effective
                document.write_text('{"loitering_seconds": -1}')
                refused = policy("set", "safety", document, "--camera", "shop")
                assert refused.returncode == 1 and "must be between 0 and 86400" in refused.stderr, refused.stderr
                stale = policy("unset", "safety", "--camera", "shop", "--if-version", "7")
                assert stale.returncode == 1 and "version 1" in stale.stderr, stale.stderr
                assert policy("export", directory / "exported").returncode == 0
                exported = directory / "exported" / "orgs" / "default" / "cameras" / "shop" / "safety.json"
                assert json.loads(exported.read_text()) == {"loitering_seconds": 9}
                wrong = policy("list", VEDETTE_PASSWORD="wrong")
                assert wrong.returncode == 1 and "wrong" in wrong.stderr, wrong.stderr
                assert policy("nonsense").returncode == 2


if __name__ == "__main__":
    sys.exit(run_tests([
        ("a webhook changes a threshold for who is already there", a_webhook_changes_a_threshold_for_who_is_already_there),
        ("the command line changes, tells and refuses", the_command_line_changes_tells_and_refuses),
        ("files are taken over, and bad ones change nothing", files_are_taken_over_and_bad_ones_change_nothing),
    ]))
