"""What `meson install` puts down, as somebody meets it who has not the tree it was built in."""
import os
import pathlib
import re
import subprocess
import sys

from world import Directory, run_tests, sanitizer_options

BUILD = pathlib.Path(os.environ["VEDETTE_BINARY"]).parent
SOURCE = pathlib.Path(os.environ["VEDETTE_SOURCE"]).resolve()


def install(directory):
    subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", directory], check=True,
                   capture_output=True, timeout=120)
    return directory


def one_of(directory, pattern):
    found = [path for path in directory.rglob(pattern) if path.is_file()]
    assert len(found) == 1, f"{pattern}: {found}"
    return found[0]


def the_program_finds_its_libraries():
    with Directory() as directory:
        program = one_of(install(directory), "bin/vedette")
        dynamic = subprocess.run(["readelf", "-d", program], check=True, capture_output=True, text=True).stdout
        for path in re.findall(r"R(?:UN)?PATH\).*\[(.*)\]", dynamic):
            assert all(part.startswith("$ORIGIN/") for part in path.split(":")), f"it looks for libraries in {path}"
        linked = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
        assert "not found" not in linked and str(SOURCE) not in linked, linked
        said = subprocess.run([program, "--version"], check=True, capture_output=True, text=True, env=sanitizer_options()).stdout
        assert re.match(r"vedette \d", said), said


sys.exit(run_tests([
    ("an installed program finds its libraries, without the tree it was built in and without an environment",
     the_program_finds_its_libraries),
]))
