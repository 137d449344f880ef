"""The store and its jobs from the command line, beside a hub that runs."""
import contextlib
import errno
import json
import os
import re
import subprocess
import sys
import urllib.request

from world import PASSWORD, Camera, Directory, Hub, Skip, camera_config, open_url, run_tests, sanitizer_options, until, vedette


def jobs_are_listed_run_paused_and_told():
    with Directory() as directory, Camera(directory, "scene://empty?fps=5") as camera:
        with Hub(directory, "cameras:\n" + camera_config("shop", camera.url)) as hub:
            environment = {"PATH": os.environ["PATH"], "VEDETTE_URL": hub.address, "VEDETTE_PASSWORD": PASSWORD,
                           **sanitizer_options()}
            jobs = lambda *words: vedette("jobs", *words, env=environment)
            views = {view["id"]: view for view in map(json.loads, jobs("list").stdout.splitlines())}
            assert views["cleanup_old_data"]["schedule"] == "0 2 * * *", views
            assert len(json.loads(jobs("next", "aggregate_hourly").stdout)["times"]) > 0
            assert jobs("run", "cleanup_old_data").returncode == 0
            history = lambda: map(json.loads, jobs("history", "cleanup_old_data").stdout.splitlines())
            until(lambda: ("manual", "done") in {(run["cause"], run["state"]) for run in history()}, "the job is run as asked")
            assert jobs("pause", "aggregate_daily").returncode == 0
            assert '"is_paused":true' in jobs("list").stdout
            assert jobs("resume", "aggregate_daily").returncode == 0
            assert '"is_paused":true' not in jobs("list").stdout
            unknown = jobs("run", "nonsense")
            assert unknown.returncode == 1 and "nonsense" in unknown.stderr, unknown.stderr
            assert jobs("run").returncode == 2 and jobs("nonsense", "x").returncode == 2


def a_hub_is_backed_up_while_it_runs_and_restored_when_it_does_not():
    with Directory() as directory, Camera(directory, "scene://empty?fps=5") as camera:
        environment = {"PATH": os.environ["PATH"], "VEDETTE_DATA_DIR": str(directory / "data"), **sanitizer_options()}
        store = lambda *words: vedette("store", *words, env=environment)
        copy = directory / "copy.db"
        with Hub(directory, "cameras:\n" + camera_config("shop", camera.url)) as hub:
            assert store("backup", copy).returncode == 0
            again = store("backup", copy)
            assert again.returncode == 1 and "is there already" in again.stderr, again.stderr
            refused = store("restore", copy)
            assert refused.returncode == 1 and "uses it already" in refused.stderr, refused.stderr
            hub.stop()
        assert store("restore", copy).returncode == 0
        with Hub(directory, "cameras:\n" + camera_config("shop", camera.url), name="restored") as hub:
            assert "shop" in hub.cameras()
        assert store("copy").returncode == 1 and "store.url" in store("copy").stderr
        assert store("backup").returncode == 2


def who_looks_after_a_store_makes_none():
    with Directory() as directory:
        nowhere = directory / "nowhere"
        for command in (("audit", "verify"), ("audit", "list"), ("user", "list"), ("user", "add", "bob", "admin", "test"),
                        ("retention", "status"), ("org", "list"), ("migrate", "status"),
                        ("store", "copy", "--store-url", "postgres://nobody@127.0.0.1:9/none")):
            result = vedette(*command, "--data-dir", nowhere)
            assert result.returncode == 1 and f"there is no store in {nowhere}" in result.stderr and not result.stdout, (command, result)
            assert not nowhere.exists(), command
        assert vedette("migrate", "up", "--data-dir", nowhere).returncode == 0
        assert "0 entries, whole" in vedette("audit", "verify", "--data-dir", nowhere).stdout
        unknown = vedette("user", "list", "--org", "müller", "--data-dir", nowhere, env={"PATH": os.environ["PATH"], "LC_ALL": "C"})
        assert unknown.returncode == 1 and "there is no org 'müller'" in unknown.stderr, unknown


def an_option_is_no_file():
    with Directory() as directory:
        where = ("--data-dir", directory / "data")
        assert vedette("migrate", "up", *where).returncode == 0
        for command in (("store", "backup"), ("store", "restore"), ("store", "copy"), ("migrate", "status"), ("migrate", "up"),
                        ("migrate", "roles"), ("docs",), ("contracts",)):
            help_ = vedette(*command, "--help", cwd=directory)
            assert help_.returncode == 0 and f"vedette {' '.join(command)} " in help_.stdout and not help_.stderr, (command, help_)
        for command in ("backup", "restore"):
            refused = vedette("store", command, "--frce", *where, cwd=directory)
            assert refused.returncode == 2 and "'--frce' is no option" in refused.stderr, refused
        assert [path.name for path in directory.iterdir()] == ["data"]


def the_audit_is_listed_to_its_beginning():
    with Directory() as directory:
        with Hub(directory, "cameras: []\n") as hub:
            for number in range(501):
                open_url(urllib.request.Request(f"{hub.address}/api/v1/jobs/aggregate_daily/{'resume' if number % 2 else 'pause'}",
                                                method="POST", headers={"Authorization": f"Bearer {hub.token}"})).close()
            assert hub.stop() == 0, hub.log()
        listed = vedette("audit", "list", "--data-dir", directory / "data")
        sequences = [json.loads(line)["sequence"] for line in listed.stdout.splitlines()]
        assert len(sequences) > 501 and sequences == list(range(len(sequences), 0, -1)), (len(sequences), sequences[-1:], listed.stderr)


@contextlib.contextmanager
def disk(place, megabytes):
    """A disk of its own."""
    place.mkdir(mode=0o700)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0700", "tmpfs", place], capture_output=True,
                             text=True, check=False)
    if mounted.returncode != 0:
        raise Skip(f"cannot mount a tmpfs here: {mounted.stderr}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def fill(path):
    with open(path, "wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError as reason:
            assert reason.errno == errno.ENOSPC, reason


def records_spooled(hub):
    return int(re.search(r"^vedette_records_spooled_total (\d+)", hub.text("/metrics"), re.MULTILINE).group(1))


def q16_a_hub_starts_while_the_disk_of_its_store_is_full():
    """Its spool's disk is another, and has room."""
    token = "scrape-token-of-the-test"
    config = f"metrics_token: {token}\nstore: {{retry_delay_max_ms: 500, minimum_free_bytes: 0}}\nspool: {{retry_max_seconds: 1}}\ncameras:\n"
    with (Directory() as directory, disk(directory / "data", 16) as data, disk(data / "spool", 32),
          Camera(directory, "scene://corridor?fps=10") as camera):
        config += camera_config("shop", camera.url)
        with Hub(directory, config) as hub:
            until(lambda: hub.events("limit=10"), "what the camera saw is stored")
            assert hub.stop() == 0, hub.log()
        ballast = data / "ballast"
        fill(ballast)
        with Hub(directory, config, name="again", logs_in=False) as hub:
            hub.token = token
            assert hub.status("/health/live")[0] == 200 and hub.status("/health/ready")[0] == 503
            until(lambda: records_spooled(hub) > 0, "what the camera sees is kept in the spool, and its worker told so")
            assert "free space there" in hub.log(), hub.log()[-2000:]
            ballast.unlink()
            until(lambda: hub.status("/health/ready")[0] == 200, "all that waited is done")
            hub.log_in()
            until(lambda: hub.request("/queue/stats")["total_queued"] == 0, "what was kept is stored")
            assert hub.cameras()["shop"]["health"]["records_stored"] > 0
            assert hub.request("/health")["components"]["store"]["status"] == "healthy"
            assert hub.stop() == 0, hub.log()


if __name__ == "__main__":
    sys.exit(run_tests([
        ("jobs are listed, run, paused and told", jobs_are_listed_run_paused_and_told),
        ("a hub is backed up while it runs, and restored when it does not",
         a_hub_is_backed_up_while_it_runs_and_restored_when_it_does_not),
        ("who looks after a store makes none", who_looks_after_a_store_makes_none),
        ("an option is no file", an_option_is_no_file),
        ("the audit is listed to its beginning", the_audit_is_listed_to_its_beginning),
        ("q16 a hub starts while the disk of its store is full", q16_a_hub_starts_while_the_disk_of_its_store_is_full),
    ]))
