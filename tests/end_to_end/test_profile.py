"""`vedette profile` against a running server: what it counts is what went by, and the stages are within the whole."""
import itertools
import json
import os
import signal
import sys
import threading
import time
import urllib.request

from world import BINARY, FAST, Camera, Directory, Hub, Process, camera_config, run_tests, until, vedette

WHOLE = {"cameras": "frame", "camera": "frame", "route": "request"}
IN_FRAME = ("motion", "detect", "track", "rules", "tell", "link")


def profile(directory, *arguments):
    return vedette("profile", "--data-dir", directory / "data", *arguments)


def check_stages(part):
    """Each stage is consistent in itself, and the shares are of the whole and within it."""
    stages = {stage["stage"]: stage for stage in part["stages"]}
    for stage in part["stages"]:
        assert stage["count"] > 0 and stage["total_ms"] >= 0, stage
        assert abs(stage["mean_ms"] * stage["count"] - stage["total_ms"]) <= 1e-6 * max(stage["total_ms"], 1), stage
        assert stage["p50_ms"] <= stage["p95_ms"] <= stage["p99_ms"], stage
    whole = stages.get(WHOLE.get(part["kind"]))
    if whole:
        assert whole["count"] == part["count"] and whole["share"] == 1, part
        inside = [stage for stage in part["stages"] if "share" in stage and stage is not whole]
        # stages are noted to the microsecond below
        assert sum(stage["total_ms"] for stage in inside) <= whole["total_ms"] + 0.002 * sum(s["count"] for s in inside), part
        assert all(0 <= stage["share"] <= 1 for stage in inside), inside
    return stages


def send_event(hub, number):
    event = {"id": f"0190f3c1-0000-7000-8000-{number:012x}", "type": "line_crossing", "camera_id": "one",
             "occurred_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
    event["payload"] = {"id": event["id"], "camera_id": "one", "line_id": "middle", "track_id": 1, "direction": "in",
                        "at": event["occurred_at"]}
    urllib.request.urlopen(urllib.request.Request(hub.address + "/api/v1/events", json.dumps(event).encode(), {
        "Authorization": f"Bearer {hub.token}", "Content-Type": "application/x-ndjson"}), timeout=30).close()


def frames_records_and_requests_are_told():
    with Directory() as directory, Camera(directory, "scene://corridor", "scene://shop") as camera:
        first = camera.url
        second = until(lambda: len(camera.out().split()) > 1 and [w for w in camera.out().split() if w.startswith("rtsp:")],
                       "both cameras listen")[-1]
        cameras = camera_config("one", first) + camera_config("two", second, lines=False)
        with Hub(directory, FAST + "cameras:\n" + cameras) as hub:
            until(lambda: hub.online() == {"one", "two"} and hub.events(), "both cameras are watched, and something is told")
            over = threading.Event()

            def look():
                numbers = itertools.count()
                while not over.is_set():
                    hub.cameras()
                    hub.events()
                    send_event(hub, next(numbers))
                    try:
                        hub.text("/api/v1/cameras/one/preview.jpg")
                    except Exception:
                        pass

            asker = threading.Thread(target=look)
            asker.start()
            before = {name: camera["health"]["frames_processed"] for name, camera in hub.cameras().items()}
            ended = profile(directory, "--seconds", 4, "--json")
            after = {name: camera["health"]["frames_processed"] for name, camera in hub.cameras().items()}
            over.set()
            asker.join()
            assert ended.returncode == 0, ended.stderr
            report = json.loads(ended.stdout)
            assert 4 <= report["seconds"] < 30, report["seconds"]
            parts = {(part["kind"], part["name"]): part for part in report["parts"]}
            one, two, every = parts["camera", "one"], parts["camera", "two"], parts["cameras", "all"]
            assert every["count"] == one["count"] + two["count"], (every["count"], one["count"], two["count"])
            for name, part in (("one", one), ("two", two), ("", every)):
                stages = check_stages(part)
                for stage in IN_FRAME:
                    assert stages[stage]["count"] == part["count"], (stage, stages[stage])
                assert stages["wait"]["count"] == part["count"] and stages["decode"]["count"] <= part["count"], stages
                if name:
                    # health is told each second
                    assert 0 < part["count"] <= after[name] - before[name] + 30, (part["count"], before, after)
            for stage in check_stages(every).values():
                of_each = [s for part in (one, two) for s in part["stages"] if s["stage"] == stage["stage"]]
                assert stage["count"] == sum(s["count"] for s in of_each), stage
                assert abs(stage["total_ms"] - sum(s["total_ms"] for s in of_each)) < 0.01, stage
            assert "privacy" in check_stages(one), "previews were asked for"
            records = check_stages(parts["records", "all"])
            # one may be under way at either end
            assert records["store"]["count"] == parts["records", "all"]["count"], records
            assert abs(records["store"]["count"] - records["drain"]["count"]) <= 1, records
            route = check_stages(parts["route", "GET /api/v1/events"])
            assert set(route) == {"auth", "handler", "store", "write", "request"} and route["store"]["total_ms"] > 0, route
            assert ("route", "GET /api/v1/jobs") not in parts, "what nobody asked for is not told"


def who_did_not_answer_is_left_out_and_named():
    with Directory() as directory, Camera(directory, "scene://corridor") as camera:
        with Hub(directory, FAST + "cameras:\n" + camera_config("one", camera.url, lines=False)) as hub:
            until(lambda: hub.online() == {"one"}, "the camera is watched")
            worker = hub.workers()[0]
            os.kill(worker, signal.SIGSTOP)
            with Process(directory, "late", [BINARY, "profile", "--data-dir", str(directory / "data"), "--seconds", "2", "--json"]) as late:
                until(lambda: "did not tell" in hub.log(), "the first look is over")
                os.kill(worker, signal.SIGCONT)
                assert late.child.wait(timeout=60) == 0, late.log()
            assert hub.workers() == [worker], "it lived on, and answered the second look"
            parts = [(part["kind"], part["name"], part["count"]) for part in json.loads(late.out())["parts"]]
            assert ("left_out", "one", 0) in parts and ("cameras", "all", 0) in parts, parts
            assert ("camera", "one") not in [part[:2] for part in parts], parts
            until(lambda: "frames of camera one" in profile(directory, "--seconds", 1).stdout, "the next one tells of it")


def a_table_for_people():
    with Directory() as directory:
        with Hub(directory, "cameras: []\n") as hub:
            hub.cameras()
            ended = profile(directory, "--seconds", 1)
            assert ended.returncode == 0, ended.stderr
            assert "frames of all cameras: 0" in ended.stdout and "records on their way" in ended.stdout, ended.stdout


def one_that_is_broken_off_makes_room():
    with Directory() as directory:
        with Hub(directory, "cameras: []\n") as hub:
            with Process(directory, "first", [BINARY, "profile", "--data-dir", str(directory / "data"), "--seconds", "300"]) as first:
                until(lambda: "looks for 300 s" in hub.log(), "the first one has begun")
                first.child.terminate()
                first.child.wait(timeout=30)
            until(lambda: profile(directory, "--seconds", 1).returncode == 0, "another can begin at once")


def one_at_a_time_and_none_without_a_server():
    with Directory() as directory:
        ended = profile(directory, "--seconds", 1)
        assert ended.returncode == 1 and "control.sock" in ended.stderr, ended
        for wrong in ("0", "301"):
            assert profile(directory, "--seconds", wrong).returncode == 2, wrong
        with Hub(directory, "cameras: []\n") as hub:
            with Process(directory, "first", [BINARY, "profile", "--data-dir", str(directory / "data"), "--seconds", "300"]) as first:
                until(lambda: "looks for 300 s" in hub.log(), "the first one has begun")
                assert "another command" in profile(directory, "--seconds", 1).stderr, "a second one is refused"
                assert hub.stop() == 0
                assert first.child.wait(timeout=30) == 1 and "the server ends" in first.log(), first.log()


if __name__ == "__main__":
    sys.exit(run_tests([
        ("frames, records and requests are told", frames_records_and_requests_are_told),
        ("who did not answer is left out and named", who_did_not_answer_is_left_out_and_named),
        ("a table for people", a_table_for_people),
        ("one that is broken off makes room", one_that_is_broken_off_makes_room),
        ("one at a time, and none without a server", one_at_a_time_and_none_without_a_server),
    ]))
