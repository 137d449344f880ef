"""What the end-to-end tests share: the real binary, a real RTSP camera, a hub in a temporary directory, and TAP."""
import contextlib
import http.server
import io
import json
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import urllib.error
import urllib.request
import urllib.response

BINARY = os.environ["VEDETTE_BINARY"]
SHARED = pathlib.Path(os.environ.get("VEDETTE_SHARED", "/nowhere"))
DEADLINE_SECONDS = 60
PASSWORD = "canary-password-5f1c"


class AnswerNotes(urllib.request.BaseHandler):
    """Notes what is asked and answered in a file of the program's own where VEDETTE_ANSWERS says: tests/contract holds it
    to the contract."""

    handler_order = 100  # before what makes errors of answers

    def __init__(self, directory):
        os.makedirs(directory, exist_ok=True)
        path = os.path.join(directory, os.path.basename(sys.argv[0]) + ".ndjson")
        self.notes = open(path, "w", buffering=1)
        self.lock = threading.Lock()

    def http_response(self, request, answer):
        kind = answer.headers.get("Content-Type")
        is_text = not (kind or "").startswith(("text/event-stream", "multipart/", "image/"))
        body = answer.read() if is_text else b""
        target = request.full_url.split("/", 3)[3]
        line = {"method": request.get_method(), "target": f"/{target}", "status": answer.status, "type": kind,
                "text": body.decode(errors="replace"),
                "headers": {name.lower(): value for name, value in answer.headers.items()}}
        with self.lock:
            self.notes.write(json.dumps(line) + "\n")
        if not is_text:
            return answer
        copy = urllib.response.addinfourl(io.BytesIO(body), answer.headers, answer.url, answer.status)
        copy.msg = answer.reason
        return copy

    https_response = http_response


NOTES = [AnswerNotes(os.environ["VEDETTE_ANSWERS"])] if "VEDETTE_ANSWERS" in os.environ else []
urllib.request.install_opener(urllib.request.build_opener(*NOTES))


def open_url(request, context=None, timeout=DEADLINE_SECONDS):
    """As urlopen, which would note nothing where there is a context."""
    return urllib.request.build_opener(urllib.request.HTTPSHandler(context=context), *NOTES).open(request, timeout=timeout)


class Skip(Exception):
    pass


def run_tests(tests):
    """Runs (name, function) pairs; prints TAP."""
    failed = False
    for number, (name, test) in enumerate(tests, 1):
        try:
            test()
            print(f"ok {number} - {name}", flush=True)
        except Skip as reason:
            print(f"ok {number} - {name} # SKIP {reason}", flush=True)
        except Exception:
            failed = True
            print(f"not ok {number} - {name}", flush=True)
            print("# " + traceback.format_exc().replace("\n", "\n# "), flush=True)
    print(f"1..{len(tests)}")
    return 1 if failed else 0


def until(condition, what, seconds=DEADLINE_SECONDS):
    """Polls until the condition is true; fails at the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"never came true: {what}")
        select.select([], [], [], 0.05)


def vedette(*arguments, **options):
    """Runs a command to its end."""
    return subprocess.run([BINARY, *map(str, arguments)], capture_output=True, text=True, timeout=300, check=False, **options)


@contextlib.contextmanager
def server_that_says(answer):
    """A server in whose place the test answers: answer(path) is the status and what becomes the body, as JSON."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.rfile.read(int(self.headers.get("content-length", 0)))
            status, body = answer(self.path)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body, separators=(",", ":")).encode())

        do_POST = do_GET

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Directory:
    """A temporary directory for a `with`."""

    def __enter__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="vedette-test-"))
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)


class Process:
    """A child in a process group of its own, with its output in files, ended with the `with`."""

    def __init__(self, directory, name, arguments, environment=None, before=None):
        self.out_path, self.log_path = directory / f"{name}.out", directory / f"{name}.log"
        self.arguments, self.environment, self.before = arguments, environment, before
        self.child = self.launch()

    def launch(self):
        with open(self.out_path, "w") as out, open(self.log_path, "w") as log:
            return subprocess.Popen(self.arguments, stdout=out, stderr=log, env=self.environment, cwd=self.out_path.parent,
                                    start_new_session=True, preexec_fn=self.before)

    def __enter__(self):
        return self

    def __exit__(self, trouble, *_):
        if trouble and self.child.poll() is not None:
            print(f"# {self.log_path.name}: ended with {self.child.returncode}: " + self.log()[-3000:].replace("\n", "\n# "))
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait()

    def launch_if_ended(self):
        """The port that it is to listen on may have been another program's for a moment."""
        if self.child.poll() is not None:
            self.child = self.launch()

    def out(self):
        return self.out_path.read_text(errors="replace")

    def log(self):
        return self.log_path.read_text(errors="replace")

    def stop(self):
        self.child.send_signal(signal.SIGTERM)
        return self.child.wait(timeout=DEADLINE_SECONDS)


def make_certificate(directory, name="server"):
    """NAME.crt and NAME.key of 127.0.0.1, which vouches for itself."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=vedette", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", directory / f"{name}.key", "-out",
                    directory / f"{name}.crt"], check=True, capture_output=True)


def sanitizer_options():
    return {name: value for name, value in os.environ.items()
            if name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS")}


class Broker(Process):
    """A mosquitto that listens there."""

    @staticmethod
    def program():
        """For who needs it later: skips the test where there is none."""
        server = shutil.which("mosquitto", path="/usr/sbin:/usr/bin")
        if not server:
            raise Skip("no mosquitto (apt install mosquitto)")
        return server

    def __init__(self, directory, port):
        (directory / "mosquitto.conf").write_text(f"user root\nlistener {port} 127.0.0.1\nallow_anonymous true\nlog_type all\n")
        super().__init__(directory, "mosquitto", [self.program(), "-c", "mosquitto.conf"])
        until(self.listens, f"the broker listens: {self.log()}")

    def listens(self):
        """By its own word: another program may listen at its port, and then it has ended, or is about to."""
        self.launch_if_ended()
        return re.search(r"^\d+: mosquitto version \S+ running$", self.log(), re.MULTILINE)


class Camera(Process):
    """A real RTSP camera that plays files or scenes."""

    def __init__(self, directory, *sources, port=0, options=()):
        super().__init__(directory, f"camera-{len(list(directory.iterdir()))}",
                         [BINARY, "camera", "serve", *sources, "--port", str(port), *options])
        self.url = until(self.find_url, "the camera listens").group(0)
        self.port = int(re.search(r":(\d+)/", self.url).group(1))

    def find_url(self):
        self.launch_if_ended()
        return re.search(r"^rtsp://\S+$", self.out(), re.MULTILINE)


class Hub(Process):
    """`vedette run` with a configuration, on a free port. `password` None: the first one is generated; without `logs_in` the
    test logs in when its store is there; `starts` is called while it starts, `before` in the process that becomes it."""

    def __init__(self, directory, config, *options, name="hub", context=None, password=PASSWORD, logs_in=True, binary=BINARY,
                 starts=None, variables=None, before=None):
        self.directory, self.context = directory, context
        (directory / "vedette.yml").write_text(config)
        environment = {"PATH": os.environ["PATH"], "HOME": str(directory), "VEDETTE_DATA_DIR": str(directory / "data"),
                       **sanitizer_options(), **(variables or {})}
        if password:
            environment["VEDETTE_ADMIN_PASSWORD"] = password
        super().__init__(directory, name, [binary, "run", "--config", "vedette.yml", "--http-port", "0", *options], environment,
                         before)
        self.token = None
        if starts:
            starts()
        self.address = until(self.find_address, f"the hub runs: {self.log()}")
        if logs_in:
            self.log_in(password)

    def log_in(self, password=PASSWORD):
        self.token = self.request("/auth/login", {"username": "admin", "password": password})["access_token"]

    def status(self, path, body=None, method=None):
        """The status of an answer, its headers and what it holds, whatever it says."""
        try:
            return 200, {}, self.request(path, body, method)
        except urllib.error.HTTPError as answer:
            return answer.code, answer.headers, json.load(answer)

    def find_address(self):
        assert self.child.poll() is None, f"the hub ended: {self.log()}"
        match = re.search(r"https?://\S+", self.out())
        return match and match.group(0)

    def request(self, path, body=None, method=None):
        request = urllib.request.Request(self.address + path, json.dumps(body).encode() if body else None, method=method)
        request.add_header("Content-Type", "application/json")
        if self.token and not path.startswith("/auth/login"):
            request.add_header("Authorization", f"Bearer {self.token}")
        with open_url(request, self.context) as answer:
            return json.load(answer)

    def text(self, path):
        request = urllib.request.Request(self.address + path, headers={"Authorization": f"Bearer {self.token}"})
        with open_url(request, self.context) as answer:
            return answer.read().decode()

    def cameras(self):
        return {camera["id"]: camera for camera in self.request("/api/v1/cameras")["items"]}

    def online(self):
        return {name for name, camera in self.cameras().items() if camera["online"]}

    def events(self, query="limit=500"):
        return self.request(f"/api/v1/events?{query}")["items"]

    def workers(self):
        """Process ids of the hub's workers."""
        found = subprocess.run(["pgrep", "-P", str(self.child.pid), "-f", "^[^ ]+ worker( |$)"], capture_output=True, text=True,
                               check=False)
        return [int(word) for word in found.stdout.split()]


def camera_config(name, source, lines=True):
    """One camera of a settings file, with a line and a zone that fit scene://corridor."""
    text = f"  - id: {name}\n    source: {source}\n    analyse_fps: 10\n"
    if lines:
        text += ("    lines:\n      - {id: middle, a: [0.15, 0.5], b: [0.85, 0.5]}\n"
                 "    zones:\n      - {id: near, polygon: [[0.15, 0.66], [0.85, 0.66], [0.85, 0.98], [0.15, 0.98]]}\n")
    return text


def wrong_and_total(expected, counted, ways):
    """Counts of lines or zones that differ from the truth's, and the truth's."""
    return (sum(abs(a[way] - b[way]) for a, b in zip(expected, counted) for way in ways),
            sum(a[way] for a in expected for way in ways))


# Cameras that come back are found soon; none is given up because the machine has much to do.
FAST = "source: {retry_delay_ms: 100, retry_delay_max_ms: 500, stall_timeout_ms: 30000, connect_timeout_ms: 30000}\n"
