"""What a scene's signals reach outside: a real HTTP receiver that verifies signatures as a stranger would."""
import base64
import contextlib
import hashlib
import hmac
import http.server
import json
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
import uuid

from world import FAST, Broker, Camera, Directory, Hub, free_port, run_tests, until

SECRET = base64.b64encode(bytes(range(32))).decode()
CAMERA = """
  - id: %s
    source: "%s"
    analyse_fps: 10
    zones:
      - {id: floor, kind: intrusion, polygon: [[0.02, 0.1], [0.98, 0.1], [0.98, 0.99], [0.02, 0.99]]}
"""


def is_signed(headers, body, came):
    """Standard Webhooks, from the specification alone; `came`: when it came."""
    message = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    mac = base64.b64encode(hmac.new(base64.b64decode(SECRET), message, hashlib.sha256).digest()).decode()
    is_of_now = abs(came - int(headers["webhook-timestamp"])) < 60
    return is_of_now and f"v1,{mac}" in headers["webhook-signature"].split(" ")


class Receiver:
    """Answers each request with `status`, and remembers what came."""

    def __init__(self, port=0):
        self.status, self.taken, self.accepted, self.lock = 200, [], set(), threading.Lock()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                status = outer.status
                with outer.lock:
                    outer.taken.append((self.path, dict(self.headers.items()), body, time.time()))
                    if status == 200:
                        outer.accepted.add(self.headers["webhook-id"])
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def messages(self):
        """(path, headers, body, when it came)."""
        with self.lock:
            return list(self.taken)

    def ids(self):
        """Of those that were answered well."""
        with self.lock:
            return set(self.accepted)


def webhook(port, more="", name="till"):
    return f'    - {{id: {name}, url: "http://127.0.0.1:{port}/in", secret: "whsec_{SECRET}"{more}}}\n'


def config(camera, webhooks, more="", cameras=None):
    return (FAST + 'rules: {cooldown_seconds: 0}\nnotify:\n  allowed_networks: "127.0.0.0/8"\n' + more +
            "  webhooks:\n" + webhooks + "cameras:\n" + (cameras or CAMERA % ("shop", camera.url)))


def a_scenes_signal_reaches_a_receiver_that_verifies_it():
    with Directory() as directory, Camera(directory, "scene://shop?fps=10&seed=3") as camera, Receiver() as receiver:
        with Hub(directory, config(camera, webhook(receiver.port))) as hub:
            intrusions = lambda: [one for one in receiver.messages() if json.loads(one[2])["type"] == "signal.intrusion"]
            path, headers, body, came = until(intrusions, "a webhook comes")[0]
            told = json.loads(body)
            assert path == "/in" and is_signed(headers, body, came), headers
            assert not is_signed(headers, body + b" ", came)
            assert told["data"]["camera_id"] == "shop", told
            stored = until(lambda: [event for event in hub.events("type=signal&limit=100")
                                    if event["id"] == headers["webhook-id"]], "it is the event of that id")[0]
            assert stored["payload"] == told["data"] and stored["occurred_at"] == told["timestamp"], (stored, told)
            assert hub.request("/health")["components"]["webhooks"]["status"] == "healthy"
            until(lambda: 'vedette_notify_delivered_total{kind="webhook",endpoint="till"}' in hub.text("/metrics"), "metrics")
            assert SECRET not in hub.log()


def post(hub, path):
    request = urllib.request.Request(hub.address + path, method="POST", headers={"Authorization": f"Bearer {hub.token}"})
    with urllib.request.urlopen(request) as answer:
        return answer.status


def stored_signals(hub, *cameras):
    return {event["id"] for event in hub.events("type=signal&limit=500")
            if event["payload"]["severity"] in ("medium", "high", "critical") and event["camera_id"] in cameras}


def nothing_is_lost_when_the_server_is_killed_in_the_middle():
    with Directory() as directory, Camera(directory, "scene://shop?fps=10&seed=3") as camera, Receiver() as receiver:
        ladder = '  retry_seconds: "0.3,0.3,0.3,0.3,0.3,600,600"\n'
        text = "breaker: {recovery_seconds: 0.2, recovery_max_seconds: 0.4}\n" + config(camera, webhook(receiver.port), ladder)
        for turn in range(3):
            receiver.status = 500 if turn < 2 else 200
            before = len(receiver.messages())
            with Hub(directory, text, name=f"hub{turn}") as hub:
                until(lambda: len(receiver.messages()) >= before + 4 and stored_signals(hub, "shop"), "it is tried, and stored")
                if turn < 2:
                    hub.child.kill()
                    hub.child.wait()
                    continue
                until(lambda: stored_signals(hub, "shop") <= receiver.ids(), "all that was stored is told", 90)
                bodies = {}
                for _, headers, body, came in receiver.messages():
                    assert is_signed(headers, body, came), headers
                    assert bodies.setdefault(headers["webhook-id"], body) == body, "a repetition says something else"


def send_signal(hub, camera):
    now = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
    id = str(uuid.uuid4())
    event = {"id": id, "type": "signal", "camera_id": camera, "occurred_at": now,
             "payload": {"id": id, "camera_id": camera, "service": "safety", "kind": "fall", "severity": "high", "started_at": now}}
    request = urllib.request.Request(hub.address + "/api/v1/events", method="POST", data=json.dumps(event).encode(),
                                     headers={"Authorization": f"Bearer {hub.token}", "Content-Type": "application/x-ndjson"})
    with urllib.request.urlopen(request) as answer:
        told = json.load(answer)
    assert told["accepted"] == 1, told
    return event["id"]


def people_are_told_while_the_store_is_away():
    with Directory() as directory, Camera(directory, "scene://shop?fps=10&seed=3") as camera, Receiver() as receiver:
        with Hub(directory, config(camera, webhook(receiver.port, ", about: signals"))) as hub:
            until(receiver.messages, "a webhook comes")
            with contextlib.closing(sqlite3.connect(directory / "data" / "vedette.db", isolation_level=None)) as store:
                store.execute("BEGIN IMMEDIATE")
                before = receiver.ids()
                new = until(lambda: receiver.ids() - before, "another comes while nothing can be stored")
                stored = {row[0] for row in store.execute("SELECT id FROM events")}
                late = until(lambda: receiver.ids() - before - stored or new - stored, "it is not in the store")
                sent = send_signal(hub, "shop")
                until(lambda: sent in receiver.ids(), "so does one that came by the API")
                late = late | {sent}
                store.execute("ROLLBACK")
            until(lambda: late <= {event["id"] for event in hub.events("type=signal&limit=500")}, "and is stored later")


def each_org_is_told_of_its_own_cameras():
    with Directory() as directory, Camera(directory, "scene://shop?fps=10&seed=3") as camera, \
            Receiver() as receiver, Receiver() as other:
        cameras = CAMERA % ("shop", camera.url) + (CAMERA % ("theirs", camera.url)).replace(
            "    analyse_fps", "    org_id: acme\n    analyse_fps")
        webhooks = webhook(receiver.port) + webhook(other.port, ", org_id: acme", "acme-till")
        with Hub(directory, config(camera, webhooks, cameras=cameras)) as hub:
            until(lambda: receiver.messages() and other.messages(), "both are told")
            for messages, name, org in ((receiver.messages(), "shop", "default"), (other.messages(), "theirs", "acme")):
                for _, _, body, _ in messages:
                    data = json.loads(body)["data"]
                    assert (data["camera_id"], data["org_id"]) == (name, org), data
            shown = json.dumps(hub.request("/health")) + hub.text("/metrics") + json.dumps(hub.request("/api/v1/breakers"))
            assert "upstream:webhook:till" in shown and "acme-till" not in shown, "another org's endpoint is shown"
            for name, status in (("webhook:till", 200), ("webhook:acme-till", 404), ("store", 403)):
                forced = hub.status(f"/api/v1/breakers/upstream:{name}", {"state": "forced_open"}, "PUT")[0]
                assert forced == status, f"{name}: {forced}"


def a_receiver_that_is_gone_is_named_in_health():
    with Directory() as directory, Camera(directory, "scene://shop?fps=10&seed=3") as camera, Receiver() as receiver:
        receiver.status = 410
        with Hub(directory, config(camera, webhook(receiver.port), "  stalled_seconds: 1\n")) as hub:
            component = lambda: hub.request("/health")["components"]["webhooks"]
            until(lambda: component()["status"] == "degraded" and "till: gone" in component()["reason"], "/health says so")
            metrics = hub.text("/metrics")
            assert 'vedette_notify_gone{kind="webhook",endpoint="till"} 1' in metrics
            promtool = shutil.which("promtool")
            if promtool:
                checked = subprocess.run([promtool, "check", "metrics"], input=metrics, capture_output=True, text=True, check=False)
                assert checked.returncode == 0, checked.stdout + checked.stderr
            assert [endpoint["state"] for endpoint in hub.request("/api/v1/notify/endpoints")["items"]] == ["gone"]
            letter = until(lambda: hub.request("/api/v1/notify/dead-letters")["items"], "a dead letter is kept")[0]
            assert letter["endpoint_id"] == "till" and "410" in letter["why"], letter
            receiver.status, before = 200, len(receiver.messages())
            assert post(hub, "/api/v1/notify/webhooks/till/enable") == 204
            assert post(hub, f"/api/v1/notify/dead-letters/{letter['id']}/retry") == 204
            until(lambda: letter["id"] in {headers["webhook-id"] for _, headers, _, _ in receiver.messages()[before:]}, "it is told")
            until(lambda: component()["status"] == "healthy", "/health is well again")
            actions = {(entry["subject_id"], entry["action"]) for entry in hub.request("/api/v1/audit")["items"]}
            assert {("till", "enable"), (letter["id"], "retry")} <= actions, actions
        receiver.status = 503
        with Hub(directory, config(camera, webhook(receiver.port), "  stalled_seconds: 1\n"), name="again") as hub:
            progress = lambda: hub.request("/health")["components"]["progress"]
            until(lambda: "webhook:till: deliveries" in progress().get("reason", ""), "a standstill is named")


def a_broker_is_waited_for_and_health_says_how_it_is():
    Broker.program()
    with Directory() as directory, Camera(directory, "scene://shop?fps=10&seed=3") as camera:
        port = free_port()
        text = (FAST + "rules: {cooldown_seconds: 0}\nnotify:\n  reconnect_max_seconds: 1\n  brokers:\n" +
                f"    - {{id: hall, host: 127.0.0.1, port: {port}}}\ncameras:\n" + CAMERA % ("shop", camera.url))
        with Hub(directory, text) as hub:
            component = lambda: hub.request("/health")["components"]["broker"]
            until(lambda: component()["status"] == "degraded" and "hall: " in component()["reason"], "/health says it is away")
            until(lambda: stored_signals(hub, "shop"), "a signal is stored all the same")
            with Broker(directory, port):
                until(lambda: component() == {"status": "healthy"}, "/health says it is there")
                delivered = lambda: int(re.search(r'vedette_notify_delivered_total{kind="mqtt",endpoint="hall"} (\d+)', hub.text("/metrics"))[1])
                until(lambda: delivered() >= len(stored_signals(hub, "shop")) > 0, "what waited is told")


if __name__ == "__main__":
    sys.exit(run_tests([
        ("a scene's signal reaches a receiver that verifies it", a_scenes_signal_reaches_a_receiver_that_verifies_it),
        ("nothing is lost when the server is killed in the middle", nothing_is_lost_when_the_server_is_killed_in_the_middle),
        ("people are told while the store is away", people_are_told_while_the_store_is_away),
        ("each org is told of its own cameras", each_org_is_told_of_its_own_cameras),
        ("W5: a receiver that is gone is named in /health", a_receiver_that_is_gone_is_named_in_health),
        ("a broker is waited for, and /health says how it is", a_broker_is_waited_for_and_health_says_how_it_is),
    ]))
