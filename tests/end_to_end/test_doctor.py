"""`vedette doctor`: what is there, what hinders, and what to do about it."""
import concurrent.futures
import contextlib
import json
import os
import pathlib
import signal
import socket
import sqlite3
import stat
import subprocess
import sys

from world import BINARY, DEADLINE_SECONDS, Directory, Hub, Process, free_port, run_tests, until, vedette


def doctor(directory, *arguments):
    environment = {**os.environ, "VEDETTE_DATA_DIR": str(directory / "data"), "VEDETTE_HTTP_PORT": str(free_port())}
    return vedette("doctor", *arguments, env=environment, cwd=directory)


def checks(answer):
    return {check["name"]: check for check in json.loads(answer.stdout)["checks"]}


def it_says_what_is_there():
    with Directory() as directory:
        answer = doctor(directory, "--json")
        assert answer.returncode == 0, answer.stdout + answer.stderr
        found = checks(answer)
        assert str(len(os.sched_getaffinity(0))) in found["cores"]["found"], found["cores"]
        assert "avdec_h264" in found["decoders"]["found"], found["decoders"]
        assert "ms for a write" in found["sync"]["found"], found["sync"]
        assert found["GPU"]["found"].startswith("none") <= ("CUDA" not in found["providers"]["found"]
                                                            or "cannot run here" in found["providers"]["found"]), found
        for name in ("kernel", "SIMD", "memory", "Landlock", "GPU", "providers", "threads", "disk", "open files", "clock"):
            assert found[name]["found"], name
            assert (found[name]["status"] == "ok") == (found[name]["advice"] == ""), found[name]
        assert list(directory.iterdir()) == [], "it leaves nothing behind"
        text = doctor(directory)
        assert "cores" in text.stdout and "Landlock" in text.stdout, text.stdout


def the_workers_it_tells_are_those_a_server_starts():
    cameras = [f"  - {{id: camera-{i}, org_id: {org}, source: 'rtsp://127.0.0.1:9/{i}'}}\n"
               for org, count in (("a", 12), ("b", 4), ("c", 1)) for i in range(100 * ord(org), 100 * ord(org) + count)]
    with Directory() as directory:
        config = "log: {levels: error}\ncameras:\n" + "".join(cameras)
        with Hub(directory, config) as hub:
            until(lambda: hub.workers(), "its workers start")
            started = len(hub.workers())
            (directory / "doctor.yml").write_text(config)
            found = checks(doctor(directory, "--json", "--config", "doctor.yml"))
        assert found["threads"]["found"].startswith(f"{started} workers for 17 cameras"), (started, found["threads"])
        assert started >= 3, started


def what_hinders_is_named_with_what_to_do():
    with Directory() as directory, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        answer = doctor(directory, "--json", "--data-dir", "/proc/nowhere", "--http-port", str(taken.getsockname()[1]))
        found = checks(answer)
        assert answer.returncode == 1 and json.loads(answer.stdout)["status"] == "fail", answer.stdout
        assert found["sync"]["status"] == "fail" and found["sync"]["advice"], found["sync"]
        assert found["address"]["status"] == "fail" and "--http-port" in found["address"]["advice"], found["address"]
        (directory / "bad.yml").write_text("http: {threads: -1}\n")
        answer = doctor(directory, "--config", "bad.yml")
        assert answer.returncode == 1 and "bad.yml:1: http.threads" in answer.stderr, answer.stderr
        assert doctor(directory, "--nonsense").returncode == 2


def a_file_that_the_settings_name_is_missed_before_the_start():
    with Directory() as directory:
        (directory / "files.yml").write_text(
            "detector: {model: /nowhere/x.onnx}\nhttp: {tls_certificate_file: /nowhere/c.pem, tls_key_file: /nowhere/k.pem}\n"
            "notify: {webhooks: [{id: a, url: 'https://h.example/', secret_file: /nowhere/s}]}\n")
        names = ("detector.model: '/nowhere/x.onnx'", "http.tls_certificate_file: '/nowhere/c.pem'", "http.tls_key_file: '/nowhere/k.pem'",
                 "notify.webhooks[0].secret_file: '/nowhere/s'")
        found = doctor(directory, "--json", "--config", "files.yml")
        assert found.returncode == 1 and all(name in checks(found)["settings"]["advice"] for name in names), found
        checked = vedette("config", "check", directory / "files.yml")
        assert checked.returncode == 0 and all(f"warning: {name}" in checked.stderr for name in names), checked
        run = vedette("run", "--config", directory / "files.yml", "--data-dir", directory / "data")
        assert run.returncode == 1 and all(f"vedette run: {name}" in run.stderr for name in names), run
        assert not (directory / "data").exists()


def a_server_that_runs_is_no_hindrance():
    with Directory() as directory, Hub(directory, "cameras: []\n") as hub:
        port = hub.address.rsplit(":", 1)[1]
        answer = doctor(directory, "--json", "--http-port", port)
        found = checks(answer)
        assert answer.returncode == 0 and f"process {hub.child.pid}" in found["data"]["found"], found["data"]
        assert "taken by the server that runs" in found["address"]["found"], found["address"]


STEPS = 6


def the_whole_way_is_proved_without_a_server():
    with Directory() as directory:
        answer = doctor(directory, "--end-to-end", "--json")
        proof = json.loads(answer.stdout)
        assert answer.returncode == 0 and proof["status"] == "ok", answer.stdout + answer.stderr
        steps = proof["steps"]
        assert len(steps) == STEPS + 1 and steps[-1] == {"result": "ok"}, steps
        assert all(step["ms"] >= 0 for step in steps[:-1]), steps
        assert list(directory.iterdir()) == [], "it leaves nothing behind"


def is_gone(pid):
    """Dead: of one whose parent is dead too, nobody may ask how it ended."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def a_proof_that_is_ended_leaves_no_server():
    for signal_number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT):
        with Directory() as directory:
            temporary = directory / "temporary"
            temporary.mkdir()
            environment = {**os.environ, "TMPDIR": str(temporary), "VEDETTE_DATA_DIR": str(directory / "data")}
            with Process(directory, "doctor", [BINARY, "doctor", "--end-to-end"], environment) as proof:
                server = int(until(lambda: subprocess.run(["pgrep", "-P", str(proof.child.pid)], capture_output=True, text=True,
                                                          check=False).stdout.strip(), "its server is started"))
                until(lambda: list(temporary.glob("vedette-doctor-*/data/control.sock")), "its server listens")
                proof.child.send_signal(signal_number)
                until(lambda: is_gone(server), f"the server ends after {signal_number!r}")
                status = proof.child.wait(timeout=60)
                if signal_number != signal.SIGKILL:
                    assert status == 1 and "ended by signal" in proof.log(), (status, proof.log())
                    assert list(temporary.iterdir()) == [], "its directory is removed"


def the_server_of_the_proof_takes_none_of_our_settings():
    """A second server on the database of the first would run its jobs."""
    with Directory() as directory:
        environment = {"PATH": os.environ["PATH"], "VEDETTE_STORE_URL": f"postgres://nobody@/none?host={directory}",
                       "VEDETTE_DATA_DIR": str(directory / "data"), "VEDETTE_DETECTOR_MODEL": "/nowhere/model.onnx"}
        answer = vedette("doctor", "--end-to-end", "--json", cwd=directory, env=environment)
        assert answer.returncode == 0 and json.loads(answer.stdout)["status"] == "ok", answer.stdout + answer.stderr
        assert list(directory.iterdir()) == [], "it leaves nothing behind"


def the_whole_way_is_proved_through_the_server_that_runs():
    with Directory() as directory, Hub(directory, "cameras: []\n") as hub:
        control = directory / "data" / "control.sock"
        assert stat.S_IMODE(control.stat().st_mode) == 0o600, oct(control.stat().st_mode)
        for number in (1, 2):
            answer = doctor(directory, "--end-to-end")
            assert answer.returncode == 0 and "the server that runs" in answer.stdout, answer.stdout + answer.stderr
            assert answer.stdout.count(" ms ") == STEPS, answer.stdout
            events = hub.events()
            assert len(events) == number, events  # no zone hit, no line crossing, nothing counted
            until(lambda: not hub.workers(), "the proof's worker is gone")
            until(lambda: not (directory / "data" / "self-test.mp4").exists(), "and its clip, at the next look")
        payload = events[0]["payload"]
        assert payload["service"] == "system" and payload["kind"] == "self_test", payload
        assert payload["zone_id"] == "picture" and payload["track_ids"], payload  # of the figure, not of the picture as a whole
        health = hub.request("/health")
        assert health["status"] == "healthy", health


def what_hides_other_figures_does_not_hide_the_proofs():
    """More area than its figure has, a background that is learnt for longer than the clip runs, and the same by policy."""
    with Directory() as directory:
        text = "cameras: []\nmotion: {sensitivity: 0, minimum_area: 0.5, learn_seconds: 60}\n"
        with Hub(directory, text) as hub:
            hub.request("/api/v1/policies/motion", {"minimum_area": 0.5}, "PUT")
            until(lambda: hub.request("/policies")["revision"] > 0, "it is in force")
            answer = doctor(directory, "--end-to-end")
            assert answer.returncode == 0 and answer.stdout.count(" ms ") == STEPS, answer.stdout + answer.stderr


def a_way_that_is_barred_is_named():
    with Directory() as directory, Hub(directory, "cameras: []\n"):
        (directory / "data" / "self-test.mp4").mkdir()
        answer = doctor(directory, "--end-to-end")
        assert answer.returncode == 1 and "failed: " in answer.stdout and "self-test.mp4" in answer.stdout, answer.stdout


def a_step_that_does_not_come_about_is_named_at_its_deadline():
    with Directory() as directory, Hub(directory, "cameras: []\nprogress: {proof_seconds: 15}\n") as hub:
        with contextlib.closing(sqlite3.connect(directory / "data" / "vedette.db", isolation_level=None)) as other:
            with concurrent.futures.ThreadPoolExecutor() as pool:
                other.execute("BEGIN IMMEDIATE")  # nobody else can write
                asked = pool.submit(doctor, directory, "--end-to-end")
                until(hub.workers, "the proof's worker runs")
                answer = asked.result()
            assert answer.returncode == 1 and "after 15 s this had not come about" in answer.stdout, answer.stdout
            other.execute("ROLLBACK")
        until(lambda: doctor(directory, "--end-to-end").returncode == 0, "and the next proof succeeds")


def a_proof_that_nobody_waits_for_is_broken_off():
    with Directory() as directory, Hub(directory, "cameras: []\nprogress: {proof_seconds: 60}\n") as hub:
        with contextlib.closing(sqlite3.connect(directory / "data" / "vedette.db", isolation_level=None)) as other:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(DEADLINE_SECONDS)
                client.connect(str(directory / "data" / "control.sock"))
                other.execute("BEGIN IMMEDIATE")  # nobody else can write: it does not come to its end by itself
                client.sendall(b"prove\n")
                assert b"a clip is made" in client.recv(1000)
            until(lambda: not (directory / "data" / "self-test.mp4").exists() and not hub.workers(), "it has ended all the same")
            other.execute("ROLLBACK")
        assert "broken off" in hub.log() and "proof failed" not in hub.log(), hub.log()
        answer = doctor(directory, "--end-to-end")
        assert answer.returncode == 0, answer.stdout + answer.stderr


def strangers_to_the_control_socket_are_borne():
    with Directory() as directory, Hub(directory, "cameras: []\n") as hub:
        for words in (b"", b"prove", b"\0" * 1000, b"prove\nprove\n", b"prove\n"):
            with socket.socket(socket.AF_UNIX) as stranger:
                stranger.connect(str(directory / "data" / "control.sock"))
                stranger.sendall(words)
        until(lambda: doctor(directory, "--end-to-end").returncode == 0, "the next one is served all the same")
        assert hub.stop() == 0, hub.log()
        assert not (directory / "data" / "control.sock").exists()


if __name__ == "__main__":
    sys.exit(run_tests([
        ("it says what is there", it_says_what_is_there),
        ("the workers it tells are those a server starts", the_workers_it_tells_are_those_a_server_starts),
        ("what hinders is named, with what to do", what_hinders_is_named_with_what_to_do),
        ("a file that the settings name is missed before the start", a_file_that_the_settings_name_is_missed_before_the_start),
        ("a server that runs is no hindrance", a_server_that_runs_is_no_hindrance),
        ("the whole way is proved without a server", the_whole_way_is_proved_without_a_server),
        ("a proof that is ended leaves no server", a_proof_that_is_ended_leaves_no_server),
        ("the server of the proof takes none of our settings", the_server_of_the_proof_takes_none_of_our_settings),
        ("the whole way is proved through the server that runs", the_whole_way_is_proved_through_the_server_that_runs),
        ("what hides other figures does not hide the proof's", what_hides_other_figures_does_not_hide_the_proofs),
        ("a way that is barred is named", a_way_that_is_barred_is_named),
        ("a step that does not come about is named at its deadline", a_step_that_does_not_come_about_is_named_at_its_deadline),
        ("a proof that nobody waits for is broken off", a_proof_that_nobody_waits_for_is_broken_off),
        ("strangers to the control socket are borne", strangers_to_the_control_socket_are_borne),
    ]))
