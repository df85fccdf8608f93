"""Publish the recorded results as the pages of asv, and serve them without a network."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from bench.recorded.overview import overview
from bench.recorded.results import read_history
from bench.reporting.json_file import json_bytes, read_json
from strategies import InputError

BUNDLED = Path(__file__).parents[1] / "data" / "dashboard"

LOCAL = {
    "jquery-3.3.1.min.js": "jquery.min.js",
    "bootstrap.min.js": "bootstrap.min.js",
    "bootstrap.min.css": "bootstrap.min.css",
    "jquery.flot.min.js": "jquery.flot.min.js",
    "jquery.flot.time.min.js": "jquery.flot.time.min.js",
    "jquery.flot.selection.min.js": "jquery.flot.selection.min.js",
    "jquery.flot.categories.min.js": "jquery.flot.categories.min.js",
    "jquery.flot.orderBars.js": "jquery.flot.orderBars.js",
    "stupidtable.min.js": "stupidtable.min.js",
    "md5.min.js": "md5.min.js",
}
"""Files that the page of asv loads from other hosts, and the bundled file for each."""

_LOADED = re.compile(
    r'(?P<tag><(?:script|link)\b[^>]*?\b(?:src|href)=")(?P<url>(?:https?:)?//[^"]+)"[^>]*>'
)


def publish(config: Path, html: Path) -> list[str]:
    """Write the pages of all recorded results to a folder, and return the remarks of asv.

    Raises
    ------
    InputError
        If asv is not installed or cannot publish. Also if the folder holds anything but such
        pages, because asv empties it first.
    """
    if importlib.util.find_spec("asv") is None:
        raise InputError("asv is not installed; it comes with the extra isl-bench[asv]")
    if not config.is_file():
        raise InputError("no such file", file=config)
    if html.is_file() or (html.is_dir() and any(html.iterdir()) and not _is_page(html)):
        # asv would delete whatever is in the folder.
        raise InputError("exists and holds no pages of asv; name another folder", file=html)
    command = [sys.executable, "-m", "asv", "--config", str(config), "publish", "--no-pull"]
    done = subprocess.run(  # noqa: S603  # the arguments are paths only
        [*command, "--html-dir", str(html.resolve())],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    said = [_SAID.fullmatch(line) for line in (done.stdout + done.stderr).splitlines()]
    steps = [i for i, line in enumerate(said) if line and line["depth"]]
    if done.returncode != 0:
        # The last thing it said, which may take several lines.
        last = said[steps[-1] if steps else 0 :]
        reason = " ".join(line["text"] for line in last if line)
        raise InputError(f"asv publish: {reason or done.returncode}", file=config)
    work_offline(html)
    _add_overview(config, html)
    return [line["text"] for line in said if line and len(line["depth"] or "") > 1]


def _is_page(html: Path) -> bool:
    return (html / "asv.js").is_file()


_SAID = re.compile(r"\s*(?:\[[ .\d]+%\] *)?(?P<depth>·*) *(?P<text>.*)")
"""A line of asv. One dot begins a step; more dots begin a remark about it."""


def work_offline(html: Path) -> None:
    """Change the page in a folder so that it loads nothing from other hosts.

    Raises
    ------
    InputError
        If the page loads a file that is not bundled. Other versions of asv may do so.
    """
    page = html / "index.html"

    def localize(found: re.Match[str]) -> str:
        name = Path(urlsplit(found["url"]).path).name
        if name not in LOCAL:
            raise InputError(f"loads {found['url']}, which is not bundled", file=page)
        shutil.copyfile(BUNDLED / LOCAL[name], html / LOCAL[name])
        if found["tag"].startswith("<link"):
            return f'<link rel="stylesheet" href="{LOCAL[name]}">'
        return f'<script src="{LOCAL[name]}" onerror="js_load_failure()">'

    page.write_text(_LOADED.sub(localize, page.read_text("utf-8")), "utf-8")


def _add_overview(config: Path, html: Path) -> None:
    """Add the newest values, noise and regressions, and let lists open on the newest libraries."""
    # asv reads its configuration with it, so it is there.
    import json5

    settings = json5.loads(config.read_text("utf-8"))
    rows = read_history(config.parent / settings["results_dir"])
    index = read_json(html / "index.json")
    since = settings.get("regressions_first_commits", {}).get(".*")
    regressions = read_json(html / "regressions.json")
    said = overview(rows, index, regressions, since)
    (html / "overview.json").write_bytes(json_bytes(said))
    for name, value in said["environment"].items():
        # The list opens on the first of the values.
        index["params"][name].sort(key=lambda each, newest=value: each != newest)
    (html / "index.json").write_bytes(json_bytes(index))
    page = html / "index.html"
    for name in ("overview.js", "overview.css"):
        shutil.copyfile(BUNDLED / name, html / name)
    added = (
        '<link href="overview.css" rel="stylesheet">\n'
        '    <script src="overview.js" onerror="js_load_failure()"></script>\n  </head>'
    )
    page.write_text(page.read_text("utf-8").replace("</head>", added, 1), "utf-8")


class _Handler(SimpleHTTPRequestHandler):
    """Files of one folder. Browsers do not cache them, so a page never shows older data."""

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Print nothing for each file."""


class _Server(ThreadingHTTPServer):
    """A server that fails if another one uses its port, and does not share it."""

    allow_reuse_port = False


def serve(html: Path, port: int, ready: Callable[[str], object]) -> None:
    """Serve a folder on the loopback interface until interrupted.

    Parameters
    ----------
    html
        The folder.
    port
        The port; 0 takes any free one.
    ready
        Called with the address when the server listens.

    Raises
    ------
    InputError
        If the port is taken.
    """
    try:
        server = _Server(("127.0.0.1", port), partial(_Handler, directory=html))
    except OSError as error:
        raise InputError(f"port {port}: {error.strerror}", field="--port") from None
    with server:
        ready(f"http://127.0.0.1:{server.server_port}/")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return
