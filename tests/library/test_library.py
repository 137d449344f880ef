"""The public library as strangers see it: what libvedette.so shows, whether each header stands alone in C and in C++,
and whether an installed tree is enough to build and run the examples."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import traceback

SOURCE = pathlib.Path(os.environ["VEDETTE_SOURCE"])
BUILD = pathlib.Path(os.environ["VEDETTE_BUILD"])
LIBRARY = pathlib.Path(os.environ["VEDETTE_LIBRARY"])
HEADERS = sorted((SOURCE / "include/vedette").glob("*.h"))
EXAMPLES = {"guarded_call": "the upstream was called 3 times", "camera_health": "camera_recovered",
            "follow_policies": "shelf_out_delta is 3.5 now",
            "keep_events": "2 kept, 2 delivered, 0 still queued",
            "service_profile": "CPUExecutionProvider"}


def run(*command, **options):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=120, **options)
    assert done.returncode == 0, f"{' '.join(map(str, command))}: {done.stdout}{done.stderr}"
    return done.stdout


def the_library_shows_what_the_headers_declare():
    shown = {line.split()[-1] for line in run("nm", "-D", "--defined-only", LIBRARY).splitlines()}
    declared = set()
    for header in HEADERS:
        text = re.sub(r"/\*.*?\*/", "", header.read_text(encoding="utf-8"), flags=re.S)
        declared |= set(re.findall(r"VEDETTE_PUBLIC[^;(]*?\b(vedette_\w+)\s*\(", text))
    assert len(declared) > 40, declared
    assert shown == declared, f"shown only: {shown - declared}; declared only: {declared - shown}"


def each_header_stands_alone_in_c_and_cplusplus():
    for header in HEADERS:
        for language in ("-xc", "-std=c11"), ("-xc++", "-std=c++11"):
            compiler = "c++" if "++" in language[0] else "cc"
            run(compiler, *language, "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-I", SOURCE / "include",
                "-include", header, "/dev/null")


def an_installed_tree_builds_and_runs_the_examples_and_the_page():
    with tempfile.TemporaryDirectory(prefix="vedette-installed-") as root:
        run("meson", "install", "-C", BUILD, "--no-rebuild", "--tags", "devel,runtime", "--destdir", root)
        pkgconfig = next(pathlib.Path(root).rglob("vedette.pc")).parent
        environment = dict(os.environ, PKG_CONFIG_PATH=str(pkgconfig), PKG_CONFIG_SYSROOT_DIR=root,
                           LD_LIBRARY_PATH=str(pkgconfig.parent))
        installed = {path.name for path in pathlib.Path(root).rglob("include/vedette/*.h")}
        assert installed == {header.name for header in HEADERS}, installed
        flags = run("pkg-config", "--cflags", "--libs", "vedette", env=environment).split()
        for name, said in EXAMPLES.items():
            program = pathlib.Path(root) / name
            run("cc", "-std=gnu11", "-o", program, SOURCE / f"examples/{name}.c", *flags, env=environment)
            output = run(program, env=environment)
            assert said in output, output
        page = (SOURCE / "docs/library.md").read_text(encoding="utf-8")
        for number, text in enumerate(re.findall(r"^```c\n(.*?)^```", page, flags=re.M | re.S)):
            source, program = pathlib.Path(root) / f"page_{number}.c", pathlib.Path(root) / f"page_{number}"
            source.write_text(text, encoding="utf-8")
            run("cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-o", program, source, *flags, env=environment)
            output = run(program, env=environment)
            assert "asked 2 times" in output, output


def main():
    cases = [the_library_shows_what_the_headers_declare, each_header_stands_alone_in_c_and_cplusplus,
             an_installed_tree_builds_and_runs_the_examples_and_the_page]
    print(f"1..{len(cases)}")
    failed = 0
    for number, case in enumerate(cases, 1):
        name = case.__name__.replace("_", " ")
        try:
            case()
            print(f"ok {number} {name}")
        except Exception:  # pylint: disable=broad-except
            failed += 1
            print("# " + traceback.format_exc().replace("\n", "\n# "))
            print(f"not ok {number} {name}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
