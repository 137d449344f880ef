"""One trace from a camera's frame to what is stored and told, as a strict collector sees it; and a collector that is
away costs nothing else."""
import gzip
import http.server
import json
import re
import ssl
import sys
import threading
import time
import urllib.error
import urllib.request

from world import FAST, PASSWORD, Camera, Directory, Hub, camera_config, make_certificate, run_tests, until, vedette

SECRET = "canary-header-77ab"
KINDS = {1, 2, 3, 4, 5}


class Collector:
    """Takes OTLP/HTTP JSON as the protobuf's JSON mapping says, field by field; what is wrong is kept and told."""

    def __init__(self, certificate=None):
        self.spans, self.problems, self.requests, self.encodings = [], [], 0, set()
        self.answers = []  # statuses to give before the good ones
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector.requests += 1
                collector.encodings.add(self.headers["Content-Encoding"])
                if self.headers["Content-Encoding"] == "gzip":
                    body = gzip.decompress(body)
                status = collector.answers.pop(0) if collector.answers else 200
                if status == 200:
                    try:
                        collector.take(self, body)
                    except Exception as problem:
                        collector.problems.append(f"{type(problem).__name__}: {problem}")
                answer = b'{"partialSuccess":{}}'
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate.with_suffix(".crt"), certificate.with_suffix(".key"))
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"http{'s' if certificate else ''}://127.0.0.1:{self.server.server_port}/v1/traces"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def take(self, request, body):
        expect(request.path == "/v1/traces", request.path)
        expect(request.headers["Content-Type"] == "application/json", "content type")
        expect(request.headers["Authorization"] == f"Bearer {SECRET}", "the header of the file")
        expect(SECRET not in body.decode() and PASSWORD not in body.decode(), "a secret in a span")
        message = json.loads(body)
        only(message, {"resourceSpans"})
        for resource_spans in message["resourceSpans"]:
            only(resource_spans, {"resource", "scopeSpans"})
            only(resource_spans["resource"], {"attributes"})
            named = attributes(resource_spans["resource"]["attributes"])
            expect(named["service.name"] == "vedette" and named["service.instance.id"], "the resource")
            for scope_spans in resource_spans["scopeSpans"]:
                only(scope_spans, {"scope", "spans"})
                expect(scope_spans["scope"]["name"] == "vedette", "the scope")
                self.spans += [checked(span) for span in scope_spans["spans"]]

    def traces(self):
        """Spans by trace."""
        found = {}
        for span in list(self.spans):
            found.setdefault(span["traceId"], []).append(span)
        return found


def expect(condition, what):
    if not condition:
        raise ValueError(what)


def only(message, fields):
    expect(set(message) <= fields, f"{sorted(set(message) - fields)} are no fields")


def attributes(listed):
    """Name to value; each is {"key", "value": {one of stringValue, intValue…}}, and an int64 is a string."""
    found = {}
    for attribute in listed:
        only(attribute, {"key", "value"})
        expect(isinstance(attribute["key"], str) and attribute["key"] not in found, "an attribute's key")
        (kind, value), = attribute["value"].items()
        expect(kind in ("stringValue", "intValue") and isinstance(value, str), f"{kind}: {value!r}")
        if kind == "intValue":
            expect(re.fullmatch(r"-?[0-9]+", value), f"intValue {value}")
        found[attribute["key"]] = value
    return found


def checked(span):
    only(span, {"traceId", "spanId", "parentSpanId", "name", "kind", "startTimeUnixNano", "endTimeUnixNano", "attributes",
                "status"})
    for name, digits in (("traceId", 32), ("spanId", 16), ("parentSpanId", 16)):
        value = span.get(name)
        expect((value is None and name == "parentSpanId") or re.fullmatch(f"[0-9a-f]{{{digits}}}", value), f"{name} {value}")
        expect(value is None or set(value) != {"0"}, f"{name} is zero")
    expect(span["kind"] in KINDS and isinstance(span["name"], str) and span["name"], "kind and name")
    for name in ("startTimeUnixNano", "endTimeUnixNano"):
        expect(isinstance(span[name], str) and re.fullmatch(r"[0-9]{19}", span[name]), f"{name} {span[name]!r}")
    expect(int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"]), f"{span['name']} ends before it begins")
    if "status" in span:
        expect(span["status"] == {"code": 2}, "status")
    return {**span, "attributes": attributes(span["attributes"])}


NOBODY = camera_config("c", "rtsp://127.0.0.1:1/none")


def start(directory, collector_url, cameras, *options):
    (directory / "headers").write_text(f"Authorization: Bearer {SECRET}\n")
    tracing = (f"tracing: {{collector: '{collector_url}', headers_file: {directory / 'headers'}, ratio: 1, interval_ms: 50, "
               "timeout_ms: 15000}\n")
    return Hub(directory, FAST + tracing + "cameras:\n" + cameras, *options)


def span_named(spans, name):
    found = [span for span in spans if span["name"] == name]
    return found[0] if found else None


STAGES = ("decode", "wait", "motion", "detect", "track", "rules", "tell", "link", "intake", "spool", "push", "drain", "store")


def one_trace_from_the_frame_to_the_store():
    with Directory() as directory, Collector() as collector, Camera(directory, "scene://corridor") as camera:
        with start(directory, collector.url, camera_config("c", camera.url)) as hub:
            crossing = until(lambda: hub.events("type=line_crossing&limit=1"), "someone crosses the line")[0]
            assert "traceparent" not in crossing, crossing
            whole = until(lambda: all(span_named(collector.traces().get(crossing["trace_id"], []), name)
                                      for name in ("frame", *STAGES)) and collector.traces()[crossing["trace_id"]],
                          f"its trace is whole: {collector.problems}")
            assert not collector.problems, collector.problems
            root = span_named(whole, "frame")
            assert "parentSpanId" not in root and root["attributes"]["vedette.camera.id"] == "c", root
            ids = {span["spanId"] for span in whole}
            assert len(ids) == len(whole), "every span has an id of its own"
            for span in whole:
                if span is root:
                    continue
                assert span["parentSpanId"] == root["spanId"], span
                assert int(span["startTimeUnixNano"]) >= int(root["startTimeUnixNano"]), span
            starts = [int(span_named(whole, name)["startTimeUnixNano"]) for name in STAGES if name not in ("push", "store", "drain")]
            assert starts == sorted(starts), list(zip(STAGES, starts))
            spool, store = span_named(whole, "spool"), span_named(whole, "store")
            # the spool may hand out what it has kept before it has said so
            assert int(store["startTimeUnixNano"]) >= int(spool["startTimeUnixNano"]), "what is stored was spooled before"
            metrics = hub.text("/metrics")
            assert re.search(r"^vedette_trace_spans_sent_total [1-9]", metrics, re.MULTILINE), "they are counted"
            assert "vedette_trace_spans_dropped_total 0" in metrics and SECRET not in hub.log() + hub.out()


def a_callers_trace_goes_on():
    with Directory() as directory, Collector() as collector:
        with start(directory, collector.url, NOBODY) as hub:
            def ask(path, traceparent, body=None, content_type="application/json"):
                request = urllib.request.Request(hub.address + path, body, {
                    "Authorization": f"Bearer {hub.token}", "traceparent": traceparent, "Content-Type": content_type})
                with urllib.request.urlopen(request, timeout=60) as answer:
                    return answer.headers["traceparent"]

            trace, caller = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
            answered = ask("/api/v1/cameras/c", f"00-{trace}-{caller}-01")
            span = until(lambda: collector.traces().get(trace), "the request's span")[0]
            assert span["kind"] == 2 and span["parentSpanId"] == caller, span
            assert span["name"] == "GET /api/v1/cameras/{id}" and span["attributes"]["http.response.status_code"] == "200", span
            assert answered == f"00-{trace}-{span['spanId']}-01", answered

            unsampled = "1af7651916cd43dd8448eb211c80319c"
            assert ask("/api/v1/cameras", f"00-{unsampled}-{caller}-00").endswith("-00")
            event = {"id": "0190f3c1-0000-7000-8000-000000000001", "type": "line_crossing", "camera_id": "c",
                     "occurred_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
            event["payload"] = {"id": event["id"], "camera_id": "c", "line_id": "middle", "track_id": 1, "direction": "in",
                                "at": event["occurred_at"]}
            sent = "2af7651916cd43dd8448eb211c80319c"
            ask("/api/v1/events", f"00-{sent}-{caller}-01", json.dumps(event).encode(), "application/x-ndjson")
            names = ("POST /api/v1/events", "spool", "push", "drain", "store")
            spans = until(lambda: all(span_named(collector.traces().get(sent, []), name) for name in names) and collector.traces()[sent],
                          "the event's way is in the caller's trace")
            request = span_named(spans, "POST /api/v1/events")
            assert request["parentSpanId"] == caller
            for name in ("spool", "push", "drain", "store"):
                assert span_named(spans, name)["parentSpanId"] == request["spanId"], name
            for bad in ("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", f"00-{'0' * 32}-{caller}-01",
                        f"00-{trace}-{'0' * 16}-01", f"ff-{trace}-{caller}-01", f"00-{trace}-{caller}-01-more"):
                assert ask("/api/v1/cameras", bad)[3:35] != trace, bad
            assert unsampled not in collector.traces() and not collector.problems, collector.problems


def nobody_without_a_login_has_a_trace_told():
    """With no share of new traces to be told, only who is known has one told by asking."""
    caller = "b7ad6b7169203331"
    with Directory() as directory, Collector() as collector:
        with start(directory, collector.url, NOBODY, "--tracing-ratio", "0") as hub:
            def ask(path, trace, token=None):
                headers = {"traceparent": f"00-{trace}-{caller}-01", **({"Authorization": f"Bearer {token}"} if token else {})}
                try:
                    with urllib.request.urlopen(urllib.request.Request(hub.address + path, headers=headers), timeout=60) as answer:
                        return answer.headers["traceparent"]
                except urllib.error.HTTPError as refusal:
                    return refusal.headers["traceparent"]

            strangers = [f"{number}af7651916cd43dd8448eb211c80319c" for number in range(4)]
            for trace, path, token in zip(strangers, ("/api/v1/cameras", "/health", "/nowhere", "/api/v1/cameras"),
                                          (None, None, None, "no-token-of-ours")):
                answered = ask(path, trace, token)
                assert answered[3:35] == trace and answered.endswith("-00"), (path, answered)
            known = ["aaf7651916cd43dd8448eb211c80319c", "baf7651916cd43dd8448eb211c80319c"]
            for trace, path in zip(known, ("/api/v1/cameras", "/health")):
                assert ask(path, trace, hub.token).endswith("-01"), path
            until(lambda: set(known) <= collector.traces().keys(), "who is known is traced")
            assert not set(strangers) & collector.traces().keys(), collector.traces().keys()


def a_collector_is_told_by_tls_and_gzip_and_no_other():
    with Directory() as directory:
        make_certificate(directory)
        make_certificate(directory, "other")
        with Collector(directory / "server") as collector:
            trusted = ("--tracing-tls-ca-file", "server.crt", "--tracing-compression", "gzip")
            with start(directory, collector.url, NOBODY, *trusted):
                until(lambda: any(span["name"] == "POST /auth/login" for span in collector.spans), "the login's span")
                assert collector.encodings == {"gzip"} and not collector.problems, (collector.encodings, collector.problems)
            for number, wary in enumerate((("--tracing-tls-ca-file", "other.crt"), ())):  # vouched for by nobody we know
                before = collector.requests
                with start(directory, collector.url, NOBODY, *wary) as hub:
                    until(lambda: re.search(r"^vedette_trace_sends_failed_total [1-9]", hub.text("/metrics"), re.MULTILINE),
                          "it is not told")
                    until(lambda: "traces do not reach" in hub.log(), "and the log says so")
                assert collector.requests == before, number


def a_collector_that_is_away_costs_nothing_else():
    with Directory() as directory, Camera(directory, "scene://corridor") as camera:
        options = ("--tracing-queue-spans", "64", "--breaker-recovery-seconds", "1")
        with start(directory, "http://127.0.0.1:1/v1/traces", camera_config("c", camera.url), *options) as hub:
            until(lambda: hub.events("type=line_crossing&limit=1"), "what is seen is stored all the same")
            until(lambda: re.search(r"^vedette_trace_spans_dropped_total [1-9]", hub.text("/metrics"), re.MULTILINE),
                  "spans without room are counted")
            health = hub.request("/health")
            others = {name: part["status"] for name, part in health["components"].items() if name != "capacity"}
            assert set(others.values()) == {"healthy"}, health  # whether the machine is fast enough is its own affair
            assert "upstream:collector" in health["resilience_stats"]["circuit_breakers"], health["resilience_stats"]
            assert hub.log().count("traces do not reach") <= 2, "it is not told again and again"
            assert hub.stop() == 0


def a_silent_collector_does_not_hold_up_the_end():
    class Silent(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            asked.set()
            self.rfile.read(int(self.headers["Content-Length"]))
            over.wait(120)

    asked, over = threading.Event(), threading.Event()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Silent)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with Directory() as directory:
            with start(directory, f"http://127.0.0.1:{server.server_port}/v1/traces", NOBODY, "--tracing-timeout-ms", "60000") as hub:
                assert asked.wait(60), "it was asked"
                began = time.monotonic()
                assert hub.stop() == 0, hub.log()
                assert time.monotonic() - began < 15, "seconds, where tracing.timeout_ms is a minute"
    finally:
        over.set()
        server.shutdown()
        server.server_close()


def what_cannot_be_sent_now_is_sent_later():
    with Directory() as directory, Collector() as collector:
        collector.answers = [503, 503]
        with start(directory, collector.url, NOBODY) as hub:
            until(lambda: any(span["name"] == "POST /auth/login" for span in collector.spans), "the login's span, in the end")
            assert not collector.problems and collector.requests >= 3
            assert re.search(r"^vedette_trace_sends_failed_total 2$", hub.text("/metrics"), re.MULTILINE)


def a_notification_is_in_its_frames_trace():
    told = []

    class Receiver(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            told.append((body["type"], self.headers["webhook-id"], self.headers["traceparent"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    with Directory() as directory, Collector() as collector, Camera(directory, "scene://corridor") as camera:
        webhook = ("notify:\n  allowed_networks: 127.0.0.0/8\n  webhooks:\n"
                   f"    - {{id: till, url: 'http://127.0.0.1:{receiver.server_port}/in', secret: whsec_{'A' * 32}}}\n")
        cameras = camera_config("c", camera.url, lines=False) + (
            "    zones:\n      - {id: all, kind: intrusion, polygon: [[0, 0], [1, 0], [1, 1], [0, 1]]}\n") + webhook
        with start(directory, collector.url, cameras):
            first = lambda kind: [(name, traceparent) for type, name, traceparent in told if type.startswith(kind)][:1]
            event_id, traceparent = until(lambda: first("signal."), "a webhook comes")[0]
            trace, span_id = traceparent.split("-")[1:3]
            opened = until(lambda: first("incident.opened"), "and one of its incident")[0][1]
            assert opened.split("-")[1] == trace and opened.split("-")[2] != span_id, (opened, traceparent)
            spans = until(lambda: all(span_named(collector.traces().get(trace, []), name)
                                      for name in ("frame", "rules", "spool", "notify")) and
                          span_id in {span["spanId"] for span in collector.traces()[trace]} and collector.traces()[trace],
                          f"{event_id} is in a whole trace: {collector.problems}")
            deliver, frame = next(span for span in spans if span["spanId"] == span_id), span_named(spans, "frame")
            assert deliver["name"] == "notify" and deliver["parentSpanId"] == frame["spanId"], (deliver, frame)
            assert deliver["attributes"]["vedette.endpoint"] == "webhook:till" and "status" not in deliver, deliver
            assert int(deliver["startTimeUnixNano"]) >= int(frame["startTimeUnixNano"])
            assert not collector.problems, collector.problems
    receiver.shutdown()
    receiver.server_close()


def bad_settings_are_named():
    with Directory() as directory:
        def complaint(tracing):
            (directory / "bad.yml").write_text(f"tracing: {tracing}\ncameras: []\n")
            return vedette("config", "check", directory / "bad.yml").stderr

        assert "tracing.collector" in complaint("{collector: 'ftp://x/'}")
        assert "must not hold a login" in complaint("{collector: 'https://user:secret@x/v1/traces'}")
        (directory / "headers").write_text(f"Authorization: Bearer\n{SECRET} oops\n")
        (directory / "run.yml").write_text(f"tracing: {{collector: 'http://127.0.0.1:1/', headers_file: {directory / 'headers'}}}\n"
                                           "cameras: []\n")
        ended = vedette("run", "--config", directory / "run.yml", "--data-dir", directory / "data", "--http-port", "0")
        assert ended.returncode == 1 and "tracing.headers_file" in ended.stderr and SECRET not in ended.stderr, ended.stderr


if __name__ == "__main__":
    sys.exit(run_tests([
        ("one trace from the frame to the store", one_trace_from_the_frame_to_the_store),
        ("a caller's trace goes on", a_callers_trace_goes_on),
        ("nobody without a login has a trace told", nobody_without_a_login_has_a_trace_told),
        ("a collector is told by TLS and gzip, and no other", a_collector_is_told_by_tls_and_gzip_and_no_other),
        ("a collector that is away costs nothing else", a_collector_that_is_away_costs_nothing_else),
        ("a silent collector does not hold up the end", a_silent_collector_does_not_hold_up_the_end),
        ("what cannot be sent now is sent later", what_cannot_be_sent_now_is_sent_later),
        ("a notification is in its frame's trace", a_notification_is_in_its_frames_trace),
        ("bad settings are named", bad_settings_are_named),
    ]))
