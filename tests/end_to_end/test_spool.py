"""`vedette spool stats|verify|drain|bench`: what a hub that ended has left in its spool."""
import contextlib
import json
import re
import resource
import shutil
import signal
import sqlite3
import sys

from world import FAST, Camera, Directory, Hub, camera_config, run_tests, until, vedette


def leave_a_spool(directory):
    """A hub whose store is locked takes records over and is killed; how many wait in its spool at least."""
    with Camera(directory, "scene://corridor?seed=1") as camera:
        with Hub(directory, FAST + "cameras:\n" + camera_config("c", camera.url)) as hub:
            other = sqlite3.connect(directory / "data" / "vedette.db", isolation_level=None)
            with contextlib.closing(other):
                other.execute("BEGIN IMMEDIATE")
                until(lambda: queued(hub) >= 5, "records wait")
                waiting = vedette("spool", "stats", "--directory", directory / "data" / "spool")
                assert waiting.returncode == 1 and "GET /queue/stats" in waiting.stderr, waiting.stderr
                count = queued(hub)
                hub.child.kill()
                hub.child.wait()
                other.execute("ROLLBACK")
    return count


def queued(hub):
    return hub.request("/queue/stats")["total_queued"]


def stats(directory):
    answer = vedette("spool", "stats", "--directory", directory / "data" / "spool")
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


def what_waits_is_told_written_out_and_gone():
    with Directory() as directory:
        count = leave_a_spool(directory)
        spool, out = directory / "data" / "spool", directory / "records.json"
        before = stats(directory)
        assert before["total_queued"] == before["disk_queue_size"] >= count and before["lost"] == 0, before
        verified = vedette("spool", "verify", "--directory", spool)
        assert verified.returncode == 0 and f"{before['total_queued']} to give out" in verified.stdout, verified.stdout
        drained = vedette("spool", "drain", "--directory", spool, "--out", out)
        assert drained.returncode == 0, drained.stderr
        records = [json.loads(line) for line in out.read_text().splitlines()]
        assert len({record["id"] for record in records}) == before["total_queued"], drained.stderr
        assert all(record["org_id"] == "default" and record["payload"] for record in records)
        assert stats(directory)["total_queued"] == 0
        again = vedette("spool", "drain", "--directory", spool, "--out", out)
        assert again.returncode == 0 and "0 records written" in again.stderr, again.stderr


def a_place_that_is_mistyped_is_not_made():
    """Who saves what a hub left shall not take it for empty."""
    with Directory() as directory:
        for place in (("--directory", directory / "typo", "--out", "-"), ("--data-dir", directory / "typo")):
            drained = vedette("spool", "drain", *place)
            assert drained.returncode == 1 and "there is no such directory" in drained.stderr, drained
            assert not (directory / "typo").exists()


def what_a_drain_cannot_bring_is_told():
    """A payload that is not as it was written is lost, and who drains shall not think otherwise."""
    with Directory() as directory:
        leave_a_spool(directory)
        spool, before = directory / "data" / "spool", stats(directory)["total_queued"]
        connection = sqlite3.connect(next(spool.glob("*.spool")))
        with contextlib.closing(connection):
            connection.execute("UPDATE records SET payload = 'x' WHERE row = (SELECT max(row) FROM records)")
            connection.commit()
        drained = vedette("spool", "drain", "--directory", spool, "--out", directory / "records.json")
        assert drained.returncode == 1 and "1 records were damaged" in drained.stderr, drained.stderr
        assert f"{before - 1} records written" in drained.stderr, drained.stderr


def what_cannot_be_written_stays():
    with Directory() as directory:
        leave_a_spool(directory)
        spool, before = directory / "data" / "spool", stats(directory)["total_queued"]
        for out in ("/dev/full", directory / "nowhere" / "records.json"):
            drained = vedette("spool", "drain", "--directory", spool, "--out", out)
            assert drained.returncode == 1 and "stays in the spool" in drained.stderr, drained.stderr
            assert stats(directory)["total_queued"] == before


def no_file_is_larger(limit):
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))


def q15_a_line_is_written_whole_or_not_at_all():
    """The file reaches the largest size that the system allows in the middle of a line."""
    with Directory() as directory:
        leave_a_spool(directory)
        spool, out, before = directory / "data" / "spool", directory / "records.json", stats(directory)["total_queued"]
        limit, line = 32 << 20, b"of before\n"
        room = b"\n" * (limit - 100 - len(line)) + line
        out.write_bytes(room)
        drained = vedette("spool", "drain", "--directory", spool, "--out", out, restore_signals=False,
                          preexec_fn=no_file_is_larger(limit))
        assert drained.returncode == 1 and "File too large" in drained.stderr, drained.stderr
        assert out.read_bytes() == room, "what was there, and nothing torn behind it"
        assert stats(directory)["total_queued"] == before
        killed = vedette("spool", "drain", "--directory", spool, "--out", out, preexec_fn=no_file_is_larger(limit))
        assert killed.returncode == -signal.SIGXFSZ and out.stat().st_size == limit, killed
        drained = vedette("spool", "drain", "--directory", spool, "--out", out)
        assert drained.returncode == 0, drained.stderr
        torn, *lines = out.read_bytes()[len(room):].splitlines()
        assert len(torn) == 100 and len({json.loads(text)["id"] for text in lines}) == before, drained.stderr


def what_waits_is_stored():
    with Directory() as directory:
        leave_a_spool(directory)
        waiting = stats(directory)["total_queued"]
        database = directory / "data" / "vedette.db"
        with contextlib.closing(sqlite3.connect(database)) as store:
            stored = store.execute("SELECT count(*) FROM events").fetchone()[0]
        drained = vedette("spool", "drain", "--config", directory / "vedette.yml", "--data-dir", directory / "data")
        assert drained.returncode == 0 and f"{waiting} records stored" in drained.stdout, drained.stdout + drained.stderr
        with contextlib.closing(sqlite3.connect(database)) as store:
            assert store.execute("SELECT count(*) FROM events").fetchone()[0] > stored
        assert stats(directory)["total_queued"] == 0


def what_can_never_be_stored_is_told():
    """A store that refuses one record and takes its like."""
    with Directory() as directory:
        leave_a_spool(directory)
        shutil.copytree(directory / "data" / "spool", directory / "copy")
        listed = vedette("spool", "drain", "--directory", directory / "copy", "--out", "-")
        waiting = [json.loads(line) for line in listed.stdout.splitlines()]
        with contextlib.closing(sqlite3.connect(directory / "data" / "vedette.db")) as store:
            store.execute(f"CREATE TRIGGER picky BEFORE INSERT ON events WHEN NEW.id = '{waiting[0]['id']}' "
                          "BEGIN SELECT RAISE(ABORT, 'not this one'); END")
        drained = vedette("spool", "drain", "--config", directory / "vedette.yml", "--data-dir", directory / "data")
        assert drained.returncode == 1 and f"{len(waiting) - 1} records stored" in drained.stdout, drained.stdout + drained.stderr
        assert "1 records can never be stored and were let go" in drained.stderr and "not this one" in drained.stderr, drained.stderr
        assert stats(directory)["total_queued"] == 0


def q07_q11_damage_is_told():
    with Directory() as directory:
        leave_a_spool(directory)
        spool = directory / "data" / "spool"
        vedette("spool", "drain", "--directory", directory / "empty", "--out", "-")  # of a directory that is not there
        file = max(spool.glob("*.spool"))
        file.rename(directory / "kept")
        for beside in spool.glob("*.spool-*"):
            beside.unlink()
        missing = vedette("spool", "verify", "--directory", spool)
        assert missing.returncode == 1 and "removed by somebody" in missing.stdout, missing.stdout + missing.stderr
        file.write_bytes(b"nothing of a spool" * 100)
        broken = vedette("spool", "verify", "--directory", spool)
        assert broken.returncode == 1 and str(file) in broken.stdout, broken.stdout + broken.stderr


def refused(hub):
    """How often the spool had no room."""
    return int(re.search(r"^vedette_spool_refused_total (\d+)", hub.text("/metrics"), re.MULTILINE).group(1))


def camera_health(hub):
    return hub.cameras()["c"]["health"]


def q04_a_full_spool_keeps_workers_waiting_and_loses_nothing():
    """The smallest spool, and a store that is locked: what comes beyond stays in the worker, whose camera goes on."""
    bounds = "spool: {max_queue_size: 16, batch_size: 4, tenant_share: 1}\n"
    with Directory() as directory, Camera(directory, "scene://corridor?seed=1") as camera:
        with Hub(directory, FAST + bounds + "cameras:\n" + camera_config("c", camera.url)) as hub:
            until(lambda: hub.online() == {"c"}, "the camera is online")
            other = sqlite3.connect(directory / "data" / "vedette.db", isolation_level=None)
            with contextlib.closing(other):
                other.execute("BEGIN IMMEDIATE")
                until(lambda: queued(hub) > 0 and refused(hub) > 0, "the spool is full")
                waits = lambda: camera_health(hub)["records_made"] - camera_health(hub)["records_acknowledged"]
                until(lambda: waits() >= 20, "the worker keeps as many again")
                frames = camera_health(hub)["frames_processed"]
                until(lambda: camera_health(hub)["frames_processed"] > frames + 20, "and goes on with its pictures")
                until(lambda: hub.online() == {"c"}, "its camera is on line")
                assert queued(hub) <= 16, "the bound holds"
                made = camera_health(hub)["records_made"]
                other.execute("ROLLBACK")
            until(lambda: camera_health(hub)["records_stored"] >= made, "all of it is stored")
            losses = hub.request("/queue/stats")["losses"]
            assert camera_health(hub)["records_dropped"] == sum(losses.values()) == 0, losses


def the_bench_tells_a_ratio():
    with Directory() as directory:
        answer = vedette("spool", "bench", "--rounds", "1", directory)
        assert answer.returncode == 0 and float(re.search(r"ratio +([\d.]+)", answer.stdout).group(1)) > 0, answer.stderr
        assert list(directory.iterdir()) == [], "it leaves nothing behind"
        assert vedette("spool", "bench", "--rounds", "0", directory).returncode == 2
        nowhere = vedette("spool", "bench", directory / "nowhere")
        assert nowhere.returncode == 1 and "cannot be made there" in nowhere.stderr, nowhere.stderr


if __name__ == "__main__":
    sys.exit(run_tests([
        ("what waits is told, written out and gone", what_waits_is_told_written_out_and_gone),
        ("what a drain cannot bring is told", what_a_drain_cannot_bring_is_told),
        ("what cannot be written stays", what_cannot_be_written_stays),
        ("a place that is mistyped is not made", a_place_that_is_mistyped_is_not_made),
        ("q15 a line is written whole or not at all", q15_a_line_is_written_whole_or_not_at_all),
        ("what waits is stored", what_waits_is_stored),
        ("what can never be stored is told", what_can_never_be_stored_is_told),
        ("q07 q11 damage is told", q07_q11_damage_is_told),
        ("q04 a full spool keeps workers waiting and loses nothing",
         q04_a_full_spool_keeps_workers_waiting_and_loses_nothing),
        ("the bench tells a ratio", the_bench_tells_a_ratio),
    ]))
