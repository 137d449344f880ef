"""https of our own: who does not trust the certificate is told, cookies are Secure, and sockets go through it."""
import base64
import ctypes
import http.client
import json
import os
import pathlib
import re
import socket
import ssl
import subprocess
import sys
import urllib.request

from world import BINARY, DEADLINE_SECONDS, Directory, Hub, PASSWORD, Skip, make_certificate, open_url, run_tests, until, vedette

SOURCE = pathlib.Path(os.environ["VEDETTE_SOURCE"])
CONFIG = "http: {tls_certificate_file: server.crt, tls_key_file: server.key}\n"


def tls_hub(directory):
    make_certificate(directory)
    return Hub(directory, CONFIG, context=ssl.create_default_context(cafile=directory / "server.crt"))


def port_of(hub):
    return int(re.search(r":(\d+)", hub.address[len("https:"):]).group(1))


def cookies_are_secure_and_browsers_stay_with_https():
    with Directory() as directory, tls_hub(directory) as hub:
        assert hub.address.startswith("https://"), hub.address
        body = {"username": "admin", "password": PASSWORD, "client": "browser"}
        request = urllib.request.Request(hub.address + "/auth/login", json.dumps(body).encode(),
                                         {"Content-Type": "application/json"})
        with open_url(request, hub.context) as answer:
            cookies = answer.headers.get_all("Set-Cookie")
            assert cookies and all("; Secure" in cookie for cookie in cookies), cookies
            assert answer.headers["Strict-Transport-Security"], answer.headers


def nothing_is_said_in_the_clear():
    with Directory() as directory, tls_hub(directory) as hub:
        clear = http.client.HTTPConnection("127.0.0.1", port_of(hub), timeout=DEADLINE_SECONDS)
        clear.request("GET", "/health/live")
        try:
            status = clear.getresponse().status
        except (http.client.HTTPException, ConnectionError):
            status = None
        assert status is None, status
        with socket.create_connection(("127.0.0.1", port_of(hub)), DEADLINE_SECONDS) as connection, \
                hub.context.wrap_socket(connection, server_hostname="127.0.0.1") as secured:
            assert secured.version() == "TLSv1.3", secured.version()


def a_socket_goes_through_it():
    with Directory() as directory, tls_hub(directory) as hub, \
            socket.create_connection(("127.0.0.1", port_of(hub)), DEADLINE_SECONDS) as connection, \
            hub.context.wrap_socket(connection, server_hostname="127.0.0.1") as secured:
        received = upgrade(hub, secured)
        # A masked ping is answered by a pong of the same text (RFC 6455 section 5.5.3).
        secured.sendall(b"\x89\x85\0\0\0\0" + b"hello")
        read_until(secured, received, b"\x8a\x05hello")


def socket_to(hub, port):
    """The hub's own end of a connection from a port here; taken out of the process (pidfd_getfd, Linux 5.6)."""
    libc = ctypes.CDLL(None, use_errno=True)
    process = os.pidfd_open(hub.child.pid)
    try:
        for name in os.listdir(f"/proc/{hub.child.pid}/fd"):
            taken = libc.syscall(438, process, int(name), 0)
            if taken < 0:
                continue
            try:
                found = socket.socket(fileno=taken)
            except OSError:
                os.close(taken)
                continue
            try:
                if found.family == socket.AF_INET and found.getpeername()[1] == port:
                    return found
            except OSError:
                pass
            found.close()
    finally:
        os.close(process)
    return None


def a_socket_sends_at_once():
    """What is told is small and often: it must not wait for the acknowledgement of what was told before (Nagle)."""
    with Directory() as directory, tls_hub(directory) as hub, \
            socket.create_connection(("127.0.0.1", port_of(hub)), DEADLINE_SECONDS) as connection, \
            hub.context.wrap_socket(connection, server_hostname="127.0.0.1") as secured:
        upgrade(hub, secured)
        own = socket_to(hub, secured.getsockname()[1])
        if own is None:
            raise Skip("another process's sockets cannot be looked at here")
        with own:
            until(lambda: own.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY), "that nothing waits for acknowledgements")


def upgrade(hub, secured):
    key = base64.b64encode(os.urandom(16)).decode()
    secured.sendall((f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{port_of(hub)}\r\nAuthorization: Bearer {hub.token}\r\n"
                     "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                     f"Sec-WebSocket-Key: {key}\r\n\r\n").encode())
    received = read_until(secured, b"", b"\r\n\r\n")
    assert received.startswith(b"HTTP/1.1 101"), received
    return received


def read_until(connection, received, wanted):
    while wanted not in received:
        piece = connection.recv(4096)
        assert piece, received
        received += piece
    return received


def commands_trust_whom_they_are_told_to():
    with Directory() as directory, tls_hub(directory) as hub:
        environment = {**os.environ, "VEDETTE_URL": hub.address, "VEDETTE_PASSWORD": PASSWORD}
        stranger = vedette("jobs", "list", env=environment)
        assert stranger.returncode != 0 and "certificate" in stranger.stderr, stranger
        known = vedette("jobs", "list", env={**environment, "VEDETTE_CA_FILE": str(directory / "server.crt")})
        assert known.returncode == 0 and "cleanup_old_data" in known.stdout, known
        script = lambda **more: subprocess.run([SOURCE / "scripts" / "health-check-resilience.sh"], capture_output=True, text=True,
                                               check=False, timeout=60, env={**environment, **more})
        assert script().returncode == 2, "the stranger"
        assert '"status"' in script(VEDETTE_CA_FILE=str(directory / "server.crt")).stdout


def run_with(directory, config):
    path = pathlib.Path(directory / "vedette.yml")
    path.write_text(config)
    ended = subprocess.run([BINARY, "run", "--config", path, "--http-port", "0"], capture_output=True, text=True, cwd=directory,
                           timeout=DEADLINE_SECONDS, check=False,
                           env={**os.environ, "VEDETTE_DATA_DIR": str(directory / "data"), "VEDETTE_ADMIN_PASSWORD": PASSWORD})
    assert ended.returncode != 0, ended
    return ended.stderr


def what_is_wrong_with_the_files_is_told():
    with Directory() as directory:
        make_certificate(directory)
        other = directory / "other"
        other.mkdir()
        make_certificate(other)
        said = run_with(directory, "http: {tls_certificate_file: server.crt}\n")
        assert "tls_key_file" in said, said
        said = run_with(directory, "http: {tls_certificate_file: server.crt, tls_key_file: nowhere.key}\n")
        assert f"http.tls_key_file: '{directory}/nowhere.key'" in said, said
        said = run_with(directory, "http: {tls_certificate_file: server.key, tls_key_file: server.key}\n")
        assert "http.tls_certificate_file: server.key" in said, said
        said = run_with(directory, "http: {tls_certificate_file: server.crt, tls_key_file: other/server.key}\n")
        assert "do not belong together" in said, said


sys.exit(run_tests([(test.__name__, test) for test in (
    cookies_are_secure_and_browsers_stay_with_https, nothing_is_said_in_the_clear, a_socket_goes_through_it,
    a_socket_sends_at_once, commands_trust_whom_they_are_told_to, what_is_wrong_with_the_files_is_told)]))
