"""The store and its jobs from the command line, beside a hub that runs."""
import json
import os
import sys

from world import PASSWORD, Camera, Directory, Hub, camera_config, run_tests, sanitizer_options, until, vedette


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
            runs = until(lambda: [run for run in map(json.loads, jobs("history", "cleanup_old_data").stdout.splitlines())
                                  if run["state"] == "done"], "the job is run")
            assert runs[0]["cause"] == "manual", runs
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


if __name__ == "__main__":
    sys.exit(run_tests([
        ("jobs are listed, run, paused and told", jobs_are_listed_run_paused_and_told),
        ("a hub is backed up while it runs, and restored when it does not",
         a_hub_is_backed_up_while_it_runs_and_restored_when_it_does_not),
    ]))
