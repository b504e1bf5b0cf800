import http.client
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from lineament.view import PageServer, server, write_folder
from lineament.view.folder import EXAMPLE, page_sources
from shared import ROOT


@pytest.fixture
def site(tmp_path):
    """A folder with a page, a folder without one, and things that are nobody's business."""
    folder = tmp_path / "site"
    (folder / "app").mkdir(parents=True)
    (folder / "index.html").write_text("the page")
    (folder / "app" / "main.js").write_text("1")
    (folder / ".lock").write_text("")
    (tmp_path / "secret.txt").write_text("secret")
    return folder


@contextmanager
def serving(folder):
    with PageServer(folder) as page:
        thread = threading.Thread(target=page.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield page
        finally:
            page.shutdown()
            thread.join()


def ask(page, path, *, host=None, method="GET"):
    """Status, headers and content of an answer; the path goes out as it is."""
    connection = http.client.HTTPConnection(*page.server_address, timeout=5)
    connection.putrequest(method, path, skip_host=True)
    connection.putheader("Host", host or f"localhost:{page.server_port}")
    connection.endheaders()
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, answer.headers, content


def test_every_answer_says_that_types_are_not_guessed_and_the_page_is_not_framed(site):
    with serving(site) as page:
        for path in ("/", "/app/main.js", "/missing"):
            _, headers, _ = ask(page, path)
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["Content-Security-Policy"] == "frame-ancestors 'none'"


def test_only_the_pages_own_names_are_answered(site):
    with serving(site) as page:
        port = page.server_port
        for host in (f"127.0.0.1:{port}", f"localhost:{port}", f"LOCALHOST:{port}"):
            assert ask(page, "/", host=host)[0] == 200
        for host in ("evil.example", f"evil.example:{port}", "localhost", f"localhost:{port}.evil.example"):
            status, _, content = ask(page, "/", host=host)
            assert (status, b"the page" in content) == (421, False)


NOT_THERE = (
    "/app/ /app /missing /%00 /app/main.js%00.html /.lock /../secret.txt /%2e%2e/secret.txt * /a%ff "
    r"//evil.example/%2f.. /app/..%2f..%2fsecret.txt /..\secret.txt /" + "a" * 5000
).split()


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_there_are_no_listings_and_nothing_outside(site, method):
    with serving(site) as page:
        for path in NOT_THERE:
            status, headers, content = ask(page, path, method=method)
            assert (path, status) == (path, 404)
            assert "Location" not in headers
            assert b"secret" not in content


def test_links_do_not_lead_out(site, tmp_path):
    try:
        (site / "link.txt").symlink_to(tmp_path / "secret.txt")
        (site / "up").symlink_to(tmp_path)
        (site / "loop").symlink_to(site / "loop")
        (site / "inner.js").symlink_to(site / "app" / "main.js")
    except OSError:
        pytest.skip("links need leave on this system")
    with serving(site) as page:
        assert [ask(page, path)[0] for path in ("/link.txt", "/up/secret.txt", "/loop")] == [404] * 3
        assert ask(page, "/inner.js")[0] == 200


def test_what_is_not_get_or_head_is_refused(site):
    with serving(site) as page:
        assert ask(page, "/", method="POST")[0] == 501
        assert ask(page, "/?query#part")[2] == b"the page"


def drip(connection):
    """Say a byte now and then."""
    for _ in range(40):
        connection.sendall(b"G")
        time.sleep(0.1)


def test_idle_connections_are_bounded_in_number_and_time(site, monkeypatch):
    monkeypatch.setattr(server, "MAX_CONNECTIONS", 3)
    monkeypatch.setattr(server._PageHandler, "timeout", 0.5)
    monkeypatch.setattr(server, "WHOLE_S", 1.0)
    with serving(site) as page:
        idle = [socket.create_connection(page.server_address, timeout=5) for _ in range(3)]
        time.sleep(0.2)
        with pytest.raises(OSError):
            ask(page, "/")
        with pytest.raises(OSError):  # a byte now and then does not hold it for ever
            drip(idle[0])
        for connection in idle:
            connection.close()
        assert ask(page, "/")[0] == 200


def test_a_page_of_a_read_only_package_can_be_replaced(page_folder, tmp_path, monkeypatch):
    package = tmp_path / "package"
    for path in sorted(page_sources().rglob("*")):
        target = package / path.relative_to(page_sources())
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file():
            target.write_bytes(path.read_bytes())
            target.chmod(0o444)
    shutil.copy(ROOT / "demo" / "photos" / EXAMPLE, package)  # as in a wheel
    for path in (package, package / "app"):
        path.chmod(0o555)
    monkeypatch.setattr("lineament.view.folder.PLACES", (package,))
    site = write_folder(tmp_path / "site")
    assert all(path.stat().st_mode & stat.S_IWUSR for path in [site, *site.rglob("*")])
    assert write_folder(site) == site
    for path in (package, package / "app"):
        path.chmod(0o755)


SERVE = "from lineament.cli.main import main; main()"


def serve(place):
    """A server in another process that has its page ready."""
    other = subprocess.Popen(
        [sys.executable, "-c", SERVE, "view", "--no-browser"],
        env=os.environ | {"PYTHONPATH": str(ROOT / "src"), "TMPDIR": str(place)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert other.stdout is not None
    assert "serving" in other.stdout.readline()
    return other


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_what_a_killed_server_left_is_removed_by_the_next_and_sigterm_leaves_nothing(tmp_path):
    theirs = tmp_path / "lineament-view-of-somebody"
    theirs.mkdir()
    killed = serve(tmp_path)
    killed.kill()
    killed.communicate()
    [left] = set(tmp_path.iterdir()) - {theirs}
    living = serve(tmp_path)
    assert not left.exists()
    second = serve(tmp_path)
    assert len(list(tmp_path.iterdir())) == 3, "a living server lost its page"
    for other in (living, second):
        other.send_signal(signal.SIGTERM)
        output, errors = other.communicate(timeout=30)
        assert (other.returncode, output, errors) == (0, "stopped\n", "")
    assert list(tmp_path.iterdir()) == [theirs]
    assert Path(theirs).is_dir()
