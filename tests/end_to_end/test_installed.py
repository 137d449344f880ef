"""What `meson install` puts down, as somebody meets it who has not the tree it was built in."""
import ctypes
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys

from world import DEADLINE_SECONDS, Camera, Directory, Hub, Skip, camera_config, run_tests, sanitizer_options, until

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


def unit_of(directory):
    """The installed unit's text, whose program is where the test installed it."""
    found = list(directory.rglob("vedette.service"))
    if not found:
        raise Skip("built without libsystemd, so that there is no service")
    return re.sub(r"^ExecStart=\S+", f"ExecStart={one_of(directory, 'bin/vedette')}", found[0].read_text(), flags=re.M)


def need_systemd_analyze():
    if not shutil.which("systemd-analyze"):
        raise Skip("no systemd-analyze (apt install systemd)")


def systemd_takes_the_unit():
    need_systemd_analyze()
    with Directory() as directory:
        unit = directory / "vedette.service"
        unit.write_text(unit_of(install(directory)))
        done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
        assert done.returncode == 0 and not done.stderr, done.stderr


def allowed_calls(names):
    """The system calls of a unit's SystemCallFilter=, by name, as systemd resolves its sets."""
    calls = set()
    for name in names:
        if not name.startswith("@"):
            calls.add(name)
            continue
        said = subprocess.run(["systemd-analyze", "syscall-filter", name], check=True, capture_output=True, text=True).stdout
        calls |= allowed_calls(line.strip() for line in said.splitlines()[1:] if line.strip() and "#" not in line)
    return calls


def filter_of(calls):
    """A seccomp filter, as seccomp(2) takes it, which refuses every other call with EPERM."""
    defined = subprocess.run(["cc", "-E", "-dM", "-include", "sys/syscall.h", "-xc", "/dev/null"], check=True, capture_output=True,
                             text=True).stdout
    numbers = [int(number) for name, number in re.findall(r"^#define __NR_(\w+) (\d+)$", defined, re.M) if name in calls]
    load, equal, answer, allow, refuse = 0x20, 0x15, 0x06, 0x7FFF0000, 0x00050000 | 1
    code = [(load, 0, 0, 0)]
    for number in numbers:
        code += [(equal, 0, 1, number), (answer, 0, 0, allow)]
    return b"".join(struct.pack("HBBI", *line) for line in code + [(answer, 0, 0, refuse)])


def install_filter(code):
    """In the process that becomes the program."""
    pr_set_seccomp, mode_filter, pr_set_no_new_privs = 22, 2, 38
    libc, held = ctypes.CDLL(None), ctypes.create_string_buffer(code, len(code))
    program = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(held))
    assert libc.prctl(pr_set_no_new_privs, 1, 0, 0, 0) == 0
    assert libc.prctl(pr_set_seccomp, mode_filter, ctypes.create_string_buffer(program, len(program))) == 0


def a_worker_closes_itself_in_under_the_units_system_calls():
    need_systemd_analyze()
    if sanitizer_options():
        raise Skip("sanitizers make calls of their own")
    with Directory() as directory, Camera(directory, "scene://corridor") as camera:
        names = re.search(r"^SystemCallFilter=(.*)$", unit_of(install(directory / "root")), re.M).group(1).split()
        code = filter_of(allowed_calls(names))
        with Hub(directory, "cameras:\n" + camera_config("c", camera.url), before=lambda: install_filter(code)) as hub:
            until(lambda: hub.online() == {"c"}, f"the camera is online: {hub.log()}")
            until(hub.events, "something is stored")
            assert "Operation not permitted" not in hub.log(), hub.log()
            assert hub.stop() == 0, hub.log()


def it_tells_the_service_manager_that_it_serves_and_that_it_ends():
    with Directory() as directory:
        unit_of(install(directory / "root"))
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(str(directory / "notify"))
            manager.settimeout(DEADLINE_SECONDS)
            with Hub(directory, "", variables={"NOTIFY_SOCKET": str(directory / "notify")}) as hub:
                said = manager.recv(4096).decode()
                assert said == f"READY=1\nSTATUS=Serves {hub.address}", said
                hub.child.send_signal(signal.SIGTERM)
                assert manager.recv(4096).decode().startswith("STOPPING=1")
                assert hub.child.wait(timeout=DEADLINE_SECONDS) == 0, hub.log()


sys.exit(run_tests([
    ("an installed program finds its libraries, without the tree it was built in and without an environment",
     the_program_finds_its_libraries),
    ("systemd takes the installed unit", systemd_takes_the_unit),
    ("a worker closes itself in and works under the system calls that the unit allows",
     a_worker_closes_itself_in_under_the_units_system_calls),
    ("a server tells its service manager when it serves, and when it ends",
     it_tells_the_service_manager_that_it_serves_and_that_it_ends),
]))
