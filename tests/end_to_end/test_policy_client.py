"""`vedette policy` against a server in whose place the test answers."""
import itertools
import json
import os
import pathlib
import subprocess
import sys

from world import BINARY, PASSWORD, Directory, run_tests, sanitizer_options, server_that_says, until

MANAGER = pathlib.Path(os.environ["VEDETTE_SOURCE"]) / "scripts" / "policy-manager.sh"


def environment(address):
    return {"PATH": os.environ["PATH"], "VEDETTE": BINARY, "VEDETTE_URL": address, "VEDETTE_PASSWORD": PASSWORD,
            **sanitizer_options()}


def validate_blames_a_file_for_its_own_faults_alone():
    asked = []

    def busy(path):
        asked.append(path)
        return (200, {"access_token": "t"}) if path == "/auth/login" else (429, {"detail": "too many requests"})

    with Directory() as directory, server_that_says(busy) as address:
        def validate(file, where=address):
            return subprocess.run([MANAGER, "validate", file], capture_output=True, text=True, env=environment(where),
                                  timeout=60, check=False)

        document = directory / "new.json"
        document.write_text('{"loitering_seconds": 9}')
        untried = validate(document)
        assert untried.returncode == 3 and "too many requests" in untried.stderr, untried
        assert asked == ["/auth/login", "/api/v1/policies/safety/validate"], asked  # not once for each type
        away = validate(document, "http://127.0.0.1:1")
        assert away.returncode == 3 and "is the server running" in away.stderr, away
        missing = validate(directory / "missing.json")
        assert missing.returncode == 3 and "No such file" in missing.stderr, missing
        document.write_text('{"no_such_key": 1}')
        bad = validate(document)
        assert bad.returncode == 1 and "no type of policy takes it" in bad.stderr, bad


def validate_tells_a_bad_file_from_one_that_could_not_be_tried():
    refused, bad, large = [400] * 2, [400, 200], [413, 200]  # what /validate answers, first to the file, then to {}
    cases = [(each, 200, 3) for each in (refused, [412] * 2, [301] * 2, [405] * 2, [400, 429])]
    cases += [(bad, 200, 1), (large, 200, 1), ([], 400, 3)]  # the last: the login is refused
    for answers, login, expected in cases:
        left = iter(answers)
        says = lambda path: (login, {"access_token": "t"}) if path == "/auth/login" else (next(left), {"detail": "no"})
        with Directory() as directory, server_that_says(says) as address:
            document = directory / "safety.json"
            document.write_text('{"loitering_seconds": 9}')
            done = subprocess.run([MANAGER, "validate", document], capture_output=True, text=True,
                                  env=environment(address), timeout=60, check=False)
            assert done.returncode == expected and next(left, None) is None, (answers, login, done)


def export_leaves_no_file_of_a_policy_that_is_gone():
    def policy(name, **where):
        return {"policy_type": name, "service_name": name, "config": {}, **where}

    items = [policy("motion"), policy("safety", org_id="acme"), policy("privacy", org_id="acme", camera_id="door")]
    answers = {"/auth/me": {"org_id": "acme"}, "/api/v1/policies": {"items": items}}
    ours = ["motion.json", "orgs/acme/safety.json", "orgs/acme/cameras/door/privacy.json"]
    others = ["orgs/other/safety.json", "orgs/acme/README.json", "notes.txt"]  # none that it might have written
    with Directory() as directory, server_that_says(lambda path: (200, answers[path])) as address:
        def export(*words):
            return subprocess.run([BINARY, "policy", "export", directory, *words], capture_output=True, text=True,
                                  env={**environment(address), "VEDETTE_TOKEN": "x"}, timeout=60, check=False)

        def present():
            return {str(each.relative_to(directory)) for each in directory.rglob("*") if each.is_file()}

        assert export().returncode == 0 and present() == set(ours), present()
        for each in others:
            (directory / each).parent.mkdir(exist_ok=True)
            (directory / each).write_text("{}")
        items.clear()
        items.append(policy("safety", org_id="acme", config={"unopenable": "its key is gone"}))
        told = export()
        assert told.returncode == 1 and present() == {*ours, *others}, told
        assert ours[0] in told.stderr and ours[2] in told.stderr and "--prune" in told.stderr, told
        assert not any(each in told.stderr for each in others), told
        assert export("--prune").returncode == 0 and present() == {ours[1], *others}, present()
        assert export().returncode == 0
        del answers["/api/v1/policies"]["items"]  # an answer that is none removes nothing
        assert export("--prune").returncode == 1 and present() == {ours[1], *others}, present()


def what_is_set_and_empty_is_not_set():
    answers = {"/auth/login": {"access_token": "t"}, "/auth/me": {"org_id": "acme"}, "/api/v1/policies": {"items": []}}
    asked = []

    def says(path):
        asked.append(path)
        return 200, answers[path]

    def export(**variables):
        with Directory() as directory:
            return subprocess.run([BINARY, "policy", "export", directory], capture_output=True, text=True, timeout=60,
                                  env={**environment(address), **variables}, check=False)

    with server_that_says(says) as address:
        done = export(VEDETTE_TOKEN="", VEDETTE_USERNAME="", VEDETTE_CA_FILE="")
        assert done.returncode == 0 and asked[0] == "/auth/login", (asked, done)
        nobody = export(VEDETTE_TOKEN="", VEDETTE_PASSWORD="")
        assert nobody.returncode != 0 and "who asks?" in nobody.stderr, nobody
        answers["/api/v1/policies"] = {"items": [], "more": "x" * (17 << 20)}
        large = export()
        assert large.returncode != 0 and "larger than 16 MiB" in large.stderr, large


def changing_server(asked_before, lag):
    """Its answers: a policy is made, revision 4, after so many requests, and is in force so many requests later."""
    asked = itertools.count(1)
    document = {"policy_type": "safety", "service_name": "safety", "org_id": "default", "version": 3, "revision": 4,
                "config": {"loitering_seconds": 9}}

    def answer(path):
        if path == "/policies":
            return 200, {"policies": {}, "revision": 4 if next(asked) > asked_before + lag else 3}
        if path == "/api/v1/policies":
            return 200, {"items": [document] if next(asked) > asked_before else []}
        if path.startswith("/api/v1/policies/safety/history"):
            return 200, {"items": [{"revision": each} for each in (4, 2, 1)]}  # it was there before, and removed
        if path.startswith("/api/v1/policies/safety/effective"):
            return 200, {"settings": {"loitering_seconds": 30}}
        return 200, {}

    return answer


def monitor_loses_no_change_that_is_made_as_it_begins():
    for asked_before, lag in itertools.product((1, 2, 3), (0, 2)):
        with Directory() as directory, server_that_says(changing_server(asked_before, lag)) as address:
            out = directory / "out"
            told = lambda: [json.loads(each + "}") for each in out.read_text().split("\n}\n")[:-1]]
            with out.open("w") as stream, subprocess.Popen([BINARY, "policy", "monitor"], stdout=stream,
                                                           env={**environment(address), "VEDETTE_TOKEN": "x"}) as monitor:
                try:
                    begun = until(told, "what is in force is printed")[0]
                    if begun["revision"] < 4:
                        change = until(lambda: told()[1:], f"what changed after {asked_before} requests is told")[0]
                        assert [each["revision"] for each in change["revisions"]] == [4], change
                        assert [(each["key"], each["before"], each["after"]) for each in change["effective"]] == \
                            [("loitering_seconds", 30, 9)], change  # before: as the settings have it
                finally:
                    monitor.kill()


if __name__ == "__main__":
    sys.exit(run_tests([
        ("validate blames a file for its own faults alone", validate_blames_a_file_for_its_own_faults_alone),
        ("validate tells a bad file from one that could not be tried",
         validate_tells_a_bad_file_from_one_that_could_not_be_tried),
        ("export leaves no file of a policy that is gone", export_leaves_no_file_of_a_policy_that_is_gone),
        ("what is set and empty is not set", what_is_set_and_empty_is_not_set),
        ("monitor loses no change that is made as it begins", monitor_loses_no_change_that_is_made_as_it_begins),
    ]))
