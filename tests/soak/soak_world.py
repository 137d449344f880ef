"""What the soaks share: cameras that play scenes, the memory of a hub and its workers, and slopes."""
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "end_to_end"))
from world import Camera, until, vedette  # noqa: E402

SETTLE_SECONDS = 180  # caches fill, arenas grow to what they need


def pss_mb(pids):
    total = 0
    for pid in pids:
        text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
        total += int(re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE).group(1))
    return total / 1024


def mappings_mb(pids):
    """What is resident, by what it is of: a file's name, or "anonymous" and the like."""
    sizes = {}
    for pid in pids:
        name = ""
        for line in pathlib.Path(f"/proc/{pid}/smaps").read_text().splitlines():
            if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
                name = pathlib.Path((line.split(None, 5) + ["anonymous"])[5]).name
            elif line.startswith("Pss:"):
                sizes[name] = sizes.get(name, 0) + int(line.split()[1]) / 1024
    return sizes


def slope_an_hour(points):
    """Theil and Sen's: the median of the slopes between pairs, which a single step or spike does not move."""
    half = len(points) // 2
    slopes = sorted((b[1] - a[1]) / (b[0] - a[0]) * 3600 for a, b in zip(points, points[half:]))
    return slopes[len(slopes) // 2] if slopes else 0.0


def metrics(hub):
    """The server's own numbers by name, without vedette_ and _total."""
    text = hub.text("/metrics")
    return {name: float(value) for name, value in re.findall(r"^vedette_(\w+?)(?:_total)? ([-\d.e+]+)$", text, re.MULTILINE)}


def serve(directory, kind, count, fps):
    """`count` cameras that play a minute's clip each; their server and addresses."""
    clips = []
    for index in range(count):
        clip = directory / f"{kind}-{index}.mp4"
        result = vedette("scene", "render", "corridor", "--seed", index, "--seconds", 60, "--fps", fps, "--out", clip)
        assert result.returncode == 0, result.stderr
        clips.append(clip)
    camera = Camera(directory, *map(str, clips))
    urls = until(lambda: len(found := re.findall(r"^rtsp://\S+$", camera.out(), re.MULTILINE)) == count and found, "cameras")
    return camera, urls


def finish(faults, hub):
    """The closing lines; the exit status."""
    if faults:
        print("# " + "\n# ".join(line for line in hub.log().splitlines() if "module=media" not in line)[-4000:])
    for fault in sorted(faults):
        print(f"# {fault}")
    print("0 passed, 1 failed" if faults else "1 passed, 0 failed")
    return 1 if faults else 0
