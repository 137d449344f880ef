"""Policies that change while a camera is watched: by webhook, by file, by the API; nothing is restarted."""
import base64
import hashlib
import hmac
import http.server
import json
import os
import pathlib
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

from world import BINARY, PASSWORD, Camera, Directory, Hub, run_tests, sanitizer_options, server_that_says, until, vedette

SOURCE = pathlib.Path(os.environ["VEDETTE_SOURCE"])

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
        "content-type": "application/json", "webhook-id": message_id, "webhook-timestamp": now,
        "webhook-signature": "v1," + base64.b64encode(mac).decode()})
    with urllib.request.urlopen(request, timeout=60) as answer:
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
                (files / "motion.json").write_text("{}")  # an empty directory takes nothing away
                place = files / "orgs" / "default" / "cameras" / "shop"
                place.mkdir(parents=True)
                (place / "safety.json").write_text('{"loitering_seconds": 12}')
                until(lambda: loitering() == 12, "the file is in force")
                (place / "safety.json").write_text('{"loitering_seconds": "soon"}')
                until(lambda: "not taken over" in hub.log(), "a bad file is told")
                assert loitering() == 12
                policies = lambda: hub.request("/health")["components"]["policies"]
                until(lambda: policies()["status"] == "degraded" and "refused" in policies()["reason"], "/health tells")
                assert hub.request("/policies")["error"]
                (place / "safety.json").write_text('{"loitering_seconds": 12}')
                until(lambda: policies()["status"] == "healthy", "until the next good one")
                (place / "safety.json").write_text(" " * 70000)  # nobody reads so much
                until(lambda: policies()["status"] == "degraded", "a file that cannot be read is told")
                assert loitering() == 12
                (place / "safety.json").write_text('{"loitering_seconds": 12}')
                until(lambda: policies()["status"] == "healthy", "until it can")
                (place / "safety.json").unlink()
                until(lambda: loitering() is None, "its document goes with it")
                history = hub.request("/api/v1/policies/safety/history?camera_id=shop")["items"]
                assert [item["changed_by"] for item in history] == ["directory"] * 2, history


def files_that_are_there_before_the_first_start_are_in_force_at_once():
    with Directory() as directory:
        files = world(directory)
        place = files / "orgs" / "default" / "cameras" / "shop"
        place.mkdir(parents=True)
        (files / "orgs" / "default" / "privacy.json").write_text('{"blur_strength": 1}')
        (place / "safety.json").write_text('{"loitering_seconds": 12}')
        with Hub(directory, CAMERA % (SECRET, files, "rtsp://127.0.0.1:9/none")) as hub:
            of = lambda name: hub.request(f"/api/v1/policies/{name}/effective?camera_id=shop")["config"]
            until(lambda: of("safety").get("loitering_seconds") == 12 and of("privacy").get("blur_strength") == 1,
                  "they are in force")  # a start waits for the first look, but some seconds at most
            assert "not taken over" not in hub.log(), hub.log()


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
                document.write_text("{}")
                for levels in (("--scope", "camera/shop", "--global"), ("--scope", "org", "--camera", "shop"),
                               ("--scope", "camera/a", "--camera", "shop"), ("--camera", "shop", "--global")):
                    torn = policy("set", "safety", document, *levels)
                    assert torn.returncode == 2 and "more than one level" in torn.stderr, (levels, torn)
                document.write_bytes(b"{}\0{ this is cut off")
                for verb in ("set", "validate", "patch", "diff", "backtest"):
                    times = ("--from", iso(0), "--to", iso(60)) if verb == "backtest" else ()
                    cut = policy(verb, "safety", document, "--camera", "shop", *times)
                    assert cut.returncode == 1 and "byte 0" in cut.stderr, (verb, cut)
                document.write_text("{}")
                for words, unheeded, heeded in ((("diff", "safety", document, "--if-version", "7"), "--if-version", "--service"),
                                                (("import", directory, "--camera", "shop", "--limit", "2"), "--camera, --limit", "--reason"),
                                                (("get", "safety", "--reason", "why"), "--reason", "--camera, --site, --class"),
                                                (("list", "--limit", "1"), "--limit", "no options"),
                                                (("monitor", "--scope", "camera/shop"), "--scope", "no options"),
                                                (("monitor", "--global"), "--global", "no options"),
                                                (("list", "--prune"), "--prune", "no options"),
                                                (("export", directory / "none", "--site", "s"), "--site", "--prune")):
                    refused = policy(*words)
                    told = f"{words[0]}: {unheeded}: not heeded there; it takes "
                    assert refused.returncode == 2 and told in refused.stderr, refused
                    assert heeded in refused.stderr.split("it takes ")[1], refused
                assert not (directory / "none").exists()
                assert policy("export", directory / "exported").returncode == 0
                exported = directory / "exported" / "orgs" / "default" / "cameras" / "shop" / "safety.json"
                assert json.loads(exported.read_text()) == {"loitering_seconds": 9}
                wrong = policy("list", VEDETTE_PASSWORD="wrong")
                assert wrong.returncode == 1 and "wrong" in wrong.stderr, wrong.stderr
                assert policy("nonsense").returncode == 2


def every_verb_of_the_command_line_answers():
    with Directory() as directory:
        files = world(directory)
        with Camera(directory, "scene://empty?fps=5") as camera:
            with Hub(directory, CAMERA % (SECRET, files, camera.url)) as hub:
                environment = {"PATH": os.environ["PATH"], "VEDETTE_URL": hub.address, "VEDETTE_PASSWORD": PASSWORD,
                               "VEDETTE": BINARY, "VEDETTE_TOKEN": hub.token, **sanitizer_options()}
                script = lambda name, *words, **more: subprocess.run([SOURCE / "scripts" / name, *words], capture_output=True, text=True,
                                                                     env={**environment, **more}, timeout=60, check=False)
                manager = lambda *words: script("policy-manager.sh", *words)

                def policy(*words):
                    done = vedette("policy", *words, env=environment)
                    assert done.returncode == 0, (words, done)
                    return json.loads(done.stdout)

                document = directory / "new-policy.json"
                document.write_text('{"loitering_seconds": 9, "speed_limit": 2}')
                where = ("--camera", "shop", "--reason", "test")
                assert policy("validate", "safety", document, *where)["config"]["speed_limit"] == 2
                assert policy("set", "safety", document, *where)["version"] == 1
                document.write_text('{"loitering_seconds": 5}')
                assert policy("diff", "safety", document, "--camera", "shop")
                assert policy("patch", "safety", document, *where)["config"] == {"loitering_seconds": 5, "speed_limit": 2}
                assert policy("unset", "safety", "speed_limit", *where)["config"] == {"loitering_seconds": 5}
                assert policy("get", "safety", "--camera", "shop")["version"] == 3
                assert policy("rollback", "safety", "1", *where)["config"] == {"loitering_seconds": 9, "speed_limit": 2}
                assert [each["version"] for each in policy("history", "safety", "--camera", "shop")["items"]] == [4, 3, 2, 1]
                assert [each["policy_type"] for each in policy("list")["items"]] == ["safety"]

                taken = manager("validate", document)  # its name tells no type
                assert taken.returncode == 0 and "valid safety policy" in taken.stderr, taken
                assert manager("validate", "safety", document).returncode == 0
                for example in sorted((SOURCE / "policies" / "examples").iterdir()):
                    assert manager("validate", example).returncode == 0, example
                nowhere = manager("validate", "safety", document, "--camera", "nosuch")
                assert nowhere.returncode == 3 and "there is no camera 'nosuch'" in nowhere.stderr, nowhere
                document.write_text('{"no_such_key": 1}')
                assert manager("validate", document).returncode == 1
                example = SOURCE / "policies" / "examples" / "privacy-policy.json"
                assert manager("set", "privacy", "privacy", example).returncode == 0
                assert json.loads(manager("get", "privacy", "privacy").stdout)["config"]["blur_strength"] == 0.8
                assert len(json.loads(manager("list").stdout)["items"]) == 2
                assert manager("nonsense").returncode == 2 and manager("set", "privacy").returncode == 2

                with subprocess.Popen([SOURCE / "scripts" / "policy-manager.sh", "monitor"], stdout=subprocess.PIPE, text=True,
                                      env=environment) as monitor:
                    until(lambda: monitor.stdout.readline() == "}\n", "what is in force is printed")
                    policy("unset", "privacy", "--reason", "test")
                    until(lambda: monitor.stdout.readline() == "}\n", "and again once it changes")
                    monitor.kill()

                until(lambda: script("health-check-resilience.sh").returncode == 0, "the server is healthy")
                told = json.loads(script("health-check-resilience.sh").stdout)
                assert "circuit_breakers" in told["resilience_stats"], told
                assert script("health-check-resilience.sh", VEDETTE_URL=hub.address + "/").returncode == 0
                assert script("health-check-resilience.sh", VEDETTE_URL="http://127.0.0.1:1").returncode == 2
                unwell = {"status": "degraded", "components": {"store": {"status": "healthy"}}}
                with server_that_says(lambda path: (200, unwell)) as address:
                    assert script("health-check-resilience.sh", VEDETTE_URL=address).returncode == 1


def read_object(stream):
    """The next JSON object, as the command line prints it."""
    lines = []
    while not lines or lines[-1] != "}\n":
        lines.append(stream.readline())
        assert lines[-1], lines
    return json.loads("".join(lines))


def monitor_tells_what_changed_and_survives_a_restart():
    with Directory() as directory:
        files = world(directory)
        document = directory / "safety.json"
        with Camera(directory, "scene://empty?fps=5") as camera:
            config = CAMERA % (SECRET, files, camera.url)
            with Hub(directory, config) as hub:
                address = hub.address
                environment = {"PATH": os.environ["PATH"], "VEDETTE_URL": address, "VEDETTE_PASSWORD": PASSWORD, **sanitizer_options()}
                policy = lambda *words: vedette("policy", *words, env=environment)
                monitor = subprocess.Popen([BINARY, "policy", "monitor"], stdout=subprocess.PIPE, text=True, env=environment)
                try:
                    assert "safety" in read_object(monitor.stdout)["policies"]
                    document.write_text('{"loitering_seconds": 20}')
                    assert policy("set", "safety", document, "--reason", "calmer").returncode == 0
                    told = read_object(monitor.stdout)
                    assert (told["policy_type"], told["org_id"]) == ("safety", "default") and "camera_id" not in told, told
                    assert [(each["reason"], each["changed_by"]) for each in told["revisions"]] == [("calmer", "admin")], told
                    assert told["effective"] == [{
                        "key": "loitering_seconds", "before": None, "after": 20,
                        "before_from": {"level": "settings", "revision": 0, "place": "camera.zones"},
                        "after_from": {"level": "org", "revision": told["revisions"][0]["revision"]}}], told
                    document.write_text('{"loitering_seconds": 5}')
                    assert policy("set", "safety", document, "--camera", "shop", "--reason", "at the till").returncode == 0
                    told = read_object(monitor.stdout)
                    assert told["camera_id"] == "shop" and told["revisions"][0]["reason"] == "at the till", told
                    (key,) = told["effective"]
                    assert (key["before"], key["before_from"]["level"], key["after"], key["after_from"]["level"]) == \
                        (20, "org", 5, "camera"), told
                    assert hub.stop() == 0
                    with Hub(directory, config, "--http-port", address.rsplit(":", 1)[1].rstrip("/"), name="again") as hub:
                        assert hub.address == address
                        assert policy("unset", "safety", "--camera", "shop", "--reason", "back").returncode == 0
                        told = read_object(monitor.stdout)
                        assert [each["reason"] for each in told["revisions"]] == ["back"], told
                        (key,) = told["effective"]
                        assert (key["before"], key["after"], key["after_from"]["level"]) == (5, 20, "org"), told
                    assert monitor.poll() is None
                finally:
                    monitor.kill()
                    monitor.communicate()


def retention_by_hand_goes_by_policies_too():
    with Directory() as directory:
        files = world(directory)
        with Camera(directory, "scene://shop?fps=10&seed=3") as camera:
            with Hub(directory, CAMERA % (SECRET, files, camera.url)) as hub:
                environment = {"PATH": os.environ["PATH"], "VEDETTE_URL": hub.address, "VEDETTE_PASSWORD": PASSWORD,
                               **sanitizer_options()}
                document = directory / "retention.json"
                document.write_text('{"occupancy_raw_days": 33}')
                put = vedette("policy", "set", "retention", document, "--camera", "shop", "--reason", "test", env=environment)
                assert put.returncode == 0, put
                until(lambda: hub.events("camera_id=shop&limit=1"), "there is something to keep")
                assert hub.stop() == 0
        where = ("--config", directory / "vedette.yml", "--data-dir", directory / "data")
        told = vedette("retention", "status", *where)
        assert told.returncode == 0, told
        views = [json.loads(line) for line in told.stdout.splitlines() if line.startswith("{")]
        assert [view["days"] for view in views if (view["table"], view.get("camera_id")) == ("occupancy", "shop")] == [33], views
        assert vedette("retention", "run", *where).returncode == 0
        with sqlite3.connect(directory / "data" / "vedette.db") as database:
            database.execute("""UPDATE service_policies SET config = '{"occupancy_raw_days": "long"}'""")
        database.close()
        refused = vedette("retention", "run", *where)
        assert refused.returncode == 1 and "a retention policy is refused" in refused.stderr, refused


def iso(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(seconds))


def a_policy_is_tried_on_what_was_seen():
    with Directory() as directory:
        files = world(directory)
        place = files / "orgs" / "default" / "cameras" / "shop"
        place.mkdir(parents=True)
        (place / "safety.json").write_text('{"loitering_seconds": 1}')
        began = time.time() - 5
        with Camera(directory, "scene://shop?fps=10&seed=3") as camera:
            with Hub(directory, "workers: {track_chunk_seconds: 1}\nstore: {fusion: {window_seconds: 1}}\n" + CAMERA % (SECRET, files, camera.url)) as hub:
                until(lambda: len(loiterings(hub)) >= 8, "enough is told")
                asked = int(time.time())
                signals = lambda: [event for event in hub.events("type=signal&camera_id=shop&limit=500")
                                   if event["occurred_at"] < iso(asked)]
                late = lambda event: event["occurred_at"] >= iso(asked + 3)  # records come in their order
                until(lambda: time.time() > asked + 4 and any(map(late, hub.events("camera_id=shop&limit=20"))), "all of it is stored")
                environment = {"PATH": os.environ["PATH"], "VEDETTE_URL": hub.address, "VEDETTE_PASSWORD": PASSWORD,
                               **sanitizer_options()}
                document = directory / "safety.json"

                def backtest(type_name, config):
                    document.write_text(json.dumps(config))
                    return vedette("policy", "backtest", type_name, document, "--scope", "camera/shop", "--from", iso(began),
                                   "--to", iso(asked), env=environment)

                unchanged = json.loads(backtest("safety", {"loitering_seconds": 1}).stdout)
                assert unchanged["state"] == "done" and unchanged["gaps"] == unchanged["damaged"] == 0, unchanged
                assert unchanged["stored"] == unchanged["reproduced"] == unchanged["kept"] == len(signals()), unchanged
                assert unchanged["new_signals"] == unchanged["gone"] == 0, unchanged
                assert {found["signal_id"] for found in unchanged["findings"]} == {event["id"] for event in signals()}
                incidents = [each for each in hub.request("/api/v1/incidents?camera_id=shop&limit=500")["items"]
                             if each["started_at"] < iso(asked)]
                whole = [each for each in incidents if each["last_signal_at"] < iso(asked)]
                assert len(whole) > 2, incidents
                assert unchanged["stored_incidents"] == unchanged["reproduced_incidents"] == len(whole), unchanged
                assert unchanged["incidents_kept"] == len(incidents), (unchanged, incidents)
                assert unchanged["incidents_changed"] == unchanged["incidents_new"] == unchanged["incidents_gone"] == 0, unchanged
                found = {each["incident_id"]: each for each in unchanged["incidents"]}
                for each in whole:
                    for mine, theirs in (("signal_ids", "signal_ids"), ("signal_count", "signal_count"), ("severity", "severity"),
                                         ("started_at", "started_at"), ("current_last_signal_at", "last_signal_at")):
                        assert found[each["id"]][mine] == each[theirs], (found[each["id"]], each)

                changed = json.loads(backtest("safety", {"loitering_seconds": 3}).stdout)
                assert changed["incidents_changed"] + changed["incidents_gone"] == len(incidents), changed
                kept = {found["track_ids"][0] for found in changed["findings"] if found["change"] == "kept"}
                gone = {found["track_ids"][0] for found in changed["findings"] if found["change"] == "gone"}
                # who stays on under another id, lost by the tracker between the two thresholds, is gone and new
                assert changed["kept"] + changed["gone"] == unchanged["kept"] > changed["kept"], changed
                assert changed["new_signals"] <= changed["gone"], changed
                stays = [event["payload"] for event in hub.events("type=zone_hit&camera_id=shop&limit=500")
                         if event["payload"]["event"] == "exit" and event["occurred_at"] < iso(asked)]
                long = {stay["track_id"] for stay in stays if stay["dwell_seconds"] > 3.5}
                brief = {stay["track_id"] for stay in stays} - {stay["track_id"] for stay in stays if stay["dwell_seconds"] > 2.5}
                assert not long & (gone - kept) and not brief & kept, (changed, stays)

                refused = backtest("detection", {})
                assert refused.returncode == 1 and "detection" in refused.stderr, refused.stderr


def frames_stored(directory):
    with sqlite3.connect(directory / "data" / "vedette.db") as database:
        stored = database.execute("SELECT coalesce(sum(frames), 0) FROM track_chunks").fetchone()[0]
    database.close()
    return stored


def what_was_seen_is_stored_while_its_camera_is_away():
    with Directory() as directory:
        files = world(directory)
        with Camera(directory, "scene://shop?fps=10&seed=3") as camera:
            with Hub(directory, "workers: {track_chunk_seconds: 3}\n" + CAMERA % (SECRET, files, camera.url)) as hub:
                until(lambda: health(hub)["frames_processed"] > 10, "it is seen")
                camera.stop()
                until(lambda: health(hub)["state"] != "online", "the camera is away")
                until(lambda: frames_stored(directory) == health(hub)["frames_processed"], "all that was seen is stored")


def h13_a_change_touches_its_own_cameras_alone():
    with Directory() as directory:
        files = world(directory)
        with Camera(directory, "scene://shop?fps=10&seed=3") as camera:
            config = CAMERA % (SECRET, files, camera.url) + f'  - {{id: yard, source: "{camera.url}"}}\n'
            with Hub(directory, config) as hub:
                of = lambda name: hub.cameras()[name]["health"]
                until(lambda: min(of(name).get("analysed_fps", 0) for name in ("shop", "yard")) > 3, "both are analysed")
                before = {name: of(name) for name in ("shop", "yard")}
                changed = send_webhook(hub, {"policy_type": "detection", "org_id": "default", "camera_id": "shop",
                                             "config": {"analyse_fps": 1}, "reason": "test"}, "msg_h13")
                until(lambda: of("shop").get("policy_revision") == changed["revision"], "the worker has taken it over")
                until(lambda: of("shop")["analysed_fps"] < 2, "fewer frames are analysed")
                assert of("yard").get("policy_revision", 0) == before["yard"].get("policy_revision", 0), of("yard")
                until(lambda: of("yard")["analysed_fps"] > 3, "the other's rate is as it was")
                for name in ("shop", "yard"):
                    assert of(name)["streams"][0]["connects"] == 1, of(name)


def h15_the_same_again_tells_no_worker():
    with Directory() as directory:
        files = world(directory)
        with Camera(directory, "scene://shop?fps=10&seed=3") as camera:
            with Hub(directory, CAMERA % (SECRET, files, camera.url)) as hub:
                put = lambda number, **scope: send_webhook(hub, {"policy_type": "safety", "org_id": "default", **scope, "reason": "test",
                                                                 "config": {"loitering_seconds": 5}}, f"msg_h15_{number}")
                made = put(1, camera_id="shop")
                first = made["revision"]
                until(lambda: health(hub).get("policy_revision") == first, "the worker has taken it over")
                assert put(2, camera_id="shop") == {**made, "diff": []}
                second = put(3)["revision"]  # the org says the same: another revision, and nothing else for the camera
                assert second > first
                until(lambda: hub.request("/policies")["revision"] == second, "it is in force in the server")
                pushed = f"vedette_policy_revision {second}\n"  # set each second, once workers were told of what differs
                until(lambda: pushed in hub.text("/metrics"), "workers were told what there is to tell")
                seen = health(hub)["frames_processed"]
                until(lambda: health(hub)["frames_processed"] > seen + 20, "frames were analysed since")
                assert health(hub)["policy_revision"] == first, health(hub)


class FailingServer(http.server.BaseHTTPRequestHandler):
    """Takes whatever is tried, and one change; then its store is away."""
    changes = 0

    def answer(self, status, body):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self):
        self.answer(200, {"org_id": "default", "username": "admin"})

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.answer(200, {})

    def do_PUT(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        type(self).changes += 1
        if type(self).changes == 1:
            self.answer(200, {})
        else:
            self.answer(503, {"title": "Service Unavailable", "status": 503, "detail": "the store is away"})

    def log_message(self, *_):
        pass


def an_import_that_fails_midway_says_what_was_done():
    with Directory() as directory:
        for name in ("motion", "privacy", "safety"):
            (directory / "import").mkdir(exist_ok=True)
            (directory / "import" / f"{name}.json").write_text("{}")
        with http.server.HTTPServer(("127.0.0.1", 0), FailingServer) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            told = vedette("policy", "import", directory / "import", env={
                "PATH": os.environ["PATH"], "VEDETTE_URL": f"http://127.0.0.1:{server.server_port}", "VEDETTE_TOKEN": "x",
                **sanitizer_options()})
            server.shutdown()
        assert told.returncode == 1, told
        assert told.stdout == "motion.json\n", told
        assert "1 of 3 files were imported, then: privacy.json" in told.stderr and "the store is away" in told.stderr, told


class HistoryServer(FailingServer):
    """Of one document, all 120 revisions came between two looks; tells fifty at once. The settings say tamper_seconds."""
    looks = 0

    def do_GET(self):
        place, _, query = self.path.partition("?")
        parameters = dict(urllib.parse.parse_qsl(query))
        if place.endswith("/history"):
            newest = int(parameters.get("cursor", 121)) - 1
            oldest = max(1, newest + 1 - int(parameters.get("limit", 50)))
            page = {"items": [{"revision": each} for each in range(newest, oldest - 1, -1)]}
            self.answer(200, page | ({"next_cursor": str(oldest)} if oldest > 1 else {}))
        elif place.endswith("/effective"):
            self.answer(200, {"config": {}, "origins": {}, "settings": {"tamper_seconds": 7}})
        elif place == "/api/v1/policies":
            type(self).looks += 1
            document = {"policy_type": "safety", "service_name": "safety", "org_id": "default", "version": 1, "revision": 1,
                        "config": {"tamper_seconds": 9}}
            self.answer(200, {"items": [document] if self.looks == 1 else []})
        else:
            self.answer(200, {"policies": {}, "revision": 1})


def history_is_followed_to_its_end_and_what_the_settings_say_is_told():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), HistoryServer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        environment = {"PATH": os.environ["PATH"], "VEDETTE_URL": f"http://127.0.0.1:{server.server_port}", "VEDETTE_TOKEN": "x",
                       **sanitizer_options()}
        older = vedette("policy", "history", "safety", "--limit", "2", "--cursor", "71", env=environment)
        assert [each["revision"] for each in json.loads(older.stdout)["items"]] == [70, 69], older
        monitor = subprocess.Popen([BINARY, "policy", "monitor"], stdout=subprocess.PIPE, text=True, env=environment)
        try:
            read_object(monitor.stdout)
            told = read_object(monitor.stdout)
            assert [each["revision"] for each in told["revisions"]] == list(range(2, 121)), told
            (key,) = told["effective"]
            assert (key["before"], key["after"], key["after_from"]["level"]) == (9, 7, "settings"), told
        finally:
            monitor.kill()
            monitor.communicate()
            server.shutdown()


class AdminsServer(FailingServer):
    """Its one user is an org's admin: whatever holds for everyone is refused."""

    def do_GET(self):
        self.answer(200, {"org_id": "default", "username": "ann", "role": "admin"})

    def take(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        if "scope=global" in self.path:
            self.answer(403, {"title": "Forbidden", "status": 403, "detail": "only the role platform"})
        else:
            self.answer(200, {})

    do_POST = do_PUT = take


def an_orgs_admin_imports_what_it_exported():
    with Directory() as directory:
        exported = directory / "exported"
        (exported / "orgs" / "default").mkdir(parents=True)
        (exported / "motion.json").write_text("{}")
        with http.server.HTTPServer(("127.0.0.1", 0), AdminsServer) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            run = lambda: vedette("policy", "import", exported, env={
                "PATH": os.environ["PATH"], "VEDETTE_URL": f"http://127.0.0.1:{server.server_port}", "VEDETTE_TOKEN": "x",
                **sanitizer_options()})
            nothing = run()
            (exported / "orgs" / "default" / "safety.json").write_text("{}")
            told = run()
            server.shutdown()
        assert nothing.returncode == 1 and "no policy files of an org" in nothing.stderr, nothing
        assert told.returncode == 0 and told.stdout == "orgs/default/safety.json\n", told
        assert "motion.json is left out: it holds for everyone" in told.stderr, told


def damage(directory, policy_type):
    """As another program might: what is stored is no document any more."""
    with sqlite3.connect(directory / "data" / "vedette.db", timeout=30) as database:
        assert database.execute("UPDATE service_policies SET config = '[]' WHERE policy_type = ?", (policy_type,)).rowcount == 1
    database.close()


def a_new_worker_goes_by_the_last_good_policies():
    with Directory() as directory:
        files = world(directory)
        with Camera(directory, "scene://shop?fps=10&seed=3") as camera:
            with Hub(directory, CAMERA % (SECRET, files, camera.url)) as hub:
                until(lambda: health(hub).get("frames_processed", 0) > 0, "frames are analysed")
                changed = send_webhook(hub, {"policy_type": "detection", "org_id": "default", "camera_id": "shop",
                                             "config": {"analyse_fps": 1}, "reason": "test"}, "msg_w1")
                until(lambda: health(hub).get("policy_revision") == changed["revision"], "the worker has taken it over")
                damage(directory, "detection")
                until(lambda: hub.request("/health")["components"]["policies"]["status"] == "degraded", "it is refused")
                (pid,) = hub.workers()
                os.kill(pid, signal.SIGKILL)
                until(lambda: hub.workers() not in ([], [pid]), "another worker has started")
                until(lambda: health(hub)["state"] == "online" and health(hub).get("policy_revision") == changed["revision"],
                      "it goes by the last good one")
                until(lambda: health(hub)["frames_processed"] > 2 and health(hub)["frames_skipped"] > 4 * health(hub)["frames_processed"],
                      "one of ten frames is analysed")


def nothing_is_seen_of_a_camera_whose_policies_nobody_knows():
    with Directory() as directory:
        files = world(directory)
        with Camera(directory, "scene://shop?fps=10&seed=3") as camera:
            config = CAMERA % (SECRET, files, camera.url) + f'  - {{id: yard, source: "{camera.url}"}}\n'
            with Hub(directory, config) as hub:
                until(lambda: health(hub).get("frames_processed", 0) > 0, "frames are analysed")
                send_webhook(hub, {"policy_type": "privacy", "org_id": "default", "camera_id": "shop",
                                   "config": {"blur_strength": 1}, "reason": "test"}, "msg_p1")
                assert hub.stop() == 0
            damage(directory, "privacy")
            (directory / "data" / "policies.snapshot").unlink()
            with Hub(directory, config, name="again") as hub:
                of = lambda name: hub.cameras()[name]["health"]
                until(lambda: of("yard").get("frames_processed", 0) > 30, "the other camera is analysed")
                until(lambda: "policies" in of("shop").get("last_error", ""), "the camera says why it is not")
                assert of("shop")["state"] == "online" and of("shop")["frames_processed"] == 0, of("shop")
                policies = hub.request("/health")["components"]["policies"]
                assert policies["status"] == "degraded" and "not analysed" in policies["reason"], policies
                assert "privacy" in hub.request("/policies?camera_id=shop")["error"]
                send_webhook(hub, {"policy_type": "privacy", "org_id": "default", "camera_id": "shop",
                                   "config": {"blur_strength": 1}, "reason": "mended"}, "msg_p2")
                until(lambda: of("shop").get("frames_processed", 0) > 0, "it is analysed once they are mended")
                until(lambda: hub.request("/health")["components"]["policies"]["status"] == "healthy", "all is well")


def a_directory_is_imported_whole_or_not_at_all():
    with Directory() as directory:
        files = world(directory)
        with Camera(directory, "scene://empty?fps=10") as camera:
            with Hub(directory, CAMERA % (SECRET, files, camera.url)) as hub:
                environment = {"PATH": os.environ["PATH"], "VEDETTE_URL": hub.address, "VEDETTE_PASSWORD": PASSWORD,
                               **sanitizer_options()}
                policy = lambda *words: vedette("policy", *words, env=environment)
                def effective():
                    told = json.loads(policy("effective", "safety", "--camera", "shop").stdout)
                    return {key: told["config"][key] for key, origin in told["origins"].items() if origin["revision"]}
                place = directory / "import" / "orgs" / "default" / "cameras" / "shop"
                place.mkdir(parents=True)
                (place / "safety.json").write_text('{"loitering_seconds": 4}')
                (place / "occupancy.json").write_text('{"dwell_seconds": "long"}')
                refused = policy("import", directory / "import")
                assert refused.returncode == 1 and "occupancy.json" in refused.stderr and "nothing" in refused.stderr, refused
                assert effective() == {}
                (place / "occupancy.json").write_text('{"dwell_seconds": 6}')
                assert policy("import", directory / "import", "--reason", "moved").returncode == 0
                assert effective() == {"loitering_seconds": 4}
                (directory / "till.json").write_text('{"loitering_seconds": 99}')
                assert policy("set", "safety", directory / "till.json", "--camera", "shop", "--service", "till").returncode == 0
                exported = policy("export", directory / "exported")
                assert exported.returncode == 0 and "'till' is left out" in exported.stderr, exported
                own = directory / "exported" / "orgs" / "default" / "cameras" / "shop" / "safety.json"
                assert json.loads(own.read_text()) == {"loitering_seconds": 4}
                again = directory / "exported" / "orgs" / "default" / "cameras" / "shop" / "occupancy.json"
                assert json.loads(again.read_text()) == {"dwell_seconds": 6}
                foreign = directory / "import" / "orgs" / "other"
                foreign.mkdir()
                (foreign / "safety.json").write_text("{}")
                assert "another org" in policy("import", directory / "import").stderr


if __name__ == "__main__":
    sys.exit(run_tests([
        ("a webhook changes a threshold for who is already there", a_webhook_changes_a_threshold_for_who_is_already_there),
        ("files that are there before the first start are in force at once",
         files_that_are_there_before_the_first_start_are_in_force_at_once),
        ("the command line changes, tells and refuses", the_command_line_changes_tells_and_refuses),
        ("every verb of the command line answers", every_verb_of_the_command_line_answers),
        ("monitor tells what changed and survives a restart", monitor_tells_what_changed_and_survives_a_restart),
        ("retention by hand goes by policies too", retention_by_hand_goes_by_policies_too),
        ("a policy is tried on what was seen", a_policy_is_tried_on_what_was_seen),
        ("what was seen is stored while its camera is away", what_was_seen_is_stored_while_its_camera_is_away),
        ("h13_a_change_touches_its_own_cameras_alone", h13_a_change_touches_its_own_cameras_alone),
        ("h15_the_same_again_tells_no_worker", h15_the_same_again_tells_no_worker),
        ("an import that fails midway says what was done", an_import_that_fails_midway_says_what_was_done),
        ("history is followed to its end, and what the settings say is told",
         history_is_followed_to_its_end_and_what_the_settings_say_is_told),
        ("an orgs admin imports what it exported", an_orgs_admin_imports_what_it_exported),
        ("a new worker goes by the last good policies", a_new_worker_goes_by_the_last_good_policies),
        ("nothing is seen of a camera whose policies nobody knows", nothing_is_seen_of_a_camera_whose_policies_nobody_knows),
        ("a directory is imported whole or not at all", a_directory_is_imported_whole_or_not_at_all),
        ("files are taken over, and bad ones change nothing", files_are_taken_over_and_bad_ones_change_nothing),
    ]))
