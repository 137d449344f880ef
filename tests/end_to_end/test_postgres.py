"""A whole server on PostgreSQL, set up by the commands of docs/store.md, and one whose PostgreSQL stops answering."""
import contextlib
import json
import os
import pathlib
import pwd
import re
import shutil
import signal
import subprocess
import sys
import urllib.request

from world import (BINARY, DEADLINE_SECONDS, PASSWORD, Camera, Directory, Hub, Process, Skip, camera_config, open_url, run_tests,
                   until, vedette)

STOP_SECONDS, SPOOLED_BYTES, ASKED_SECONDS = 2, 20000, 2
SCRAPE_TOKEN = "scrape-token-of-the-test"


def newest_binaries():
    found = [path.parent for path in pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if not found:
        raise Skip("PostgreSQL is not installed")
    return max(found, key=lambda path: int(path.parent.name))


class Postgres(Process):
    """Debian's, in a directory of its own, with a Unix socket there and no port; a database `vedette` with its tables."""

    def __init__(self, directory):
        self.bin, self.place = newest_binaries(), directory / "postgres"
        self.place.mkdir()
        directory.chmod(0o755)
        self.user = pwd.getpwnam("postgres") if os.geteuid() == 0 else None  # it refuses to run as root
        if self.user:
            os.chown(self.place, self.user.pw_uid, self.user.pw_gid)
        self.run("initdb", "-D", "data", "-A", "trust", "--no-sync")
        command = [self.bin / "postgres", "-D", self.place / "data", "-k", self.place, "-c", "listen_addresses=", "-c", "fsync=off"]
        if self.user:
            command = ["setpriv", "--reuid", str(self.user.pw_uid), "--regid", str(self.user.pw_gid), "--clear-groups", *command]
        self.command, self.directory = command, directory
        self.start()
        self.run("createdb", "-h", self.place, "vedette")
        roles = vedette("migrate", "roles").stdout
        self.run("psql", "-h", self.place, "-v", "ON_ERROR_STOP=1", "-q", "vedette", input=roles)
        migrated = vedette("migrate", "up", "--store-url", self.url("vedette_migrator"))
        assert migrated.returncode == 0, migrated.stderr

    def start(self):
        super().__init__(self.directory, "postgres", self.command)
        until(lambda: ".s.PGSQL.5432" in {path.name for path in self.place.iterdir()}
              and self.run("pg_isready", "-h", self.place, check=False).returncode == 0, "PostgreSQL answers")

    def stop_fast(self):
        self.child.send_signal(signal.SIGINT)
        assert self.child.wait(timeout=DEADLINE_SECONDS) == 0, self.log()

    def url(self, role):
        return f"postgres://{role}@/vedette?host={self.place}"

    def run(self, program, *arguments, check=True, **options):
        user = {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []} if self.user else {}
        return subprocess.run([self.bin / program, *arguments], capture_output=True, text=True, check=check, cwd=self.place,
                              timeout=DEADLINE_SECONDS, **user, **options)

    def sql(self, text):
        return self.run("psql", "-h", self.place, "-v", "ON_ERROR_STOP=1", "-Atqc", text, "vedette").stdout.strip()

    def count_events(self):
        return int(self.sql("SELECT count(*) FROM events"))

    def signal_all(self, number):
        children = pathlib.Path(f"/proc/{self.child.pid}/task/{self.child.pid}/children").read_text().split()
        for pid in [self.child.pid, *map(int, children)]:
            with contextlib.suppress(ProcessLookupError):  # a helper of the server's may just have ended
                os.kill(pid, number)

    def __exit__(self, trouble, *rest):
        if self.child.poll() is None:
            self.signal_all(signal.SIGCONT)
        super().__exit__(trouble, *rest)


def start_hub(directory, postgres, camera, name="hub", more="", stop_seconds=60, timeouts="", **options):
    return Hub(directory, f"store: {{url: '{postgres.url('vedette_login')}', retry_delay_max_ms: 500{timeouts}}}\n"
               f"spool: {{stop_seconds: {stop_seconds}, retry_max_seconds: 1}}\n{more}cameras:\n{camera}", name=name, **options)


def spooled(directory):
    """How many records the spool of a server that ended still has."""
    answer = vedette("spool", "stats", "--directory", directory / "data" / "spool")
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)["total_queued"]


def a_server_runs_on_postgresql():
    with Directory() as directory, Postgres(directory) as postgres, Camera(directory, "scene://corridor?fps=10") as camera:
        with start_hub(directory, postgres, camera_config("shop", camera.url)) as hub:
            until(lambda: "shop" in hub.online(), "the camera is online")
            until(lambda: hub.events("limit=10"), "what it saw is stored")
            assert hub.request("/health")["components"], "it is well"
            assert hub.stop() == 0, hub.log()


def a_server_whose_store_hangs_ends_and_loses_nothing():
    with Directory() as directory, Postgres(directory) as postgres, Camera(directory, "scene://corridor?fps=10") as camera:
        cameras, spool = camera_config("shop", camera.url), directory / "data" / "spool"
        # whatever the store is asked when it begins to hang, the question is still open when the server shall end
        timeouts = ", connect_timeout_ms: 60000, query_timeout_ms: 60000"
        with start_hub(directory, postgres, cameras, stop_seconds=STOP_SECONDS, timeouts=timeouts) as hub:
            until(lambda: hub.events("limit=10"), "what the camera saw is stored")
            postgres.signal_all(signal.SIGSTOP)
            [worker] = hub.workers()
            os.kill(worker, signal.SIGKILL)
            until(lambda: set(hub.workers()) - {worker}, "another worker is started all the same")
            before = sum(path.stat().st_size for path in spool.iterdir())
            until(lambda: sum(path.stat().st_size for path in spool.iterdir()) > before + SPOOLED_BYTES, "what it sees is kept in the spool")
            assert hub.stop() == 1, "it says by its status that something stayed"
            # the second where a job of that minute is in the store, which is waited for before
            assert re.search("has not answered in .*spool.stop_seconds|ends without closing its store", hub.log()), hub.log()[-2000:]
        kept = spooled(directory)
        assert kept > 0
        postgres.signal_all(signal.SIGCONT)
        with start_hub(directory, postgres, cameras.replace("id: shop", "id: shop\n    enabled: false"), "again") as hub:
            until(lambda: hub.request("/queue/stats")["total_queued"] == 0, "all that was kept is stored")
            assert hub.stop() == 0, hub.log()
        assert spooled(directory) == 0 and postgres.count_events() >= kept


def ask_without_answer(hub, path):
    """The store hangs with what is asked: whoever asks goes away first."""
    request = urllib.request.Request(hub.address + path, headers={"Authorization": f"Bearer {hub.token}"})
    try:
        with open_url(request, timeout=ASKED_SECONDS) as answer:
            raise AssertionError(f"{path} was answered: {answer.read()}")
    except TimeoutError:
        pass


def a_server_with_a_request_in_a_store_that_hangs_ends():
    with Directory() as directory, Postgres(directory) as postgres:
        timeouts = ", connect_timeout_ms: 60000, query_timeout_ms: 600000"  # longer than anyone waits for the end
        with start_hub(directory, postgres, "  []\n", stop_seconds=STOP_SECONDS, timeouts=timeouts) as hub:
            postgres.signal_all(signal.SIGSTOP)
            ask_without_answer(hub, "/api/v1/events")
            assert hub.stop() == 1, "it says by its status that something stayed"
            assert "ends without closing its store" in hub.log(), hub.log()[-2000:]
        assert spooled(directory) == 0
        postgres.signal_all(signal.SIGCONT)


def is_ready(hub):
    return hub.status("/health/ready")[0] == 200


def metric(hub, name):
    return int(re.search(rf"^vedette_{name} (\S+)", hub.text("/metrics"), re.MULTILINE).group(1))


def records_spooled(hub):
    return metric(hub, "records_spooled_total")


def policy_revision(hub):
    return metric(hub, "policy_revision")


def spooled_bytes(directory):
    return sum(path.stat().st_size for path in (directory / "data" / "spool").iterdir())


def assert_waits_for_its_store(hub):
    assert hub.status("/health/live")[0] == 200
    assert hub.status("/health/ready")[0] == 503
    status, headers, answer = hub.status("/auth/login", {"username": "admin", "password": PASSWORD})
    assert status == 503 and headers["Retry-After"] and "the store is away" in answer["detail"], answer


def h11_a_server_starts_without_its_store_from_the_last_good_snapshot():
    with Directory() as directory, Postgres(directory) as postgres, Camera(directory, "scene://corridor?fps=10") as camera:
        cameras, more = camera_config("shop", camera.url), f"managed_cameras: {{refused_networks: ''}}\nmetrics_token: {SCRAPE_TOKEN}\n"
        with start_hub(directory, postgres, cameras, more=more) as hub:
            made = hub.request("/api/v1/cameras", {"name": "yard", "source": camera.url, "analyse_fps": 5})["id"]
            until(lambda: {"shop", made} <= hub.online(), "both cameras are online")
            hub.request("/api/v1/policies/safety", {"loitering_seconds": 20}, method="PUT")
            revision = until(lambda: policy_revision(hub), "a policy is in force")
            assert hub.stop() == 0, hub.log()
        stored = postgres.count_events()
        postgres.stop_fast()
        with start_hub(directory, postgres, cameras, name="again", more=more, logs_in=False) as hub:
            hub.token = SCRAPE_TOKEN
            assert_waits_for_its_store(hub)
            until(lambda: len(hub.workers()) == 1, "the settings' camera has a worker")
            before = spooled_bytes(directory)
            until(lambda: spooled_bytes(directory) > before + SPOOLED_BYTES, "it is watched, and what it sees is kept in the spool")
            until(lambda: "vedette_policies_stale 1" in hub.text("/metrics"), "its policies are told to be the last good ones")
            until(lambda: policy_revision(hub) == revision, "and are in force")
            assert not is_ready(hub) and hub.child.poll() is None
            postgres.start()
            until(lambda: is_ready(hub), "all that waited is done")
            hub.log_in()
            until(lambda: {"shop", made} <= hub.online(), "the API's camera joins the settings'")
            until(lambda: "vedette_policies_stale 0" in hub.text("/metrics"), "policies are read anew")
            until(lambda: hub.request("/queue/stats")["total_queued"] == 0, "what was kept is stored")
            assert hub.request("/api/v1/jobs")["items"], "jobs are planned"
            assert hub.request("/health")["components"]["store"]["status"] == "healthy"
            assert hub.stop() == 0, hub.log()
        assert spooled(directory) == 0 and postgres.count_events() > stored


def component_of_store(hub):
    return hub.status("/health")[2].get("components", {}).get("store", {})


def a_server_starts_while_its_store_takes_no_writes():
    """As where store.url names a standby after a failover."""
    with Directory() as directory, Postgres(directory) as postgres, Camera(directory, "scene://corridor?fps=10") as camera:
        cameras = camera_config("shop", camera.url)
        with start_hub(directory, postgres, cameras) as hub:
            until(lambda: hub.events("limit=10"), "what the camera saw is stored")
            token = hub.token
            assert hub.stop() == 0, hub.log()
        postgres.sql("ALTER ROLE vedette_login SET default_transaction_read_only = on")
        before = postgres.count_events()
        with start_hub(directory, postgres, cameras, name="again", logs_in=False) as hub:
            assert_waits_for_its_store(hub)
            hub.token = token  # it can be read who that is
            until(lambda: records_spooled(hub) > 0, "what the camera sees is kept in the spool, and its worker told so")
            until(lambda: "it takes no writes" in component_of_store(hub).get("reason", ""), "it says why")
            kept = records_spooled(hub)
            assert postgres.count_events() == before and not is_ready(hub)
            postgres.sql("ALTER ROLE vedette_login RESET default_transaction_read_only")
            until(lambda: is_ready(hub), "all that waited is done")
            until(lambda: postgres.count_events() >= before + kept, "what was kept is stored")
            until(lambda: component_of_store(hub)["status"] == "healthy", "it is well")
            assert hub.stop() == 0, hub.log()
        assert spooled(directory) == 0


def jobs_run_while_the_store_is_too_full_for_a_start():
    """Retention makes room. What has none here is one row that each start writes."""
    with Directory() as directory, Postgres(directory) as postgres:
        with start_hub(directory, postgres, "  []\n") as hub:
            assert hub.stop() == 0, hub.log()
        postgres.sql("CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no space left' USING "
                     "ERRCODE = '53100'; END $$")
        postgres.sql("CREATE TRIGGER full_disk BEFORE INSERT ON store_values FOR EACH ROW WHEN (NEW.name = 'track_id_base') "
                     "EXECUTE FUNCTION full_disk()")
        with start_hub(directory, postgres, "  []\n", name="again") as hub:
            assert "free space where PostgreSQL keeps its data" in hub.log(), hub.log()
            assert hub.status("/api/v1/jobs/cleanup_old_data/run", method="POST")[0] == 200
            asked = "SELECT state FROM job_runs WHERE job_id = 'cleanup_old_data' AND cause = 'manual'"  # its time may come as well
            until(lambda: postgres.sql(asked) == "done", "retention has run")
            assert not is_ready(hub)
            postgres.sql("DROP TRIGGER full_disk ON store_values")
            until(lambda: is_ready(hub), "the rest is done once there is room")
            assert hub.stop() == 0, hub.log()


def h11_the_first_start_of_all_waits_for_its_store():
    with Directory() as directory, Postgres(directory) as postgres, Camera(directory, "scene://corridor?fps=10") as camera:
        postgres.stop_fast()
        with start_hub(directory, postgres, camera_config("shop", camera.url), password=None, logs_in=False) as hub:
            assert_waits_for_its_store(hub)
            until(hub.workers, "the camera has a worker")
            assert "password" not in hub.out()
            postgres.start()
            until(lambda: is_ready(hub), "it is ready once the store is there")
            [password] = re.findall(r"^Administrator: admin  password: (\S+)", hub.out(), re.MULTILINE)
            hub.log_in(password)
            assert password not in hub.log()
            assert hub.stop() == 0, hub.log()


def a_store_that_is_reached_and_is_not_as_it_must_be_is_refused_at_the_start():
    with Directory() as directory, Postgres(directory) as postgres:
        postgres.run("createdb", "-h", postgres.place, "empty")
        for url, words in ((postgres.url("nobody"), 'role "nobody" does not exist: check the user of store.url'),
                           (postgres.url("vedette_login").replace("/vedette?", "/empty?"), "run `vedette migrate up`"),
                           (postgres.url("vedette_login").replace("/vedette?", "/none?"), 'database "none" does not exist'),
                           ("postgres://%zz", "percent-encoded token")):
            (directory / "vedette.yml").write_text(f"store: {{url: '{url}'}}\ncameras: []\n")
            answer = vedette("run", "--config", directory / "vedette.yml", "--http-port", "0", "--data-dir", directory / "data")
            assert answer.returncode == 1 and words in answer.stderr, (words, answer.stderr)


def h11_a_store_that_comes_without_its_tables_is_waited_for():
    with Directory() as directory, Postgres(directory) as postgres:
        postgres.run("createdb", "-h", postgres.place, "late")
        postgres.run("psql", "-h", postgres.place, "-q", "late", input=vedette("migrate", "roles").stdout)
        late = {role: postgres.url(role).replace("/vedette?", "/late?") for role in ("vedette_login", "vedette_migrator")}
        postgres.stop_fast()
        config = f"store: {{url: '{late['vedette_login']}', retry_delay_max_ms: 500}}\ncameras: []\n"
        with Hub(directory, config, logs_in=False) as hub:
            postgres.start()
            until(lambda: "waits for the store" in hub.log() and "run `vedette migrate up`" in hub.log(), "it says what is missing")
            assert_waits_for_its_store(hub)
            migrated = vedette("migrate", "up", "--store-url", late["vedette_migrator"])
            assert migrated.returncode == 0, migrated.stderr
            until(lambda: is_ready(hub), "all is done once the tables are there")
            hub.log_in()
            assert hub.stop() == 0, hub.log()


def a_worker_that_cannot_be_started_at_the_start_is_started_later():
    with Directory() as directory, Postgres(directory) as postgres, Camera(directory, "scene://corridor?fps=10") as camera:
        binary, away = directory / "vedette", directory / "away"
        shutil.copy2(BINARY, binary)
        (directory / "src").symlink_to(pathlib.Path(BINARY).parent / "src")  # where it looks for its libraries

        def take_binary_away():
            until((directory / "data").exists, "the server starts, and waits for its store")
            binary.rename(away)

        postgres.signal_all(signal.SIGSTOP)  # so that there is time
        with start_hub(directory, postgres, camera_config("shop", camera.url), logs_in=False, binary=binary,
                       more="workers: {restart_delay_max_ms: 500}\n", starts=take_binary_away) as hub:
            until(lambda: "not started" in hub.log(), "its worker is not started")
            assert hub.status("/health/live")[0] == 200 and not hub.workers()
            away.rename(binary)
            until(hub.workers, "it is tried again")
            postgres.signal_all(signal.SIGCONT)
            until(lambda: is_ready(hub), "the store is there")
            assert hub.stop() == 0, hub.log()


def the_doctor_proves_the_server_that_runs_on_postgresql():
    with Directory() as directory, Postgres(directory) as postgres, start_hub(directory, postgres, "  []\n") as hub:
        def doctor(*words):
            return vedette("doctor", *words, "--data-dir", directory / "data")
        assert f"process {hub.child.pid}" in doctor().stdout
        before = postgres.count_events()
        answer = doctor("--end-to-end")
        assert answer.returncode == 0 and "the server that runs" in answer.stdout, answer.stdout + answer.stderr
        assert postgres.count_events() == before + 1, "its record lies in the server's own store"
        (directory / "data" / "control.sock").unlink()
        answer = doctor("--end-to-end")
        assert answer.returncode == 1 and "cannot be reached" in answer.stderr, answer.stdout + answer.stderr


def commands_fail_at_once_without_the_store():
    with Directory() as directory, Postgres(directory) as postgres:
        postgres.stop_fast()
        (directory / "data" / "spool").mkdir(parents=True)
        (directory / "vedette.yml").write_text(f"store: {{url: '{postgres.url('vedette_login')}'}}\n")
        for command in (("user", "list"), ("spool", "drain", "--data-dir", directory / "data")):
            answer = vedette(*command, "--config", directory / "vedette.yml")
            assert answer.returncode == 1 and "onnect" in answer.stderr, (command, answer.stderr)


if __name__ == "__main__":
    sys.exit(run_tests([
        ("a server runs on PostgreSQL", a_server_runs_on_postgresql),
        ("a server whose store hangs ends, and loses nothing", a_server_whose_store_hangs_ends_and_loses_nothing),
        ("a server with a request in a store that hangs ends", a_server_with_a_request_in_a_store_that_hangs_ends),
        ("H11: a server starts without its store, from the last good snapshot",
         h11_a_server_starts_without_its_store_from_the_last_good_snapshot),
        ("a server starts while its store takes no writes", a_server_starts_while_its_store_takes_no_writes),
        ("jobs run while the store is too full for a start", jobs_run_while_the_store_is_too_full_for_a_start),
        ("H11: the first start of all waits for its store", h11_the_first_start_of_all_waits_for_its_store),
        ("H11: a store that comes without its tables is waited for", h11_a_store_that_comes_without_its_tables_is_waited_for),
        ("a store that is reached and is not as it must be is refused at the start",
         a_store_that_is_reached_and_is_not_as_it_must_be_is_refused_at_the_start),
        ("a worker that cannot be started at the start is started later",
         a_worker_that_cannot_be_started_at_the_start_is_started_later),
        ("the doctor proves the server that runs on PostgreSQL", the_doctor_proves_the_server_that_runs_on_postgresql),
        ("commands fail at once without the store", commands_fail_at_once_without_the_store),
    ]))
