"""What is counted of real RTSP cameras, against the truth of what they play."""
import datetime
import json
import re
import sys

from world import Camera, Directory, Hub, run_tests, until, vedette, wrong_and_total

# As a share of the truth's, of lines, and of lines and zones together; docs/counting.md tells what is reached.
COUNT_ERROR_MAX, SEEDS, SECONDS, FPS, KINDS = 0.02, range(1, 11), 60, 10, ("shop", "gate")


def render(directory, kind, seed):
    """The truth of a scene, and the settings of a camera that plays it, but for its source."""
    truth, config = directory / "t.json", directory / "t.yml"
    result = vedette("scene", "render", kind, "--seed", seed, "--seconds", SECONDS, "--truth", truth, "--config", config)
    assert result.returncode == 0, result.stderr
    scene = json.loads(truth.read_text())
    for zone in scene["zones"]:  # the truth lets everybody out when it ends; the camera plays on
        zone["exits"] -= sum(event["event"] == "exit" and event["frame"] >= scene["frames"] for event in zone["events"])
    return scene, re.sub(r"id: \w+", f"id: {kind}-{seed}", config.read_text().split("\n", 1)[1], count=1)


def seconds_of(time):
    return datetime.datetime.fromisoformat(time.replace("Z", "+00:00")).timestamp()


def start_of(camera):
    """When the camera's first frame came: it plays at its own pace."""
    health = camera["health"]
    assert health["connects"] == 1, health
    return seconds_of(health["last_frame_at"]) - (health["frames_decoded"] - 1) / FPS


def count(hub, name, start, truth):
    """Lines and zones as in the truth, from the events stored for the camera."""
    lines = [{"in": 0, "out": 0, "id": line["line"]} for line in truth["lines"]]
    zones = [{"enter": 0, "exit": 0, "dwell": 0, "id": zone["zone"]} for zone in truth["zones"]]
    for kind, things, key, way in (("line_crossing", lines, "line_id", "direction"), ("zone_hit", zones, "zone_id", "event")):
        for event in hub.events(f"type={kind}&camera_id={name}&limit=500"):
            if seconds_of(event["occurred_at"]) - start < SECONDS:
                next(thing for thing in things if thing["id"] == event["payload"][key])[event["payload"][way]] += 1
    return lines, [{"enters": zone["enter"], "exits": zone["exit"]} for zone in zones]


def counts_agree_with_the_truth(kind):
    with Directory() as directory:
        scenes = {seed: render(directory, kind, seed) for seed in SEEDS}
        # a clip of that length, as in the truth; the camera begins it anew, which no longer counts
        with Camera(directory, *(f"scene://{kind}?seed={seed}&frames={SECONDS * FPS}" for seed in SEEDS)) as server:
            urls = until(lambda: len(found := re.findall(r"^rtsp://\S+$", server.out(), re.MULTILINE)) == len(SEEDS) and found,
                         "every camera listens")
            cameras = [re.sub(r"source: .*", f'source: "{url}"', scenes[seed][1], count=1) for seed, url in zip(SEEDS, urls)]
            with Hub(directory, "workers: {count: 2}\ncameras:\n" + "".join(cameras)) as hub:
                played = lambda camera: camera.get("health", {}).get("frames_processed", 0) > (SECONDS + 1) * FPS
                until(lambda: all(map(played, hub.cameras().values())), "every camera played", seconds=2 * SECONDS)
                compare(hub, kind, {seed: scene for seed, (scene, _) in scenes.items()})


def compare(hub, kind, truths):
    cameras = hub.cameras()
    line_wrong = line_total = zone_wrong = zone_total = dropped = 0
    for seed, truth in truths.items():
        camera = cameras[f"{kind}-{seed}"]
        dropped += camera["health"]["frames_dropped"]
        lines, zones = count(hub, camera["id"], start_of(camera), truth)
        wrong, total = wrong_and_total(truth["lines"], lines, ("in", "out"))
        line_wrong, line_total = line_wrong + wrong, line_total + total
        wrong, total = wrong_and_total(truth["zones"], zones, ("enters", "exits"))
        zone_wrong, zone_total = zone_wrong + wrong, zone_total + total
    words = (f"{kind}: wrong are {line_wrong} of {line_total} crossings, {zone_wrong} of {zone_total} zone entries and exits, "
             f"{dropped} of {SECONDS * FPS * len(SEEDS)} frames were dropped")
    print(f"# {words}")
    assert line_wrong <= COUNT_ERROR_MAX * line_total, words
    assert line_wrong + zone_wrong <= COUNT_ERROR_MAX * (line_total + zone_total), words


if __name__ == "__main__":
    sys.exit(run_tests([(f"counts of {kind} by RTSP agree with the truth", lambda kind=kind: counts_agree_with_the_truth(kind))
                        for kind in KINDS]))
