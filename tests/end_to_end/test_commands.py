"""The commands as a person uses them: settings checked, clips analysed, wrong input named."""
import json
import os
import sqlite3
import sys

import onnx_file
from world import Directory, run_tests, vedette, wrong_and_total


def analyze(video, config, *options):
    result = vedette("analyze", video, "--config", config, "--json", *options)
    lines = result.stdout.strip().split("\n")
    return result, [json.loads(line) for line in lines[:-1]], json.loads(lines[-1])["summary"] if lines[-1] else None


def config_check_tells_what_a_server_would_refuse():
    with Directory() as directory:
        path, pem = directory / "refused.yml", directory / "no.pem"
        pem.write_text("canary")
        cases = (("policies: {keys: 'a:canary'}", "policies.keys: policy keys, line 1: must be an id"),
                 ("limits: {routes: [{route: 'GET /nowhere', per_minute: 1}]}", "limits.routes[0].route: 'GET /nowhere' is no route"),
                 (f"http: {{tls_certificate_file: {pem}, tls_key_file: {pem}}}", f"http.tls_certificate_file: {pem}: is no PEM file"))
        for settings, words in cases:
            path.write_text(settings + "\n")
            checked = vedette("config", "check", path)
            assert checked.returncode == 0 and f"{path}: warning: {words}" in checked.stderr, checked
            run = vedette("run", "--config", path, "--data-dir", directory / "data")
            assert run.returncode == 1 and f"vedette run: {words}" in run.stderr, run
            assert "canary" not in checked.stderr + run.stderr and not (directory / "data").exists()
        path.write_text("")
        checked = vedette("config", "check", path, env={**os.environ, "VEDETTE_HTTP_PROT": "80"})
        assert "warning: VEDETTE_HTTP_PROT: is no setting and is passed over: did you mean 'VEDETTE_HTTP_PORT'?" in checked.stderr, checked


def config_check_tells_every_mistake():
    with Directory() as directory:
        path = directory / "bad.yml"
        path.write_text("http:\n  prot: 80\n  address: 1\ncameras:\n  - id: a\n    source: ftp://x/y\n  - id: b c\n"
                        "    source: rtsp://u:canary@h:99999/\n")
        result = vedette("config", "check", path)
        assert result.returncode == 1, result
        lines = result.stderr.strip().split("\n")
        assert any(line.startswith(f"{path}:2: http.prot: is unknown: did you mean 'port'") for line in lines), lines
        assert any(line.startswith(f"{path}:7: cameras[1].id:") for line in lines), lines
        assert any(line.startswith(f"{path}:6: cameras[0].source: 'ftp' is not allowed") for line in lines), lines
        assert any(line.startswith(f"{path}:8: cameras[1].source: the port must be") for line in lines), lines
        assert "canary" not in result.stderr
        path.write_text("retention: {occupancy_hourly_days: 8, occupancy_daily_days: 38}\ncameras: [{id: a, source: rtsp://h/}]\n")
        result = vedette("config", "check", path)  # what comes a week late is counted with all of its day and month
        assert result.returncode == 1 and all(f"retention.{key}: {days}: must be 0, or more than" in result.stderr
                                              for key, days in (("occupancy_hourly_days", 8), ("occupancy_daily_days", 38))), result
        path.write_text("cameras:\n  - id: a\n    source: rtsp://h/\n")
        result = vedette("config", "check", path)
        assert result.returncode == 0 and "ok, 1 camera" in result.stdout and not result.stderr, result
        path.write_text("source: {picture_fps: 0.05}\nrules: {outage_seconds: 9}\ncameras:\n"
                        "  - {id: a, source: rtsp://h/}\n  - {id: b, source: rtsp://i/, analyse_fps: 0.1}\n")
        result = vedette("config", "check", path)  # valid, but nothing would be counted
        told = [line.removeprefix(f"{path}: warning: ").split(":")[0] for line in result.stderr.strip().split("\n")]
        assert result.returncode == 0 and told == ["source.picture_fps", "cameras[1].analyse_fps"], result
        zone = "{id: %s, polygon: [[0, 0], [1, 0], [1, 1]], classes: [%s]}"
        line = "{id: l, a: [0, 0.5], b: [1, 0.5], classes: [car]}"
        zones = ", ".join((zone % ("a", "person, motion"), zone % ("b", "Person"), zone % ("c", "")))
        cameras = f"cameras:\n  - {{id: a, source: rtsp://h/, zones: [{zones}], lines: [{line}]}}\n"
        onnx_file.write(directory / "m.onnx", labels=["person", "car"])
        for config, expected in (("", ["zones[0].classes[0]", "zones[1].classes[0]", "lines[0].classes[0]"]),
                                 (f"detector: {{model: {directory / 'm.onnx'}}}\n", ["zones[1].classes[0]"]),
                                 (f"detector: {{model: {directory / 'none.onnx'}}}\n", ["detector.model"])):  # its labels are not known
            path.write_text(config + cameras)
            result = vedette("config", "check", path)  # valid, but classes that nothing can have
            told = [line.split(": ")[2].removeprefix("cameras[0].") for line in result.stderr.splitlines()]
            assert result.returncode == 0 and told == expected, result
        night = "schedule: [{from: '20:00', to: '06:00'}]"
        zones = f"zones: [{{id: gate, polygon: [[0, 0], [1, 0], [1, 1]], {night}}}]"
        path.write_text(f"cameras:\n  - {{id: a, source: rtsp://h/, {zones}}}\n"
                        f"  - {{id: b, source: rtsp://i/, {zones}, rules: {{time_zone: Europe/Berlin}}}}\n")
        result = vedette("config", "check", path)  # valid, but hours of a place whose clocks nobody named
        assert result.returncode == 0 and "cameras[0].rules.time_zone: is empty, and zone gate has a schedule" in result.stderr, result
        assert "cameras[1]" not in result.stderr, result
        path.write_text("notify:\n  brokers:\n    - {id: b, host: h, kinds: [queue_long, camera_recovered], minimum_severity: medium, about: signals}\n"
                        "    - {id: c, host: h, kinds: [intrussion, intrusion, camera_recovered]}\n")
        result = vedette("config", "check", path)  # valid, but nothing would be told
        told = [line.removeprefix(f"{path}: warning: notify.").split(":")[0] for line in result.stderr.splitlines()]
        assert result.returncode == 0 and told == ["brokers[0].kinds[1]", "brokers[1].kinds[0]"], result
        for words in (("--config", path), (f"--config={path}",)):
            result = vedette("config", "check", *words)
            assert result.returncode == 0 and f"{path}: ok, " in result.stdout, result
        for words in ((path, "--config", path), (), (path, path), ("--confg", path)):
            result = vedette("config", "check", *words)
            assert result.returncode == 2 and "usage: vedette config check FILE, or --config FILE" in result.stderr, result
        result = vedette("config", "check", directory / "none.yml")
        assert result.returncode == 1 and "none.yml: cannot be opened" in result.stderr, result.stderr


def a_rendered_clip_is_analysed():
    with Directory() as directory:
        clip, truth, config = directory / "c.mp4", directory / "c.json", directory / "c.yml"
        result = vedette("scene", "render", "night", "--seed", 3, "--seconds", 30, "--out", clip, "--truth", truth, "--config", config)
        assert result.returncode == 0, result.stderr
        assert vedette("config", "check", config).returncode == 0
        result, events, summary = analyze(clip, config)
        expected = json.loads(truth.read_text())
        assert result.returncode == 0, result.stderr
        assert summary["frames"] == summary["analysed"] == expected["frames"] == 300, summary
        # Only pictures that entered the decoder before our pool was in force are copied: the first few of a stream.
        assert summary["frame_copies"] <= 8, summary
        assert summary["lines"] == expected["lines"], (summary["lines"], expected["lines"])
        assert sum(event["type"] == "line_crossing" for event in events) == sum(l["in"] + l["out"] for l in summary["lines"])
        assert set(summary["stages_ms"]) == {"decode", "motion", "detect", "track", "rules"}


# Wrong counts, as a share of those in the truth, over the seeds below: of lines, and of lines and zones together.
COUNT_ERROR_MAX, SEEDS, SECONDS = 0.02, range(1, 11), 60


def scenes_are_counted_without_a_model():
    with Directory() as directory:
        for kind in ("shop", "gate"):
            line_wrong = line_total = zone_wrong = zone_total = 0
            for seed in SEEDS:
                truth_path, config = directory / "t.json", directory / "t.yml"
                vedette("scene", "render", kind, "--seed", seed, "--seconds", SECONDS, "--truth", truth_path, "--config", config)
                _, _, summary = analyze(f"scene://{kind}?seed={seed}&frames={SECONDS * 10}", config)
                truth = json.loads(truth_path.read_text())
                wrong, total = wrong_and_total(truth["lines"], summary["lines"], ("in", "out"))
                line_wrong, line_total = line_wrong + wrong, line_total + total
                wrong, total = wrong_and_total(truth["zones"], summary["zones"], ("enters", "exits"))
                zone_wrong, zone_total = zone_wrong + wrong, zone_total + total
            words = f"{kind}: wrong are {line_wrong} of {line_total} crossings, {zone_wrong} of {zone_total} zone entries and exits"
            print(f"# {words}")
            assert line_wrong <= COUNT_ERROR_MAX * line_total, words
            assert line_wrong + zone_wrong <= COUNT_ERROR_MAX * (line_total + zone_total), words


def nothing_is_counted_in_an_empty_room():
    with Directory() as directory:
        config = directory / "e.yml"
        vedette("scene", "render", "empty", "--seconds", 60, "--config", config)
        _, events, summary = analyze("scene://empty?seed=2&frames=600", config)
        assert all(line["in"] == line["out"] == 0 for line in summary["lines"]), summary
        assert all(event["type"] == "occupancy" and event["payload"]["count"] == 0 for event in events), events


def wrong_videos_are_named():
    with Directory() as directory:
        config = directory / "e.yml"
        config.write_text("cameras:\n  - {id: a, source: x.mp4}\n")
        clip = directory / "good.mp4"
        vedette("scene", "render", "gate", "--seconds", 4, "--out", clip)
        data = clip.read_bytes()
        cases = {"absent.mp4": (None, "cannot be opened"), "empty.mp4": (b"", "is empty"),
                 "text.mp4": (b"hello" * 100, "is no video file"), "cut.mp4": (data[: len(data) // 2], "cut.mp4"),
                 "head.mp4": (data[:64], "head.mp4")}
        for name, (content, words) in cases.items():
            if content is not None:
                (directory / name).write_bytes(content)
            result = vedette("analyze", directory / name, "--config", config, "--json")
            assert result.returncode == 1 and words in result.stderr and name in result.stderr, (name, result)
        result = vedette("analyze", "rtsp://127.0.0.1/x", "--config", config)
        assert result.returncode == 1 and "live camera" in result.stderr, result


def odd_sizes_are_analysed():
    with Directory() as directory:
        clip, config = directory / "odd.mp4", directory / "odd.yml"
        result = vedette("scene", "render", "shop", "--seconds", 5, "--width", 322, "--height", 242, "--out", clip, "--config", config)
        assert result.returncode == 0, result.stderr
        result, _, summary = analyze(clip, config)
        assert result.returncode == 0 and summary["frames"] == 50, result


def detections_that_are_none_name_their_line():
    with Directory() as directory:
        (directory / "det.txt").write_text("1,-1,10,10,50,100,0.9\n2,-1,x,10,50,100,0.9\n")
        result = vedette("track", "--detections", directory / "det.txt", "--frame-rate", 30, "--out", directory / "out.txt")
        assert result.returncode == 1 and "line 2" in result.stderr, result


def g08_an_org_is_deleted():
    with Directory() as directory:
        where = ("--data-dir", directory / "data")
        assert vedette("migrate", "up", *where).returncode == 0
        with sqlite3.connect(directory / "data" / "vedette.db") as database:
            database.execute("INSERT INTO orgs (id, name) VALUES ('default', 'Default'), ('acme', 'Acme')")
            database.execute("INSERT INTO sites (org_id, id) VALUES ('acme', 'hall'), ('default', 'hall')")
        database.close()
        for org in ("default", "acme"):  # whoever asks: without it the server would not start again
            own = vedette("org", "delete", "default", "over", "--org", org, *where)
            assert own.returncode == 1 and "administrator is of it" in own.stderr, own
        own = vedette("org", "delete", "acme", "over", "--org", "acme", *where)
        assert own.returncode == 1 and "is your own" in own.stderr, own
        refused = vedette("org", "delete", "acme", "over", "--dry-run", *where)
        assert refused.returncode == 2 and "'--dry-run' is no option" in refused.stderr, refused
        result = vedette("org", "delete", "acme", "contract over", *where)
        assert result.returncode == 0 and "acme sites: 1 rows deleted" in result.stdout, result
        orgs = {org["id"]: org for org in map(json.loads, vedette("org", "list", *where).stdout.splitlines())}
        assert orgs["acme"]["erased"] == {"sites": 1} and orgs["acme"]["erased_at"], orgs
        assert "deleted_at" not in orgs["default"], orgs
        told = [json.loads(line) for line in vedette("audit", "list", *where).stdout.splitlines()]
        assert [(entry["action"], entry["subject_id"]) for entry in told] == [("erase", "acme"), ("delete", "acme")], told
        assert told[1]["reason"] == "contract over", told
        assert vedette("org", "delete", "acme", *where).returncode == 2
        assert vedette("audit", "erase", "org:acme", "they asked for it", *where).returncode == 0
        told = [json.loads(line) for line in vedette("audit", "list", *where).stdout.splitlines()]
        assert [entry.get("is_erased", False) for entry in told] == [False, True, True], told
        assert told[0]["action"] == "erase-subject" and told[0]["reason"] == "they asked for it", told
        assert vedette("audit", "verify", *where).returncode == 0


def what_a_command_does_not_take_is_refused_before_it_acts():
    with Directory() as directory:
        where = ("--data-dir", directory / "data")
        assert vedette("migrate", "up", *where).returncode == 0
        for command, status, words in ((("retention", "run", "--org", "acme"), 2, "'--org' is no option"),
                                       (("retention", "run", "all"), 2, "usage: vedette retention run"),
                                       (("retention", "confirm-clock", "--dry-run"), 2, "'--dry-run' is no option"),
                                       (("spool", "stats", "--out", directory / "o"), 2, "'--out' is no option"),
                                       (("spool", "drain", "--directory", directory), 2, "--directory is heeded with --out"),
                                       (("model", "list", "--card", "c"), 2, "--card is not heeded there"),
                                       (("model", "check", "m.onnx", "--sha256", "a" * 64), 2, "--sha256 is not heeded there"),
                                       (("audit", "verify", "acme"), 2, "usage: vedette audit verify"),
                                       (("audit", "erase", "eve", "why"), 2, "'eve' is no KIND:ID"),
                                       (("audit", "erase", "user:eve", "why"), 1, "has nothing of 'user:eve'"),
                                       (("audit", "verify", "--org", "acme"), 1, "there is no org 'acme'"),
                                       (("user", "add", "eve", "admin", "why", "--org", "acme"), 1, "there is no org 'acme'"),
                                       (("user", "role", "eve", "king", "why"), 2, "no role is called 'king'")):
            result = vedette(*command, *where)
            assert result.returncode == status and words in result.stderr, (command, result)


def every_command_says_what_it_wants():
    result = vedette("help")
    assert result.returncode == 0
    for command in ("run", "config check", "analyze", "scene render", "camera serve", "motion", "track"):
        assert f"vedette {command} " in result.stdout, command
    assert vedette("nonsense").returncode == 2
    result = vedette("run", "--help")
    assert "--http-port" in result.stdout and "VEDETTE_HTTP_PORT" in result.stdout and "default 8000" in result.stdout
    result = vedette("run", "--http-prot", "1", "rtsp://h/")
    assert result.returncode == 2 and "'--http-prot' is no option" in result.stderr, result
    result = vedette("run", "ftp://h/")
    assert result.returncode == 1 and "'ftp' is not allowed" in result.stderr, result


if __name__ == "__main__":
    sys.exit(run_tests([
        ("config check tells what a server would refuse", config_check_tells_what_a_server_would_refuse),
        ("config check tells every mistake", config_check_tells_every_mistake),
        ("a rendered clip is analysed", a_rendered_clip_is_analysed),
        ("scenes are counted without a model", scenes_are_counted_without_a_model),
        ("nothing is counted in an empty room", nothing_is_counted_in_an_empty_room),
        ("wrong videos are named", wrong_videos_are_named),
        ("odd sizes are analysed", odd_sizes_are_analysed),
        ("detections that are none name their line", detections_that_are_none_name_their_line),
        ("g08 an org is deleted", g08_an_org_is_deleted),
        ("what a command does not take is refused before it acts", what_a_command_does_not_take_is_refused_before_it_acts),
        ("every command says what it wants", every_command_says_what_it_wants),
    ]))
