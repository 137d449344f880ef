"""A whole server on PostgreSQL, set up by the commands of docs/store.md, and one whose PostgreSQL stops answering."""
import json
import os
import pathlib
import pwd
import re
import signal
import subprocess
import sys

from world import DEADLINE_SECONDS, Camera, Directory, Hub, Process, Skip, camera_config, run_tests, until, vedette

STOP_SECONDS, SPOOLED_BYTES = 2, 20000


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
        super().__init__(directory, "postgres", command)
        until(lambda: ".s.PGSQL.5432" in {path.name for path in self.place.iterdir()}
              and self.run("pg_isready", "-h", self.place, check=False).returncode == 0, "PostgreSQL answers")
        self.run("createdb", "-h", self.place, "vedette")
        roles = vedette("migrate", "roles").stdout
        self.run("psql", "-h", self.place, "-v", "ON_ERROR_STOP=1", "-q", "vedette", input=roles)
        migrated = vedette("migrate", "up", "--store-url", self.url("vedette_migrator"))
        assert migrated.returncode == 0, migrated.stderr

    def url(self, role):
        return f"postgres://{role}@/vedette?host={self.place}"

    def run(self, program, *arguments, check=True, **options):
        user = {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []} if self.user else {}
        return subprocess.run([self.bin / program, *arguments], capture_output=True, text=True, check=check, cwd=self.place,
                              timeout=DEADLINE_SECONDS, **user, **options)

    def count_events(self):
        return int(self.run("psql", "-h", self.place, "-Atc", "SELECT count(*) FROM events", "vedette").stdout)

    def signal_all(self, number):
        children = pathlib.Path(f"/proc/{self.child.pid}/task/{self.child.pid}/children").read_text().split()
        for pid in [self.child.pid, *map(int, children)]:
            os.kill(pid, number)

    def __exit__(self, trouble, *rest):
        self.signal_all(signal.SIGCONT)
        super().__exit__(trouble, *rest)


def start_hub(directory, postgres, camera, name="hub"):
    return Hub(directory, f"store: {{url: '{postgres.url('vedette_login')}'}}\nspool: {{stop_seconds: {STOP_SECONDS}}}\ncameras:\n"
               + camera, name=name)


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
        with start_hub(directory, postgres, cameras) as hub:
            until(lambda: hub.events("limit=10"), "what the camera saw is stored")
            postgres.signal_all(signal.SIGSTOP)
            [worker] = hub.workers()
            os.kill(worker, signal.SIGKILL)
            until(lambda: set(hub.workers()) - {worker}, "another worker is started all the same")
            before = sum(path.stat().st_size for path in spool.iterdir())
            until(lambda: sum(path.stat().st_size for path in spool.iterdir()) > before + SPOOLED_BYTES, "what it sees is kept in the spool")
            assert hub.stop() == 1, "it says by its status that something stayed"
            assert re.search("has not answered in .*spool.stop_seconds", hub.log()), hub.log()[-2000:]
        kept = spooled(directory)
        assert kept > 0
        postgres.signal_all(signal.SIGCONT)
        with start_hub(directory, postgres, cameras.replace("id: shop", "id: shop\n    enabled: false"), "again") as hub:
            until(lambda: hub.request("/queue/stats")["total_queued"] == 0, "all that was kept is stored")
            assert hub.stop() == 0, hub.log()
        assert spooled(directory) == 0 and postgres.count_events() >= kept


if __name__ == "__main__":
    sys.exit(run_tests([
        ("a server runs on PostgreSQL", a_server_runs_on_postgresql),
        ("a server whose store hangs ends, and loses nothing", a_server_whose_store_hangs_ends_and_loses_nothing),
    ]))
