"""What requests cost, beside FastAPI under uvicorn doing the same work in the same run:

    bench_http.py VEDETTE LOAD_HTTP

GET /health, and the intake of events as NDJSON, each line checked and stored in SQLite, where a commit counts before the
answer. Both servers are asked in turns; the figures are medians, and what is compared is the server's own CPU time a request,
which says the same on a busy machine. Then what 1,000 WebSocket clients cost that are told ten times a second."""
import json
import os
import pathlib
import re
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

VEDETTE, LOAD = map(os.path.abspath, sys.argv[1:3])
PASSWORD = "bench-password-1"
ROUNDS, SECONDS, CONNECTIONS, EVENTS = 5, 3, 16, 20
PYTHON = "/usr/bin/python3"  # Debian's, which has its packages
TICKS = os.sysconf("SC_CLK_TCK")
# Nor is the spool to be full: at its most, intake takes in what the store has only seconds later.
NO_LIMITS = ("spool: {max_queue_size: 4000000, max_queue_bytes: 4000000000}\n"
             "limits: {reads_per_minute: 10000000, writes_per_minute: 10000000, heavy_per_minute: 10000000}\n"
             "http: {max_connections: 4096, max_connections_per_address: 4096, websocket_max_clients: 2048, "
             "websocket_max_clients_per_user: 2048}\n")

FASTAPI = '''
import json, sqlite3
from datetime import datetime
from fastapi import FastAPI, Header, HTTPException, Request
from pydantic import BaseModel, constr
app = FastAPI()
store = sqlite3.connect("fastapi.db", check_same_thread=False)
store.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                    "CREATE TABLE events (id TEXT PRIMARY KEY, type TEXT, camera_id TEXT, occurred_at TEXT, payload TEXT)")
HEALTH = json.load(open("health.json"))

class Signal(BaseModel):
    id: constr(max_length=64)
    camera_id: constr(max_length=64)
    service: constr(max_length=64)
    kind: constr(max_length=64)
    severity: str = "medium"
    started_at: datetime

class Event(BaseModel):
    id: constr(max_length=64)
    type: constr(max_length=64)
    camera_id: constr(max_length=64)
    occurred_at: datetime
    payload: Signal

@app.get("/health")
async def health():
    return HEALTH

@app.post("/api/v1/events")
async def intake(request: Request, authorization: str = Header()):
    if authorization != "Bearer bench":
        raise HTTPException(401)
    results, rows = [], []
    for number, line in enumerate((await request.body()).splitlines(), 1):
        try:
            event = Event.parse_raw(line)
            rows.append((event.id, event.type, event.camera_id, event.occurred_at.isoformat(), event.payload.json()))
            results.append({"line": number, "id": event.id, "status": "accepted"})
        except ValueError as error:
            results.append({"line": number, "status": "rejected", "detail": str(error)})
    with store:
        store.executemany("INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?, ?)", rows)
    return {"accepted": len(rows), "results": results}
'''


def cpu_seconds(pid, with_children=True):
    children = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False).stdout.split()
    pids = [pid, *map(int, children if with_children else ())]
    fields = [pathlib.Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split() for one in pids]
    return sum(int(field[11]) + int(field[12]) for field in fields) / TICKS


def load(port, connections, seconds, rate, path):
    return json.loads(subprocess.run([LOAD, str(port), str(connections), str(seconds), str(rate), str(path)], check=True,
                                     capture_output=True, text=True).stdout)


def until(condition, what):
    deadline = time.monotonic() + 30
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise SystemExit(f"bench_http: never came true: {what}")
        time.sleep(0.05)
    return value


def await_drained(server):
    """At its most it takes in more than it stores meanwhile: the rest belongs to what its requests cost, and not to what
    the next are kept waiting."""
    stats = urllib.request.Request(f"http://127.0.0.1:{server.port}/queue/stats",
                                   headers={"Authorization": f"Bearer {server.token}"})
    until(lambda: json.load(urllib.request.urlopen(stats))["total_queued"] == 0, "the spool is drained")


class Server:
    """A server that is asked: its process, port and the requests that are its own."""

    def __init__(self, directory, name, arguments, pattern, environment):
        self.name, self.directory = name, directory
        out = directory / f"{name}.out"
        with open(out, "w") as file:
            self.child = subprocess.Popen(arguments, stdout=file, stderr=subprocess.STDOUT, cwd=directory, env=environment)
        try:
            self.port = int(until(lambda: re.search(pattern, out.read_text()), f"{name} listens: {out}").group(1))
        except SystemExit:
            self.child.kill()
            raise
        self.requests = {}
        self.token = None  # of Vedette

    def add(self, name, head, body=b""):
        path = self.directory / f"{self.name}-{len(self.requests)}"
        path.write_bytes(head.format(port=self.port, length=len(body)).replace("\n", "\r\n").encode() + b"\r\n" + body)
        self.requests[name] = path

    def measure(self, name, rate=0, seconds=SECONDS):
        before = cpu_seconds(self.child.pid)
        result = load(self.port, CONNECTIONS, seconds, rate, self.requests[name])
        if result["failures"]:
            raise SystemExit(f"bench_http: {self.name} {name}: {result}")
        if self.token:
            await_drained(self)
        result["cpu_us"] = (cpu_seconds(self.child.pid) - before) / result["answers"] * 1e6
        result["rate"] = result["answers"] / result["seconds"]
        return result

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.send_signal(signal.SIGTERM)
        self.child.wait(30)


def start_vedette(directory, name, cameras):
    (directory / f"{name}.yml").write_text(NO_LIMITS + cameras)
    environment = {"PATH": os.environ["PATH"], "HOME": str(directory), "VEDETTE_ADMIN_PASSWORD": PASSWORD,
                   "VEDETTE_DATA_DIR": str(directory / f"{name}-data")}
    server = Server(directory, name, [VEDETTE, "run", "--config", f"{name}.yml", "--http-port", "0"],
                    r"http://127\.0\.0\.1:(\d+)", environment)
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}/auth/login",
                                     json.dumps({"username": "admin", "password": PASSWORD}).encode(),
                                     {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        server.token = json.load(answer)["access_token"]
    return server


def event_lines():
    """The same ids each time: storing what is stored already is part of the work of both."""
    lines = []
    for number in range(EVENTS):
        name = f"0197a000-0000-7000-8000-{number:012d}"
        payload = {"id": name, "camera_id": "door", "service": "safety", "kind": "intrusion", "severity": "high",
                   "started_at": "2026-01-01T00:00:00Z"}
        lines.append(json.dumps({"id": name, "type": "signal", "camera_id": "door", "occurred_at": "2026-01-01T00:00:00Z",
                                 "payload": payload}))
    return ("\n".join(lines) + "\n").encode()


def compare(servers, name, is_kept):
    measured = {server.name: [] for server in servers}
    for _ in range(ROUNDS):
        for server in servers:
            measured[server.name].append(server.measure(name))
    middle = {key: statistics.median(result["cpu_us"] for result in results) for key, results in measured.items()}
    rates = {key: statistics.median(result["rate"] for result in results) for key, results in measured.items()}
    print(f"{name:<24} vedette {middle['vedette']:8.1f} us of CPU a request, FastAPI {middle['fastapi']:8.1f}: "
          f"{middle['fastapi'] / middle['vedette']:5.1f} x; {rates['vedette']:.0f} and {rates['fastapi']:.0f} a second")
    at_half, bare = [], []
    for _ in range(ROUNDS):
        at_half.append(servers[0].measure(name, rate=rates["vedette"] / 2)["p99_ms"])
        if is_kept:
            bare.append(bare_sync_ms(servers[0].directory, rates["vedette"] / 2))
    print(f"{name:<24} vedette at half of that: p99 {statistics.median(at_half):.2f} ms ({listed(at_half)})")
    if is_kept:
        print(f"{'append and fdatasync':<24} as often, alone, after each of these: p99 {statistics.median(bare):.2f} ms ({listed(bare)})")


def listed(values):
    return ", ".join(f"{value:.1f}" for value in values)


def bare_sync_ms(directory, rate, seconds=1):
    """The p99 of what no server that keeps what it says can be faster than, as often as asked for or as the disk lets it: the
    body appended to a file and synced, by nobody beside it. Disks of virtual machines have their slow seconds, and bounds of
    how often they sync."""
    times, body, start = [], event_lines(), time.monotonic()
    with open(directory / "bare", "wb", buffering=0) as file:
        while (now := time.monotonic()) < start + seconds:
            time.sleep(max(0, start + len(times) / rate - now))
            began = time.perf_counter()
            file.write(body)
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - began) * 1000)
    return statistics.quantiles(times, n=100)[-1]


def requests_beside_fastapi(directory):
    (directory / "application.py").write_text(FASTAPI)
    cameras = "cameras: [{id: door, source: 'rtsp://127.0.0.1:1/s', enabled: false}]\n"
    with start_vedette(directory, "vedette", cameras) as vedette:
        with urllib.request.urlopen(f"http://127.0.0.1:{vedette.port}/health") as answer:
            (directory / "health.json").write_bytes(answer.read())
        uvicorn = [PYTHON, "-m", "uvicorn", "application:app", "--port", "0", "--no-access-log"]
        environment = {"PATH": os.environ["PATH"], "HOME": str(directory)}
        with Server(directory, "fastapi", uvicorn, r"http://127\.0\.0\.1:(\d+)", environment) as fastapi:
            body = event_lines()
            for server, token in (vedette, vedette.token), (fastapi, "bench"):
                server.add("GET /health", "GET /health HTTP/1.1\nHost: 127.0.0.1:{port}\n")
                server.add(f"intake of {EVENTS} events", "POST /api/v1/events HTTP/1.1\nHost: 127.0.0.1:{port}\n"
                           f"Authorization: Bearer {token}\nContent-Type: application/x-ndjson\n"
                           "Content-Length: {length}\n", body)
            for name in vedette.requests:
                compare((vedette, fastapi), name, is_kept=name != "GET /health")


def many_websockets(directory, clients=1000, seconds=20):
    serve = [VEDETTE, "camera", "serve", "scene://corridor", "--port", "0"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(directory)}
    with Server(directory, "camera", serve, r"rtsp://[^:]+:(\d+)/", environment):
        source = re.search(r"^rtsp://\S+$", (directory / "camera.out").read_text(), re.MULTILINE).group(0)
        with start_vedette(directory, "hub", f"cameras: [{{id: c, source: '{source}', analyse_fps: 10}}]\n") as hub:
            hub.add("ws", "GET /ws?types=tracks HTTP/1.1\nHost: 127.0.0.1:{port}\n"
                    f"Authorization: Bearer {hub.token}\nConnection: Upgrade\nUpgrade: websocket\n"
                    "Sec-WebSocket-Version: 13\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\n")
            headers = {"Authorization": f"Bearer {hub.token}"}
            cameras = urllib.request.Request(f"http://127.0.0.1:{hub.port}/api/v1/cameras", headers=headers)
            until(lambda: json.load(urllib.request.urlopen(cameras))["items"][0]["online"], "the camera is online")
            before = cpu_seconds(hub.child.pid, False)
            result = load(hub.port, clients, seconds, "ws", hub.requests["ws"])
            cpu = cpu_seconds(hub.child.pid, False) - before
            if result["failures"] or result["answers"] != clients:
                raise SystemExit(f"bench_http: {result}")
            print(f"{clients} WebSocket clients    {result['messages'] / clients / result['seconds']:.1f} messages a second each, "
                  f"{100 * cpu / result['seconds']:.0f} % of one core in the hub")


resource.setrlimit(resource.RLIMIT_NOFILE, (8192, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
with tempfile.TemporaryDirectory(prefix="vedette-bench-") as name:
    if subprocess.run([PYTHON, "-c", "import fastapi, uvicorn"], capture_output=True, check=False).returncode == 0:
        requests_beside_fastapi(pathlib.Path(name))
    else:
        print("bench_http: python3-fastapi and uvicorn are not installed: no comparison with them")
    many_websockets(pathlib.Path(name))
