"""The nginx example of the how-to, run as it is written: nginx takes it, and no log holds a token."""

from __future__ import annotations

import re
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest
from tools import require

PAGE = Path(__file__).parents[2] / "docs/howto/run-behind-a-proxy.md"
TOKEN = "secretsecretsecretsecretsecr"


def until(true: Callable[[], bool]) -> None:
    """Wait for something that another process does; the test's time limit is the only clock."""
    while not true():
        time.sleep(0.02)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    """The example between what any nginx.conf says, with a certificate and folders of this test."""
    (example,) = re.findall(r"^```nginx\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    subprocess.run(
        [require("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=news.example.org", "-keyout", str(tmp_path / "privkey.pem"),
         "-out", str(tmp_path / "fullchain.pem")],
        check=True, capture_output=True,
    )  # fmt: skip
    for theirs in ("/etc/ssl/news.example.org", "/var/log/nginx"):
        assert theirs in example
        example = example.replace(theirs, str(tmp_path))
    file = tmp_path / "nginx.conf"
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{kind}_temp_path {tmp_path}/{kind};\n" for kind in kinds)
    file.write_text(
        f"pid {tmp_path}/pid; daemon off; events {{}} error_log {tmp_path}/main.log;\n"
        f"http {{ {temporary} access_log {tmp_path}/main-access.log;\n{example}\n}}\n"
    )
    return file


def test_nginx_takes_the_example(configuration: Path) -> None:
    done = subprocess.run(
        [require("nginx"), "-t", "-c", str(configuration)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def proxy(configuration: Path, tmp_path: Path) -> Iterator[str]:
    """nginx with the example, and behind it nothing that answers."""
    text = configuration.read_text()
    port, nowhere = free_port(), free_port()
    text = text.replace("listen 443 ssl", f"listen 127.0.0.1:{port} ssl").replace(
        "127.0.0.1:8000", f"127.0.0.1:{nowhere}"
    )
    configuration.write_text(text)
    process = subprocess.Popen([require("nginx"), "-c", str(configuration)], stderr=subprocess.DEVNULL)
    try:
        until((tmp_path / "pid").exists)
        yield f"https://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


@pytest.mark.parametrize("path", ["u", "r", "v"])
def test_no_log_of_nginx_holds_a_token(proxy: str, tmp_path: Path, path: str) -> None:
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    with httpx2.Client(verify=trusting) as client:
        url = f"{proxy}/{path}/{TOKEN}"
        assert client.get(url).status_code == 502
        assert client.post(url, content=b"x" * 20_000).status_code == 413
        assert client.get(url, headers={"X": "y" * 40_000}).status_code == 400
    log = tmp_path / "newsletter.log"
    until(lambda: log.read_text().count("\n") >= 3)
    assert not [file for file in tmp_path.glob("*.log") if TOKEN in file.read_text()]


def test_nginx_hands_on_the_address_of_the_reader(proxy: str, configuration: Path) -> None:
    """By which sign-ups are limited; what the reader writes there themselves counts for nothing."""
    (port,) = re.findall(r"proxy_pass http://127\.0\.0\.1:(\d+)", configuration.read_text())
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_server(("127.0.0.1", int(port))) as service,
        httpx2.Client(verify=trusting, headers={"X-Forwarded-For": "203.0.113.9"}) as client,
        ThreadPoolExecutor(1) as beside,
    ):
        asking = beside.submit(client.get, f"{proxy}/subscribe")
        connection, _ = service.accept()
        head = connection.recv(65536).decode()
        connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n")
        connection.close()
        assert asking.result().status_code == 200
    assert re.findall(r"(?mi)^x-forwarded-for: (.*)\r$", head) == ["127.0.0.1"]
