"""What a scene's signals reach outside: a real HTTP receiver that verifies signatures as a stranger would."""
import base64
import hashlib
import hmac
import http.server
import json
import sys
import threading
import time

from world import FAST, Camera, Directory, Hub, run_tests, until

SECRET = base64.b64encode(bytes(range(32))).decode()
CAMERA = """
  - id: %s
    source: "%s"
    analyse_fps: 10
    zones:
      - {id: floor, kind: intrusion, polygon: [[0.02, 0.1], [0.98, 0.1], [0.98, 0.99], [0.02, 0.99]]}
"""


def is_signed(headers, body):
    """Standard Webhooks, from the specification alone."""
    message = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    mac = base64.b64encode(hmac.new(base64.b64decode(SECRET), message, hashlib.sha256).digest()).decode()
    is_of_now = abs(time.time() - int(headers["webhook-timestamp"])) < 60
    return is_of_now and f"v1,{mac}" in headers["webhook-signature"].split(" ")


class Receiver:
    """Answers each request with `status`, and remembers what came."""

    def __init__(self, port=0):
        self.status, self.answer_headers, self.taken, self.lock = 200, {}, [], threading.Lock()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                with outer.lock:
                    outer.taken.append((self.path, dict(self.headers.items()), body))
                self.send_response(outer.status)
                for name, value in outer.answer_headers.items():
                    self.send_header(name, value)
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
        with self.lock:
            return list(self.taken)


def webhook(port, more="", name="till"):
    return f'    - {{id: {name}, url: "http://127.0.0.1:{port}/in", secret: "whsec_{SECRET}"{more}}}\n'


def config(camera, webhooks, more="", cameras=None):
    return (FAST + 'rules: {cooldown_seconds: 0}\nnotify:\n  allowed_networks: "127.0.0.0/8"\n' + more +
            "  webhooks:\n" + webhooks + "cameras:\n" + (cameras or CAMERA % ("shop", camera.url)))


def a_scenes_signal_reaches_a_receiver_that_verifies_it():
    with Directory() as directory, Camera(directory, "scene://shop?fps=10&seed=3") as camera, Receiver() as receiver:
        with Hub(directory, config(camera, webhook(receiver.port))) as hub:
            path, headers, body = until(receiver.messages, "a webhook comes")[0]
            told = json.loads(body)
            assert path == "/in" and is_signed(headers, body), headers
            assert not is_signed(headers, body + b" ")
            assert told["type"] == "signal.intrusion" and told["data"]["camera_id"] == "shop", told
            stored = until(lambda: [event for event in hub.events("type=signal&limit=100")
                                    if event["id"] == headers["webhook-id"]], "it is the event of that id")[0]
            assert stored["payload"] == told["data"] and stored["occurred_at"] == told["timestamp"], (stored, told)
            assert hub.request("/health")["components"]["webhooks"]["status"] == "healthy"
            until(lambda: 'vedette_notify_delivered_total{kind="webhook",endpoint="till"}' in hub.text("/metrics"), "metrics")
            assert SECRET not in hub.log()


if __name__ == "__main__":
    sys.exit(run_tests([
        ("a scene's signal reaches a receiver that verifies it", a_scenes_signal_reaches_a_receiver_that_verifies_it),
    ]))
