"""Pictures sent to POST /api/detect: looked at in a caged process of their own, with a memory a stream."""
import base64
import json
import os
import random
import re
import shutil
import signal
import struct
import threading
import urllib.error
import urllib.request
import zlib

from world import SHARED, Directory, Hub, Skip, run_tests, sanitizer_options, until, vedette

WIDTH, HEIGHT = 160, 120
LEARNT = 30  # pictures until the background stands, at five a second
# A picture's time begins with the start of the process that looks at it, on a machine that has much to do.
CONFIG = "cameras: []\ndetect: {timeout_seconds: 45}\n"
STONES = [[random.Random(100 * y + x).randrange(40, 120) for x in range(WIDTH // 8)] for y in range(HEIGHT // 8)]
MODEL = SHARED / "assets/models/yolox_nano.onnx"
STREET = SHARED / "assets/media/coco_gt"


def png(width, height, pixel):
    """A grey picture, pixel(x, y) in 0..255."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + bytes(pixel(x, y) for x in range(width)) for y in range(height))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def picture_of_block(left):
    """A block of 10 x 30 pixels before a wall whose stones are unlike each other, so that it is seen to stand still."""
    return png(WIDTH, HEIGHT, lambda x, y: 230 if left <= x < left + 10 and 40 <= y < 70 else STONES[y // 8][x // 8])


def post(hub, body, content_type="application/json", token=None):
    request = urllib.request.Request(hub.address + "/api/detect", body)
    request.add_header("Content-Type", content_type)
    request.add_header("Authorization", f"Bearer {token or hub.token}")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def detect(hub, image, **fields):
    status, answer = post(hub, json.dumps({"frame": base64.b64encode(image).decode(), **fields}).encode())
    assert status == 200, (status, answer)
    return answer


def time_of(number):
    return f"2026-01-05T10:{number // 300:02}:{number // 5 % 60:02}.{number % 5 * 200:03}Z"


def send_walk(hub, stream, count, **fields):
    """A block that stands out of the picture until the background is learnt, then walks through it."""
    answers = []
    for number in range(count):
        left = -30 if number < LEARNT else -30 + 4 * (number - LEARNT)
        answers.append(detect(hub, picture_of_block(left), stream_id=stream, captured_at=time_of(number), **fields))
    return answers


def a_stream_counts_crossings_and_intrusions():
    zone = {"id": "yard", "kind": "intrusion", "polygon": [[0.5, 0], [1, 0], [1, 1], [0.5, 1]]}
    with Directory() as directory, Hub(directory, CONFIG) as hub:
        answers = send_walk(hub, "gate", LEARNT + 45, line_x=0.5, zones=[zone])
        last = answers[-1]
        assert answers[0]["is_new_stream"] and not last["is_new_stream"]
        assert last["detector"] == "motion" and last["width_px"] == WIDTH, last
        assert (last["counts"]["line_in"], last["counts"]["line_out"]) == (1, 0), last["counts"]
        crossings = [crossing for answer in answers for crossing in answer["crossings"]]
        assert [crossing["direction"] for crossing in crossings] == ["in"], crossings
        kinds = [signal["kind"] for answer in answers for signal in answer["violations"]]
        assert kinds == ["intrusion"], kinds
        told = [answer["features"]["zone_intrusion"]["count"] for answer in answers]
        assert sum(told) == 1 and last["features"]["line_crossing"]["status"] == "ok", told
        walker = crossings[0]["track_id"]
        assert walker and any(item["track_id"] == walker for item in answers[-12]["objects"]), answers[-12]
        other = detect(hub, picture_of_block(40), stream_id="other")
        assert other["is_new_stream"] and other["counts"]["line_in"] == 0, "streams know nothing of each other"


def each_feature_says_how_it_went():
    with Directory() as directory, Hub(directory, CONFIG) as hub:
        answer = detect(hub, picture_of_block(40))
        assert len(answer["features"]) == 12, answer["features"]
        for name in ("ppe", "face_identity", "attendance", "plates", "people_count", "line_crossing", "loitering"):
            assert answer["features"][name]["status"] == "unavailable" and answer["features"][name]["reason"], (name, answer)
        some = detect(hub, picture_of_block(40), stream_id="s", enabled_features={"crowd": True})["features"]
        assert some["crowd"]["status"] == "ok" and some["tampering"]["status"] == "off", some


def a_form_answers_as_json_does():
    boundary = "x7-boundary"
    parts = {"frame": picture_of_block(40), "line_x": b"80", "stream_id": b"form",
             "enabled_features": b'{"line_crossing": true}', "annotate": b"true",
             "zones": b'[{"id": "yard", "kind": "intrusion", "polygon": [[0.5, 0], [1, 0], [1, 1], [0.5, 1]]}]'}
    body = b"".join(f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode() + value + b"\r\n"
                    for name, value in parts.items()) + f"--{boundary}--\r\n".encode()
    with Directory() as directory, Hub(directory, CONFIG) as hub:
        status, answer = post(hub, body, f"multipart/form-data; boundary={boundary}")
        assert status == 200, answer
        assert answer["stream_id"] == "form" and answer["features"]["line_crossing"]["status"] == "ok", answer
        assert base64.b64decode(answer["annotated_image"])[:3] == b"\xff\xd8\xff"
        status, answer = post(hub, body.replace(b"frame", b"other"), f"multipart/form-data; boundary={boundary}")
        assert status == 400, answer
        twice = f"--{boundary}\r\nContent-Disposition: form-data; name=\"frame\"\r\n\r\n\r\n".encode() + body
        status, answer = post(hub, twice, f"multipart/form-data; boundary={boundary}")
        assert status == 400 and "more than one" in answer["errors"][0]["message"], answer
        status, answer = post(hub, body.replace(b"annotate", b"schema_version"), f"multipart/form-data; boundary={boundary}")
        assert status == 400 and answer["errors"][0]["path"] == "schema_version", answer


def what_is_no_picture_is_refused_before_it_is_decoded():
    bomb = picture_of_block(0)[:16] + struct.pack(">II", 60000, 60000) + picture_of_block(0)[24:]
    cut = picture_of_block(0)[:60]
    with Directory() as directory, Hub(directory, CONFIG) as hub:
        for image in (b"no picture", bomb, b"", b"\xff\xd8\xff\xe0\x00\x10JFIF", cut):
            status, answer = post(hub, json.dumps({"frame": base64.b64encode(image).decode()}).encode())
            assert status == 400 and answer["errors"][0]["path"] == "frame", (image[:20], status, answer)
        for body in (b"{}", b'{"frame": "%%%"}', b'{"frame": 7}', b'{"line_x": 0.5}', b"[", b'{"frame":"","nope":1}'):
            status, answer = post(hub, body)
            assert status == 400, (body, answer)
        assert detect(hub, picture_of_block(40))["width_px"] == WIDTH, "and it goes on"


def too_many_streams_are_refused():
    with Directory() as directory, Hub(directory, CONFIG.replace("}", ", streams: 2}")) as hub:
        for name in ("a", "b", "a"):
            detect(hub, picture_of_block(40), stream_id=name)
        frame = base64.b64encode(picture_of_block(40)).decode()
        status, answer = post(hub, json.dumps({"frame": frame, "stream_id": "c"}).encode())
        assert status == 429 and "detect.streams" in answer["detail"], (status, answer)


def a_process_that_dies_is_started_again():
    with Directory() as directory, Hub(directory, CONFIG) as hub:
        detect(hub, picture_of_block(40), stream_id="s")
        [worker] = hub.workers()
        os.kill(worker, signal.SIGKILL)
        until(lambda: worker not in hub.workers() and hub.workers(), "another process looks at pictures")
        answer = detect(hub, picture_of_block(40), stream_id="s")
        assert answer["is_new_stream"], "what the dead one knew is gone, and said to be"


def an_idle_process_is_ended():
    with Directory() as directory, Hub(directory, CONFIG.replace("}", ", idle_seconds: 1}")) as hub:
        assert not hub.workers()
        detect(hub, picture_of_block(40))
        until(lambda: not hub.workers(), "it ends once nobody sends pictures")
        detect(hub, picture_of_block(40))
        assert hub.stop() == 0


def a_model_finds_people_and_hides_them():
    if not MODEL.exists() or "none" in vedette("model", "list").stdout.rsplit("run by:", 1)[-1]:
        raise Skip("no model, or a build without ONNX Runtime")
    with Directory() as directory:
        shutil.copy(MODEL, directory / "yolox_nano.onnx")
        shutil.copy(f"{os.environ['VEDETTE_SOURCE']}/models/cards/yolox_nano.card.json", directory)
        config = CONFIG + f"detector: {{model: {directory / 'yolox_nano.onnx'}}}\n"
        with Hub(directory, config) as hub:
            images = [path.read_bytes() for path in sorted(STREET.glob("*.jpg"))]
            answers = [detect(hub, image, annotate=True) for image in images]
            people = sum(answer["counts"]["people"] for answer in answers)
            assert people >= 3, people
            for answer in answers:
                assert answer["features"]["people_count"] == {"status": "ok", "count": answer["counts"]["people"]}, answer
                assert base64.b64decode(answer["annotated_image"])[:3] == b"\xff\xd8\xff"


def ask(hub, path, body, token=None):
    request = urllib.request.Request(hub.address + path, json.dumps(body).encode())
    request.add_header("Content-Type", "application/json")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer) if answer.status != 204 else None


def nobody_is_starved(send, busy, waiting):
    """One org's pictures come without end; another's, which needs the one process, is looked at all the same."""
    is_over = threading.Event()

    def keep_busy():
        while not is_over.is_set():
            send(busy)

    senders = [threading.Thread(target=keep_busy) for _ in range(3)]
    for sender in senders:
        sender.start()
    try:
        for _ in range(2):
            status = send(waiting)
            assert status == 200, status
    finally:
        is_over.set()
        for sender in senders:
            sender.join()


def still(number):
    """Nothing but the wall, with a flicker: as a camera's noise, no two pictures are the same."""
    return png(WIDTH, HEIGHT, lambda x, y: STONES[y // 8][x // 8] + (number + x + y) % 2)


def with_blocks(number, *lefts):
    return png(WIDTH, HEIGHT, lambda x, y: 230 if any(left <= x < left + 10 and 40 <= y < 70 for left in lefts)
               else STONES[y // 8][x // 8] + (number + x + y) % 2)


def dark(number):
    return png(WIDTH, HEIGHT, lambda x, y: 4 + (number + x) % 2)


def walk(number):
    return with_blocks(number, -30 + 4 * (number % 60))


# What is shown once the background stands, by feature, for how many pictures, and what is raised by it.
SCENES = [
    ("line_crossing", walk, 50, "in"),
    ("zone_intrusion", walk, 50, "intrusion"),
    ("loitering", lambda number: with_blocks(number, 60 + number % 8), 40, "loitering"),
    ("crowd", lambda number: with_blocks(number, 20 + 2 * (number % 20), 110 - 2 * (number % 20)), 40, "crowd"),
    ("object_left_taken", lambda number: with_blocks(number, 60), 120, "object_left"),
    ("tampering", dark, 40, "camera_dark"),
    ("tampering", lambda number: still(0), 170, "camera_frozen"),
]
TRUSTED = 60  # pictures until what is seen counts as usual: 12 s
YARD = {"id": "yard", "kind": "intrusion", "polygon": [[0.5, 0], [1, 0], [1, 1], [0.5, 1]]}


def what_is_on_is_raised_and_what_is_off_is_not():
    """Each feature alone, and all but it, with everything that has room for it sent along."""
    with Directory() as directory, Hub(directory, CONFIG) as hub:
        features = list(detect(hub, still(0))["features"])
        for name, scene, count, kind in SCENES:
            pictures = [still(number) for number in range(TRUSTED)] + [scene(number) for number in range(count)]
            for is_on in (True, False):
                asked = {feature: (feature == name) == is_on for feature in features}
                raised = []
                for number, picture in enumerate(pictures):
                    answer = detect(hub, picture, stream_id=f"{kind}-{is_on}", captured_at=time_of(number), enabled_features=asked,
                                    line_x=0.5, zones=[YARD], loitering_seconds=2, crowd_limit=1, object_seconds=2)
                    raised += [signal["kind"] for signal in answer["violations"]]
                    raised += [crossing["direction"] for crossing in answer["crossings"]]
                assert (kind in raised) == is_on, (name, is_on, raised)
                assert answer["features"][name]["status"] == ("ok" if is_on else "off"), answer["features"]


def a_clock_that_was_set_stops_no_rule():
    """The sender's clock goes back by a minute, or on by 50 minutes, while somebody loiters."""
    with Directory() as directory, Hub(directory, CONFIG) as hub:
        for step in (-300, 15000):
            raised = []
            for number in range(TRUSTED + 60):
                is_set = number >= TRUSTED + 5
                picture = still(number) if number < TRUSTED else with_blocks(number, 60 + number % 8)
                answer = detect(hub, picture, stream_id=f"set-{step}", captured_at=time_of(600 + number + is_set * step),
                                zones=[YARD], loitering_seconds=4)
                raised += [(signal["kind"], number) for signal in answer["violations"] if signal["kind"] == "loitering"]
            assert len(raised) == 1 and raised[0][1] > TRUSTED + 5, (step, raised)


def two_orgs_share_nothing():
    config = CONFIG
    with Directory() as directory:

        def command(*words):
            done = vedette(*words, "--config", "vedette.yml", cwd=directory,
                           env={"PATH": os.environ["PATH"], "VEDETTE_DATA_DIR": str(directory / "data"), **sanitizer_options()})
            assert done.returncode == 0, done.stderr
            return done.stdout

        with Hub(directory, config) as hub:
            hub.stop()
        assert "platform" in command("user", "role", "admin", "platform", "runs this server")
        with Hub(directory, config) as hub:
            assert ask(hub, "/api/v1/orgs", {"id": "second"}, hub.token)["id"] == "second"
            hub.stop()
        password = re.search(r"password: (\S+)", command("user", "add", "eve", "admin", "the first", "--org", "second")).group(1)
        assert '"eve"' in command("user", "list", "--org", "second")
        with Hub(directory, config) as hub:
            login = {"username": "second/eve", "password": password}
            ask(hub, "/auth/password", {"current_password": password, "new_password": "another canary 5f1c"},
                ask(hub, "/auth/login", login)["access_token"])
            theirs = ask(hub, "/auth/login", {**login, "password": "another canary 5f1c"})["access_token"]
            frame = base64.b64encode(picture_of_block(40)).decode()

            def look(token):
                status, answer = post(hub, json.dumps({"frame": frame, "stream_id": "gate"}).encode(), token=token)
                assert status == 200, answer
                return answer["is_new_stream"]

            seen = [look(hub.token), look(theirs), look(hub.token), look(theirs)]
            assert seen[:2] == [True, True], f"another org's stream of the same name is another: {seen}"
            nobody_is_starved(lambda token: post(hub, json.dumps({"frame": frame}).encode(), token=token)[0], hub.token, theirs)
            entries = hub.request("/api/v1/audit")["items"]
            assert any(entry.get("reason") == "runs this server" for entry in entries), entries


if __name__ == "__main__":
    raise SystemExit(run_tests([(function.__name__, function) for function in (
        a_stream_counts_crossings_and_intrusions, each_feature_says_how_it_went, a_form_answers_as_json_does,
        what_is_no_picture_is_refused_before_it_is_decoded, too_many_streams_are_refused,
        a_process_that_dies_is_started_again, an_idle_process_is_ended, two_orgs_share_nothing,
        what_is_on_is_raised_and_what_is_off_is_not, a_clock_that_was_set_stops_no_rule, a_model_finds_people_and_hides_them)]))
