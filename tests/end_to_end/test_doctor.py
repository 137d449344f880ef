"""`vedette doctor`: what is there, what hinders, and what to do about it."""
import json
import os
import socket
import sys

from world import Directory, Hub, free_port, run_tests, vedette


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
        for name in ("kernel", "SIMD", "memory", "Landlock", "GPU", "providers", "threads", "disk", "open files", "clock"):
            assert found[name]["found"], name
            assert (found[name]["status"] == "ok") == (found[name]["advice"] == ""), found[name]
        assert list(directory.iterdir()) == [], "it leaves nothing behind"
        text = doctor(directory)
        assert "cores" in text.stdout and "Landlock" in text.stdout, text.stdout


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


def a_server_that_runs_is_no_hindrance():
    with Directory() as directory, Hub(directory, "cameras: []\n") as hub:
        port = hub.address.rsplit(":", 1)[1]
        answer = doctor(directory, "--json", "--http-port", port)
        found = checks(answer)
        assert answer.returncode == 0 and f"process {hub.child.pid}" in found["data"]["found"], found["data"]
        assert "taken by the server that runs" in found["address"]["found"], found["address"]


if __name__ == "__main__":
    sys.exit(run_tests([
        ("it says what is there", it_says_what_is_there),
        ("what hinders is named, with what to do", what_hinders_is_named_with_what_to_do),
        ("a server that runs is no hindrance", a_server_that_runs_is_no_hindrance),
    ]))
