"""Models as a person meets them: in a hub whose model fails or hangs, and by `vedette model`."""
import hashlib
import http.server
import json
import os
import sys
import threading
import time

import onnx_file
from world import FAST, Camera, Directory, Hub, Skip, camera_config, run_tests, until, vedette

# Pictures of scenes lie around 130, those of the night and of a covered sun far below.
LIMIT = 80.0
DARK_SECONDS = 25  # the worker starts, loads the model and is looked at with it in that time
# For 15 frames at 10 a second, on a slow machine; a camera that waited for the hung model each time would need longer.
GO_ON_SECONDS = 8


def need_models():
    if "none" in vedette("model", "list").stdout.rsplit("run by:", 1)[-1]:
        raise Skip("a build without ONNX Runtime")


def detector_config(model):
    return f"detector: {{model: {model}, provider: cpu, is_gated: false, timeout_seconds: 1}}\nworkers: {{count: 1}}\n"


def health(hub, camera):
    return hub.cameras()[camera]["health"]


def a_model_that_troubles_one_camera(trouble, restarts_at_least):
    """One camera is too bright for the model until it turns dark; another is always dark enough."""
    need_models()
    with Directory() as directory:
        onnx_file.write(directory / "trouble.onnx", trouble, LIMIT)
        sources = (f"scene://corridor?fault=dark@{DARK_SECONDS}", "scene://night")
        with Camera(directory, *sources) as camera:
            config = FAST + detector_config(directory / "trouble.onnx") + "cameras:\n"
            config += camera_config("bright", camera.url) + camera_config("night", camera.url.replace("corridor", "night"))
            with Hub(directory, config) as hub:
                until(lambda: hub.online() == {"bright", "night"}, "both cameras are online")
                until(lambda: health(hub, "bright")["detector_failing"] == 1, "the camera says that the model fails")
                assert "what moves is followed" in health(hub, "bright")["last_error"], health(hub, "bright")
                assert health(hub, "bright")["detector_provider"] == "CPU", health(hub, "bright")
                assert "asks for it" in health(hub, "bright")["detector_provider_reason"], health(hub, "bright")
                before, started = {name: health(hub, name) for name in ("bright", "night")}, time.monotonic()
                until(lambda: health(hub, "bright")["frames_processed"] > before["bright"]["frames_processed"] + 15,
                      "the camera goes on without its model")
                until(lambda: health(hub, "night")["detector_runs"] > before["night"]["detector_runs"] + 10,
                      "the other camera has the model")
                seconds = time.monotonic() - started
                print(f"# bright {before['bright']['frames_processed']} to {health(hub, 'bright')['frames_processed']}, "
                      f"night {before['night']['frames_processed']} to {health(hub, 'night')['frames_processed']} "
                      f"frames in {seconds:.1f} s")
                assert seconds < GO_ON_SECONDS, seconds
                assert health(hub, "night")["detector_failing"] == 0, health(hub, "night")
                until(lambda: health(hub, "bright")["detector_failing"] == 0, "the model comes back")
                until(lambda: not health(hub, "bright")["last_error"], "and nothing is wrong any more")
                assert len(hub.workers()) == 1 and hub.log().count("worker started") <= 1, hub.log()
                print(f"# runs {health(hub, 'bright')['detector_runs']}, restarts {health(hub, 'bright')['detector_restarts']}")
                assert health(hub, "bright")["detector_restarts"] >= restarts_at_least, health(hub, "bright")


def a_model_that_fails_costs_its_camera_only_the_model():
    a_model_that_troubles_one_camera(onnx_file.failing, restarts_at_least=1)  # five failures in a row, and it is loaded anew


def a_model_that_hangs_costs_its_camera_only_the_model():
    a_model_that_troubles_one_camera(onnx_file.hanging, restarts_at_least=0)


def a_model_that_cannot_be_loaded_is_one_that_fails():
    need_models()
    with Directory() as directory, Camera(directory, "scene://corridor") as camera:
        model = directory / "broken.onnx"
        onnx_file.write(model)
        sound = model.read_bytes()
        model.write_bytes(sound[:-20])
        config = FAST + detector_config(model) + "cameras:\n" + camera_config("bright", camera.url)
        with Hub(directory, config) as hub:
            until(lambda: hub.online() == {"bright"}, "the camera is online")
            until(lambda: health(hub, "bright")["detector_failing"] == 1, "it says that the model fails")
            until(lambda: health(hub, "bright")["last_error"], "and why")
            for text in (health(hub, "bright")["last_error"], health(hub, "bright")["detector_provider_reason"]):
                assert "broken.onnx" in text, health(hub, "bright")
            assert "what moves is followed" in health(hub, "bright")["last_error"], health(hub, "bright")
            before = health(hub, "bright")["frames_processed"]
            until(lambda: health(hub, "bright")["frames_processed"] > before + 5, "the camera goes on")
            model.write_bytes(sound)  # into the same file: of another the cage would know nothing
            until(lambda: health(hub, "bright")["detector_failing"] == 0, "the model comes")
            until(lambda: not health(hub, "bright")["last_error"], "and nothing is wrong any more")
            assert health(hub, "bright")["detector_provider"] == "CPU", health(hub, "bright")
            assert len(hub.workers()) == 1 and hub.log().count("worker started") <= 1, hub.log()


def a_model_that_takes_long_to_load_costs_its_camera_only_the_model():
    """Its first run, before any picture comes, does not end."""
    need_models()
    with Directory() as directory, Camera(directory, "scene://corridor") as camera:
        onnx_file.write(directory / "slow.onnx", onnx_file.hanging, limit=-1.0)
        config = FAST + detector_config(directory / "slow.onnx").replace("timeout_seconds: 1", "load_timeout_seconds: 600")
        with Hub(directory, config + "cameras:\n" + camera_config("bright", camera.url)) as hub:
            until(lambda: hub.online() == {"bright"}, "the camera is online")
            until(lambda: health(hub, "bright")["last_error"] == "the model is still being loaded; what moves is "
                  "followed instead", "the camera says what it waits for")
            assert "loaded" in health(hub, "bright")["detector_provider_reason"], health(hub, "bright")
            before = health(hub, "bright")["frames_processed"]
            until(lambda: health(hub, "bright")["frames_processed"] > before + 5, "the camera goes on")
            assert hub.log().count("still being loaded; what moves") == 1, hub.log()
            assert len(hub.workers()) == 1, hub.log()
            assert hub.stop() == 0 and "are killed" not in hub.log(), hub.log()  # a stop does not wait for it


def classes_that_nothing_can_have_are_told():
    """A zone that asks for them counts nothing: without a model, with one that has other labels, and while one fails."""
    need_models()
    zone = "    zones: [{id: %s, classes: [%s], polygon: [[0, 0], [1, 0], [1, 1], [0, 1]]}]\n"
    with Directory() as directory, Camera(directory, "scene://corridor") as camera:
        cameras = "cameras:\n" + "".join(camera_config(name, camera.url, lines=False) + zone % (name, classes)
                                         for name, classes in (("yard", "person"), ("shop", "thing, person"), ("hall", "motion")))
        of_yard = "zone 'yard' counts nothing: it asks for class person, and "
        onnx_file.write(directory / "things.onnx")
        onnx_file.write(directory / "failing.onnx", onnx_file.failing, limit=-1.0)
        for config, expected in (
                ("", {"yard": of_yard + "without a model", "shop": "zone 'shop' counts nothing: it asks for class thing and others"}),
                (detector_config(directory / "things.onnx"), {"yard": of_yard + "the model's labels have no such class"}),
                (detector_config(directory / "failing.onnx"), {"yard": "what moves is followed instead; " + of_yard,
                                                               "shop": "what moves is followed instead; zone 'shop'",
                                                               "hall": "what moves is followed instead"})):
            with Hub(directory, FAST + config + cameras) as hub:
                until(lambda: hub.online() == {"yard", "shop", "hall"}, "the cameras are online")
                for name, words in expected.items():
                    until(lambda: words in health(hub, name)["last_error"], f"{name} says that {words}")
                for name in {"yard", "shop", "hall"} - expected.keys():
                    assert not health(hub, name)["last_error"], health(hub, name)


def a_model_that_never_loads_is_told_of():
    need_models()
    with Directory() as directory, Camera(directory, "scene://corridor") as camera:
        onnx_file.write(directory / "slow.onnx", onnx_file.hanging, limit=-1.0)
        config = FAST + detector_config(directory / "slow.onnx").replace("timeout_seconds: 1", "load_timeout_seconds: 3")
        with Hub(directory, config + "cameras:\n" + camera_config("bright", camera.url)) as hub:
            until(lambda: "the model of detection has been loading for" in hub.log(), "the watch tells of it")
            until(lambda: "ended: exit status 1" in hub.log(), "its worker ends")


def look_config(directory, trouble):
    """A model finds the same thing in every picture; another tells what it looks like."""
    onnx_file.write(directory / "things.onnx")
    onnx_file.write(directory / "looks.onnx", trouble, LIMIT, family="embedder", labels=[])
    return (FAST + detector_config(directory / "things.onnx") +
            f"reid: {{model: {directory / 'looks.onnx'}, object_class: thing, minimum_height: 0}}\ncameras:\n")


def tracks_are_looked_at_in_the_cage():
    need_models()
    with Directory() as directory, Camera(directory, "scene://corridor") as camera:
        with Hub(directory, look_config(directory, onnx_file.sound) + camera_config("bright", camera.url)) as hub:
            until(lambda: hub.online() == {"bright"}, "the camera is online")
            until(lambda: health(hub, "bright")["reid_looks"] > 0, "a track is looked at")
            assert not health(hub, "bright")["last_error"], health(hub, "bright")


def looks_that_hang_cost_no_camera():
    need_models()
    with Directory() as directory, Camera(directory, "scene://corridor") as camera:
        with Hub(directory, look_config(directory, onnx_file.hanging) + camera_config("bright", camera.url)) as hub:
            until(lambda: hub.online() == {"bright"}, "the camera is online")
            until(lambda: "the model of looks has not answered" in hub.log(), "the watch tells of it")
            until(lambda: health(hub, "bright")["reid_failing"] == 1, "the camera says that it fails")
            until(lambda: health(hub, "bright")["last_error"].startswith("the model of looks fails ("), "and why")
            before = health(hub, "bright")["frames_processed"]
            until(lambda: health(hub, "bright")["frames_processed"] > before + 5, "the camera goes on")
            assert len(hub.workers()) == 1 and hub.log().count("worker started") <= 1, hub.log()


# ---- vedette model ----

class Server:
    """Serves bytes by path on a free port, and follows the redirects it is told to make."""

    def __init__(self, files, redirects=None):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                path = self.path.split("?")[0]
                body, to = files.get(path), (redirects or {}).get(path)
                self.send_response(302 if to else 200 if body is not None else 404)
                if to:
                    self.send_header("Location", to)
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class Shelf:
    """A model outside, and an empty data folder."""

    def __init__(self, directory, **card):
        self.source, self.data = directory / "outside" / "tiny.onnx", directory / "data"
        self.source.parent.mkdir()
        self.sha256 = onnx_file.write(self.source, **{"licence": "Apache-2.0", "source": "https://example.org/tiny", **card})
        self.card = self.source.with_suffix(".card.json")
        # ONNX Runtime keeps a string of its first session, GLib a table of quarks; a leak of our own is still told.
        leaks = directory / "known-leaks"
        leaks.write_text("leak:libonnxruntime.so\nleak:_dl_init\n")
        self.environment = {**os.environ, "LSAN_OPTIONS": f"suppressions={leaks}:print_suppressions=0",
                            "ASAN_OPTIONS": "fast_unwind_on_malloc=0"}

    def run(self, command, *arguments):
        return vedette("model", command, *arguments, "--data-dir", self.data, env=self.environment)

    def kept(self):
        """Everything below the data folder."""
        return sorted(str(path.relative_to(self.data)) for path in self.data.rglob("*") if path.is_file())


def refused(result, *words, status=1):
    assert result.returncode == status and all(word in result.stderr for word in words), result
    assert result.stdout == "", result


def a_model_from_the_network_is_taken_only_as_what_it_should_be():
    with Directory() as directory:
        shelf = Shelf(directory)
        model = shelf.source.read_bytes()
        files = {"/tiny.onnx": model, "/cut.onnx": model[:-1], "/empty.onnx": b""}
        with Server(files, {"/moved.onnx": "/tiny.onnx", "/file.onnx": f"file://{shelf.source}", "/round.onnx": "/round.onnx"}) as server:
            card, right = ("--card", shelf.card), ("--sha256", shelf.sha256)
            refused(shelf.run("add", f"{server.url}/tiny.onnx", *card), "--sha256", status=2)
            refused(shelf.run("add", f"{server.url}/tiny.onnx", *card, "--sha256", "abc"), "64 hex digits", status=2)
            refused(shelf.run("add", f"{server.url}/tiny.onnx", *right), "card")
            refused(shelf.run("add", f"{server.url}/tiny.onnx", *card, "--sha256", "0" * 64), shelf.sha256, "nothing was kept")
            refused(shelf.run("add", f"{server.url}/cut.onnx", *card, *right), hashlib.sha256(model[:-1]).hexdigest())
            refused(shelf.run("add", f"{server.url}/empty.onnx", *card, *right), "nothing was kept")
            refused(shelf.run("add", f"{server.url}/none.onnx", *card, *right), "404")
            signed = shelf.run("add", f"{server.url}/none.onnx?signature=not-to-be-told", *card, *right)
            refused(signed, "none.onnx?***")
            assert "not-to-be-told" not in signed.stderr, signed
            refused(shelf.run("add", f"{server.url}/file.onnx", *card, *right), "cannot be fetched")
            refused(shelf.run("add", f"{server.url}/round.onnx", *card, *right), "cannot be fetched")
            refused(shelf.run("add", f"file://{shelf.source}", *card, *right), "cannot be fetched")
            refused(shelf.run("add", f"{server.url}/tiny.bin", *card, *right), "NAME.onnx")
            login = server.url.replace("//", "//user:canary@")
            result = shelf.run("add", f"{login}/none.onnx", *card, *right)
            refused(result, "404")
            assert "canary" not in result.stderr, result.stderr
            assert shelf.kept() == [], shelf.kept()
            result = shelf.run("add", f"{server.url}/moved.onnx?version=1#top", *card, "--sha256", shelf.sha256.upper())
            assert result.returncode == 0 and "licence Apache-2.0, source https://example.org/tiny" in result.stdout, result
            assert shelf.kept() == ["models/moved.card.json", "models/moved.onnx"], shelf.kept()
            assert (shelf.data / "models/moved.onnx").read_bytes() == model
        refused(shelf.run("add", f"{server.url}/tiny.onnx", *card, *right), "cannot be fetched")
        assert shelf.kept() == ["models/moved.card.json", "models/moved.onnx"], shelf.kept()


def a_model_file_is_added_with_its_card_and_listed():
    with Directory() as directory:
        shelf = Shelf(directory)
        result = shelf.run("list")
        assert result.returncode == 0 and "no models" in result.stdout and "built in are the providers: " in result.stdout, result
        refused(shelf.run("add", shelf.source, "--sha256", "1" * 64), shelf.sha256)
        refused(shelf.run("add", directory / "none.onnx", "--card", shelf.card), "none.onnx")
        other = directory / "other.card.json"
        other.write_text(json.dumps({**json.loads(shelf.card.read_text()), "sha256": "2" * 64}))
        refused(shelf.run("add", shelf.source, "--card", other, "--sha256", shelf.sha256), "2" * 64, "nothing was kept")
        assert shelf.kept() == [], shelf.kept()
        assert shelf.run("add", shelf.source).returncode == 0
        result = shelf.run("list")
        assert "tiny.onnx\n    test: yolox, 32 x 32, licence Apache-2.0" in result.stdout, result.stdout
        (shelf.data / "models" / "tiny.card.json").write_text("{")
        (shelf.data / "models" / "other.onnx").write_bytes(b"")
        result = shelf.run("list")
        assert result.returncode == 0 and len(result.stdout.strip().split("\n")) == 5, result.stdout
        refused(shelf.run("list", "x"), "takes no file", status=2)


def a_card_that_names_another_file_is_refused():
    with Directory() as directory:
        shelf = Shelf(directory, sha256="2" * 64)
        refused(shelf.run("add", shelf.source), shelf.sha256, "nothing was kept")
        assert shelf.kept() == [], shelf.kept()


def a_model_never_stands_beside_anothers_card():
    with Directory() as directory:
        shelf = Shelf(directory)
        assert shelf.run("add", shelf.source).returncode == 0
        card, old = shelf.data / "models" / "tiny.card.json", shelf.source.read_bytes()
        beside = card.with_name("tiny.json")  # where one is looked for, too
        beside.write_text(card.read_text())
        onnx_file.write(shelf.source, onnx_file.quantised, name="another")
        card.unlink()
        card.mkdir()  # it can be neither removed nor written
        refused(shelf.run("add", shelf.source), "tiny.card.json", "as it was")
        assert (shelf.data / "models" / "tiny.onnx").read_bytes() == old
        card.rmdir()
        card.write_text(beside.read_text())
        beside.unlink()
        beside.mkdir()
        answer = shelf.run("add", shelf.source)
        refused(answer, "tiny.json', cannot", "tiny.card.json' is removed already")
        assert "the model is as it was" not in answer.stderr and not card.exists(), answer
        beside.rmdir()
        assert shelf.run("add", shelf.source).returncode == 0
        assert json.loads(card.read_text())["name"] == "another", card.read_text()
        assert shelf.kept() == ["models/tiny.card.json", "models/tiny.onnx"], shelf.kept()


def what_does_not_run_replaces_no_model():
    need_models()
    with Directory() as directory:
        shelf = Shelf(directory)
        assert shelf.run("add", shelf.source).returncode == 0
        kept, added = shelf.kept(), shelf.data / "models" / "tiny.onnx"
        old = added.read_bytes(), added.with_suffix(".card.json").read_bytes()
        shelf.source.write_bytes(b"junk\n")
        refused(shelf.run("add", shelf.source), "does not run by its card", "nothing was kept")
        onnx_file.write(shelf.source, onnx_file.failing, LIMIT)
        refused(shelf.run("add", shelf.source), "Gather", "nothing was kept")
        onnx_file.write(shelf.source, labels=["one", "two"])  # another model's card
        refused(shelf.run("add", shelf.source), "7 columns", "nothing was kept")
        assert shelf.kept() == kept, shelf.kept()
        assert (added.read_bytes(), added.with_suffix(".card.json").read_bytes()) == old


def what_was_added_is_known_again():
    """Also where its card did not say what it is."""
    need_models()
    with Directory() as directory:
        shelf = Shelf(directory)
        assert "sha256" not in json.loads(shelf.card.read_text())
        assert shelf.run("add", shelf.source).returncode == 0
        added = shelf.data / "models" / "tiny.onnx"
        assert json.loads(added.with_suffix(".card.json").read_text())["sha256"] == shelf.sha256
        assert "SHA-256 as its card says" in shelf.run("check", added).stdout
        onnx_file.write(shelf.source, onnx_file.quantised)
        added.write_bytes(shelf.source.read_bytes())
        refused(shelf.run("check", added), "is not the file its card describes")


def a_model_is_checked_and_measured():
    need_models()
    with Directory() as directory:
        shelf = Shelf(directory)
        result = shelf.run("check", shelf.source)
        assert result.returncode == 0 and "family yolox, 32 x 32, 1 labels, licence Apache-2.0" in result.stdout, result
        if "run by CPU with 1 thread" in result.stdout:  # the machine has nothing faster
            assert all(f"{name}: " in result.stdout for name in ("TensorRT", "CUDA", "OpenVINO")), result.stdout
            refused(shelf.run("check", shelf.source, "--detector-provider", "cuda"), "CUDA")
        result = shelf.run("bench", shelf.source)
        assert result.returncode == 0 and "median" in result.stdout and "50 runs" in result.stdout, result
        assert "quantised" not in result.stdout, result.stdout
        onnx_file.write(shelf.source, onnx_file.quantised)
        result = shelf.run("check", shelf.source)
        assert result.returncode == 0 and "quantised: 8-bit" in result.stdout, result
        picture = directory / "picture.mp4"
        assert vedette("scene", "render", "shop", "--seconds", 1, "--out", picture, env=shelf.environment).returncode == 0
        found = vedette("detect", picture, "--frame", 3, "--model", shelf.source, env=shelf.environment)
        assert found.returncode == 0 and "thing" in found.stdout, found
        shelf.source.write_bytes(shelf.source.read_bytes()[:-20])
        refused(shelf.run("check", shelf.source), "tiny.onnx")
        onnx_file.write(shelf.source, onnx_file.failing, LIMIT)
        refused(shelf.run("check", shelf.source), "Gather")
        onnx_file.write(shelf.source, labels=["one", "two"])
        refused(shelf.run("check", shelf.source), "7 columns")
        refused(shelf.run("check"), "give one model", status=2)


if __name__ == "__main__":
    sys.exit(run_tests([
        ("a model from the network is taken only as what it should be",
         a_model_from_the_network_is_taken_only_as_what_it_should_be),
        ("a model file is added with its card and listed", a_model_file_is_added_with_its_card_and_listed),
        ("a card that names another file is refused", a_card_that_names_another_file_is_refused),
        ("a model never stands beside another's card", a_model_never_stands_beside_anothers_card),
        ("what does not run replaces no model", what_does_not_run_replaces_no_model),
        ("what was added is known again", what_was_added_is_known_again),
        ("a model is checked and measured", a_model_is_checked_and_measured),
        ("a model that fails costs its camera only the model", a_model_that_fails_costs_its_camera_only_the_model),
        ("a model that hangs costs its camera only the model", a_model_that_hangs_costs_its_camera_only_the_model),
        ("a model that cannot be loaded is one that fails", a_model_that_cannot_be_loaded_is_one_that_fails),
        ("a model that takes long to load costs its camera only the model",
         a_model_that_takes_long_to_load_costs_its_camera_only_the_model),
        ("classes that nothing can have are told", classes_that_nothing_can_have_are_told),
        ("a model that never loads is told of", a_model_that_never_loads_is_told_of),
        ("tracks are looked at in the cage", tracks_are_looked_at_in_the_cage),
        ("looks that hang cost no camera", looks_that_hang_cost_no_camera),
    ]))
