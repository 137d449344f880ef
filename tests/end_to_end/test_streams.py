"""A camera with a small stream to analyse and a large one to record and to show."""
import sys
import urllib.error
import urllib.request

from world import FAST, Camera, Directory, Hub, run_tests, until

SMALL, LARGE = "scene://corridor?seed=1&width=320&height=180", "scene://corridor?seed=1&width=1280&height=720"


def config_of(camera, login=""):
    return (FAST + "cameras:\n  - id: c\n    analyse_fps: 10\n    streams:\n"
            f"      - {{source: '{camera.url}', roles: [detect]{login}}}\n"
            f"      - {{source: '{camera.url}-2', roles: [record, live]{login}}}\n")


def jpeg_width(data):
    """From the frame header (ITU-T T.81 B.2.2)."""
    at = 2
    while data[at + 1] not in (0xC0, 0xC1, 0xC2):
        at += 2 + int.from_bytes(data[at + 2:at + 4], "big")
    return int.from_bytes(data[at + 7:at + 9], "big")


def preview(hub):
    request = urllib.request.Request(hub.address + "/api/v1/cameras/c/preview.jpg")
    request.add_header("Authorization", f"Bearer {hub.token}")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read(), int(answer.headers["X-Frame-Number"])
    except urllib.error.HTTPError:
        return None


def streams_of(hub):
    return hub.cameras()["c"]["health"]["streams"]


def metric(hub, name, stream):
    request = urllib.request.Request(hub.address + "/metrics")
    request.add_header("Authorization", f"Bearer {hub.token}")
    with urllib.request.urlopen(request, timeout=60) as answer:
        for line in answer.read().decode().split("\n"):
            if line.startswith(f'{name}{{camera="c",stream="{stream}"}}'):
                return float(line.split()[-1])
    return None


def a_small_stream_is_analysed_and_the_large_one_recorded_and_shown():
    with Directory() as directory, Camera(directory, SMALL, LARGE) as camera:
        with Hub(directory, config_of(camera)) as hub:
            until(lambda: len(streams_of(hub)) == 2 and all(s["state"] == "online" for s in streams_of(hub)), "both are online")
            small, large = streams_of(hub)
            assert small["roles"] == ["detect"] and large["roles"] == ["record", "live"], (small, large)
            assert hub.cameras()["c"]["health"]["width_px"] == 320
            until(lambda: metric(hub, "vedette_stream_record_packets_total", 1), "packets are kept for the recorder")
            assert metric(hub, "vedette_stream_record_packets_total", 0) == 0
            assert [stream["recording"] for stream in streams_of(hub)] == ["off", "unread"], "it looks as if it were recorded"
            assert metric(hub, "vedette_stream_connects_total", 1) == 1
            assert metric(hub, "vedette_stream_live_frames_total", 1) == 0, "it is decoded though nobody looks"
            assert until(lambda: (shown := preview(hub)) and jpeg_width(shown[0]) == 640, "the large stream is shown")
            number = until(lambda: preview(hub), "it is shown again")[1]
            until(lambda: number <= hub.cameras()["c"]["health"]["frames_decoded"] + 20, # which is told once a second
                  "the number is of an analysed frame, whose boxes the page draws over the picture", seconds=3)
            assert streams_of(hub)[1]["connects"] == 1, "who looks costs no connection"


def a_live_stream_that_fails_leaves_the_analysed_picture():
    with Directory() as directory, Camera(directory, SMALL) as camera:
        with Hub(directory, config_of(camera)) as hub: # there is no second stream
            shown = until(lambda: preview(hub), "the analysed picture is shown")
            assert jpeg_width(shown[0]) == 320
            large = until(lambda: (s := streams_of(hub)[1]) and s["last_error"] and s, "the health says so")
            assert "404" in large["last_error"], large
            until(lambda: hub.online() == {"c"}, "the camera itself is on line")


def a_live_stream_whose_shape_is_rounded_is_shown_and_another_is_told_of():
    """180 lines are sent as 176 by cameras that know whole macroblocks only; 4:3 is another view."""
    with Directory() as directory, Camera(directory, SMALL.replace("180", "176"), LARGE) as camera:
        with Hub(directory, config_of(camera)) as hub:
            until(lambda: (shown := preview(hub)) and jpeg_width(shown[0]) == 640, "the large stream is shown")
    with Directory() as directory, Camera(directory, SMALL.replace("180", "240"), LARGE) as camera:
        with Hub(directory, config_of(camera)) as hub:
            until(lambda: (shown := preview(hub)) and jpeg_width(shown[0]) == 320 and
                  "another shape" in streams_of(hub)[1]["last_error"], "the live stream's health says why it is not shown")
            assert not streams_of(hub)[0]["last_error"], streams_of(hub)


def streams_have_logins_of_their_own():
    with Directory() as directory:
        (directory / "word").write_text("canary-stream\n")
        with Camera(directory, SMALL, LARGE, options=("--username", "eye", "--password-file", directory / "word")) as camera:
            with Hub(directory, config_of(camera, ", username: eye, password: canary-stream")) as hub:
                until(lambda: len(streams_of(hub)) == 2 and all(s["state"] == "online" for s in streams_of(hub)), "both are online")
                assert "canary-stream" not in hub.log()
                assert "canary-stream" not in str(hub.cameras())


if __name__ == "__main__":
    sys.exit(run_tests([
        ("a small stream is analysed, the large one recorded and shown",
         a_small_stream_is_analysed_and_the_large_one_recorded_and_shown),
        ("a live stream that fails leaves the analysed picture", a_live_stream_that_fails_leaves_the_analysed_picture),
        ("a live stream whose shape is rounded is shown, and another is told of",
         a_live_stream_whose_shape_is_rounded_is_shown_and_another_is_told_of),
        ("streams have logins of their own", streams_have_logins_of_their_own),
    ]))
