"""`vedette policy` against a server in whose place the test answers."""
import os
import pathlib
import subprocess
import sys

from world import BINARY, PASSWORD, Directory, run_tests, sanitizer_options, server_that_says

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


if __name__ == "__main__":
    sys.exit(run_tests([
        ("validate blames a file for its own faults alone", validate_blames_a_file_for_its_own_faults_alone),
    ]))
