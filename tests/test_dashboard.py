from __future__ import annotations

import itertools
import json
import os
import random
import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import json5
import pytest
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from bench.recorded import dashboard
from bench.recorded.results import read_history
from strategies import InputError
from tests.conftest import BENCH, Bench

pytest.importorskip("asv", reason="the pages are asv's: install isl-bench[asv]")

CHROMIUM, CHROMEDRIVER = shutil.which("chromium"), shutil.which("chromedriver")

CONFIG = Path(__file__).parents[1] / "asv.conf.json"

WARM, EXACT = "warm.Warm.time_count", "correctness.Exact.track_mismatches"
PARAMS: dict[str, list[Any]] = {
    "strategy": ["sequential", "spliced", "rust"],
    "family": ["byte-level BPE", "Unigram"],
    "cores": [1, 2, 4, 8, 16],
    "shape": ["short-chat", "long"],
}
SECONDS = {"sequential": 0.4, "spliced": 0.07, "rust": 0.015}

COMMITS = 20
PLANTED = ("spliced", "Unigram", 2, "short-chat")
PLANTED_AT = 12


@dataclass(frozen=True, slots=True)
class Site:
    """Published pages of a repository with as many commits as results."""

    config: Path
    html: Path
    commits: list[str]
    remarks: list[str]

    def json(self, name: str) -> Any:
        return json.loads((self.html / name).read_text())


NEWER, OLDER = {"tokenizers": "0.23.3"}, {"tokenizers": "0.22.2"}


def make_site(root: Path, *, planted: bool, libraries: bool = False) -> Site:
    """Record a suite like ours for each commit of a new repository, and publish it.

    If `libraries`, the last commit is measured with older libraries as well, and only in part.
    """
    results = pytest.importorskip("asv.results")
    runner = pytest.importorskip("asv.runner")
    noise = random.Random(0)  # noqa: S311  # the same in every run
    config = json5.loads(CONFIG.read_text(encoding="utf-8"))
    # The repository of the test does not have this commit of the project.
    del config["regressions_first_commits"][".*"]
    (root / CONFIG.name).write_text(json.dumps(config), encoding="utf-8")
    git(root, "init", "--quiet", "--initial-branch=main")
    history = root / "bench" / "history"
    benchmarks = [
        benchmark(WARM, list(PARAMS), "time", "seconds"),
        benchmark(EXACT, ["strategy", "family"], "track", "turns"),
    ]
    commits = []
    for number in range(COMMITS):
        seconds = 1767225600 + 86400 * number
        date = f"{seconds} +0000"
        (root / "number").write_text(str(number))
        git(root, "add", "number")
        git(root, "commit", "--quiet", "--message", str(number), date=date)
        commits.append(git(root, "rev-parse", "HEAD"))
        required = NEWER if libraries else {}
        recorded = results_of(results, required, commits[-1], seconds)
        for described in benchmarks:
            values = [
                warm_seconds(combination, noise, planted and number >= PLANTED_AT)
                if described["name"] == WARM
                else 0
                for combination in itertools.product(
                    *(PARAMS[name] for name in described["param_names"])
                )
            ]
            nothing = [None] * len(values)
            recorded.add_result(
                described,
                runner.BenchmarkResult(values, nothing, nothing, 0, "", None),
                started_at=datetime.fromtimestamp(seconds, UTC),
                duration=1.0,
            )
        recorded.save(history)
        if libraries and number == COMMITS - 1:
            older = results_of(results, OLDER, commits[-1], seconds)
            exact = benchmarks[-1]
            zeros = [0] * len(values)
            older.add_result(
                exact,
                runner.BenchmarkResult(zeros, nothing, nothing, 0, "", None),
                started_at=datetime.fromtimestamp(seconds + 60, UTC),
                duration=1.0,
            )
            older.save(history)
    (history / "machine" / "machine.json").write_text('{"machine": "machine", "version": 1}')
    named = {described["name"]: described for described in benchmarks}
    (history / "benchmarks.json").write_text(json.dumps({**named, "version": 2}))
    config, html = root / CONFIG.name, root / ".asv" / "html"
    return Site(config, html, commits, dashboard.publish(config, html))


def results_of(results: Any, required: dict[str, str], commit: str, seconds: int) -> Any:
    """Return asv's results of a commit, which are empty, for an environment with some libraries.

    Parameters
    ----------
    results
        asv's module.
    required
        Versions of libraries by name.
    commit, seconds
        Its hash and date.
    """
    params = {"machine": "machine", "python": "3.11", **required}
    name = "-".join(["virtualenv-py3.11", *(f"{k}{v}" for k, v in required.items())])
    return results.Results(params, required, commit, seconds * 1000, "3.11", name, {})


def git(root: Path, *arguments: str, date: str = "") -> str:
    dates = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date} if date else {}
    names = ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL")
    outside = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    environment = {**outside, **dates, **dict.fromkeys(names, "someone")}
    done = subprocess.run(
        ["git", "-C", str(root), *arguments],  # noqa: S607  # whichever git there is
        check=True,
        capture_output=True,
        text=True,
        env={**environment, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull},
    )
    return done.stdout.strip()


def benchmark(name: str, params: list[str], kind: str, unit: str) -> dict[str, Any]:
    return {
        "name": name,
        "code": "",
        "params": [list(map(repr, PARAMS[param])) for param in params],
        "param_names": params,
        "type": kind,
        "unit": unit,
        "version": "1",
    }


def warm_seconds(combination: tuple[Any, ...], noise: random.Random, slow: bool) -> float:
    strategy, _, cores, _ = combination
    if cores == 16:
        # More cores than the machine has.
        return float("nan")
    seconds: float = SECONDS[strategy] / cores * noise.uniform(0.99, 1.01)
    return 1.5 * seconds if slow and combination == PLANTED else seconds


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return make_site(tmp_path_factory.mktemp("planted"), planted=True)


# --- what is published ------------------------------------------------------------------


def test_the_planted_step_is_the_only_regression_and_at_its_commit(site: Site) -> None:
    ((name, graph, _, index, last, best, jumps),) = site.json("regressions.json")["regressions"]
    assert name == f"{WARM}{PLANTED!r}"
    assert graph.endswith(f"{WARM}.json")
    assert list(itertools.product(*PARAMS.values()))[index] == PLANTED
    assert last / best == pytest.approx(1.5, rel=0.02)
    ((before, after, *values),) = jumps
    # One commit, not a range of them.
    assert before is None
    assert site.json("index.json")["revision_to_hash"][str(after)] == site.commits[PLANTED_AT]
    assert values == [best, last]


def test_without_the_step_there_are_no_regressions(tmp_path: Path) -> None:
    site = make_site(tmp_path, planted=False)
    assert site.json("regressions.json") == {"regressions": []}
    assert site.remarks == []


def test_the_pages_hold_what_read_history_reads(site: Site) -> None:
    rows = read_history(site.config.parent / "bench" / "history")
    assert {row.commit for row in rows} == set(site.commits)
    assert {row.benchmark for row in rows} == set(site.json("index.json")["benchmarks"])


def test_a_result_of_a_commit_that_is_not_on_the_branch_is_remarked(tmp_path: Path) -> None:
    site = make_site(tmp_path, planted=False)
    git(tmp_path, "checkout", "--quiet", "--orphan", "other")
    git(tmp_path, "commit", "--quiet", "--message", "other", date="1767225600 +0000")
    remarks = dashboard.publish(site.config, site.html)
    assert sorted(remarks) == sorted(
        f"Couldn't find {commit[:8]} in branches (HEAD)" for commit in site.commits
    )


def test_nothing_of_the_page_is_on_another_host(site: Site) -> None:
    page = (site.html / "index.html").read_text()
    # One of them is a style, and one script is ours.
    assert page.count("<script src=") == len(dashboard.LOCAL) - 1 + 1
    assert not [line for line in page.splitlines() if "//" in line and "<a " not in line]
    assert all((site.html / name).is_file() for name in dashboard.LOCAL.values())


def test_a_page_that_loads_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text('<script src="https://example.invalid/new.js"></script>')
    with pytest.raises(InputError, match=r"loads https://example\.invalid/new\.js, which is not"):
        dashboard.work_offline(tmp_path)


def test_a_folder_that_holds_no_pages_is_not_emptied(tmp_path: Path, site: Site) -> None:
    (tmp_path / "precious").touch()
    with pytest.raises(InputError, match="holds no pages of asv"):
        dashboard.publish(site.config, tmp_path)
    assert (tmp_path / "precious").exists()


def test_what_cannot_be_published_is_one_line(bench: Bench, tmp_path: Path) -> None:
    shutil.copy(CONFIG, tmp_path)
    config, html = tmp_path / CONFIG.name, tmp_path / "html"
    result = bench("dashboard", "--config", config, "--html", html, "--no-serve")
    assert result.code == 3
    assert result.error.startswith(f"bench: {config}: asv publish: ")
    assert result.error.count("\n") == 1
    result = bench("dashboard", "--config", tmp_path / "none", "--no-serve")
    assert (result.code, result.error) == (3, f"bench: {tmp_path / 'none'}: no such file\n")


def test_without_asv_it_says_how_to_get_it(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"isl-bench\[asv\]"):
        dashboard.publish(site.config, tmp_path / "html")


@pytest.mark.enable_socket
def test_a_taken_port_is_one_line(site: Site) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"port {port}: Address already in use"):
            dashboard.serve(site.html, port, ready=print)


# --- in a browser -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return make_site(tmp_path_factory.mktemp("libraries"), planted=True, libraries=True)


@pytest.fixture(scope="module")
def address(site: Site) -> Iterator[str]:
    with served(site) as where:
        yield where


@pytest.fixture(scope="module")
def address_of_libraries(libraries: Site) -> Iterator[str]:
    with served(libraries) as where:
        yield where


@contextmanager
def served(site: Site) -> Iterator[str]:
    """Publish and serve the pages by the command that `make dashboard` runs."""
    options = ["dashboard", "--config", site.config, "--html", site.html, "--port", "0"]
    with subprocess.Popen([*BENCH, *map(str, options)], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        try:
            where, _, rest = run.stdout.readline().partition(" ")
            assert rest.strip() == "(Ctrl-C ends it)"
            yield where
        finally:
            # Not SIGINT, which is ignored if the tests run in the background.
            run.terminate()
    assert run.returncode == 0


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    if CHROMIUM is None or CHROMEDRIVER is None:
        pytest.skip("no chromium and chromedriver here (Debian: chromium, chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for option in (
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--window-size=1400,1000",
        # A request to any other host fails, and the failure is in the log.
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    ):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    # Name the driver, so that Selenium does not search for one.
    driver = webdriver.Chrome(options=options, service=Service(executable_path=CHROMEDRIVER))
    try:
        yield driver
    finally:
        driver.quit()


# The series of the graph, each with its data and the number of pixels of its canvas that have
# about its colour: the edges of a thin line are lighter.
SERIES = """
    const plot = $('#main-graph').data('plot');
    const canvas = document.querySelector('#main-graph canvas.flot-base');
    if (!plot || !canvas) return [];
    const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    return plot.getData().map(series => {
        const rgb = $.color.parse(series.color);
        let drawn = 0;
        for (let i = 0; i < pixels.length; i += 4) {
            const distance = Math.abs(pixels[i] - rgb.r) + Math.abs(pixels[i + 1] - rgb.g)
                + Math.abs(pixels[i + 2] - rgb.b);
            drawn += pixels[i + 3] > 99 && distance < 60;
        }
        const {points, pointsize} = series.datapoints;
        const places = points.filter((_, i) => i % pointsize == 0);
        return {label: series.label, data: series.data, places, drawn};
    });
"""


@dataclass(frozen=True, slots=True)
class Pages:
    """The pages in a browser. Tests use them by the text on them, as a reader does."""

    browser: webdriver.Chrome
    address: str
    pictures: Path

    def until(self, condition: Callable[[], Any]) -> Any:
        # The pages replace their elements while they draw. Then look for them again.
        wait = WebDriverWait(self.browser, 20, ignored_exceptions=(StaleElementReferenceException,))
        return wait.until(lambda _: condition())

    def find(self, css: str, text: str = "") -> list[WebElement]:
        found = self.browser.find_elements(By.CSS_SELECTOR, css)
        return [element for element in found if not text or element.text.strip() == text]

    def click(self, css: str, text: str) -> None:
        self.until(lambda: _clicked(self.find(css, text)))

    def choose(self, panel: str, option: str) -> None:
        """Click an option in a panel at the side of a graph."""
        xpath = (
            f"//div[contains(@class, 'panel')][div[normalize-space()='{panel}']]"
            f"//a[normalize-space()='{option}']"
        )
        self.until(lambda: _clicked(self.browser.find_elements(By.XPATH, xpath)))

    def series(self) -> list[dict[str, Any]]:
        shown: list[dict[str, Any]] = self.browser.execute_script(SERIES)
        return shown

    def picture(self, name: str) -> None:
        self.browser.save_screenshot(str(self.pictures / f"{name}.png"))

    def log(self, kind: str) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self.browser.get_log(kind)  # type: ignore[no-untyped-call]
        return entries

    def requested(self) -> list[str]:
        messages = [json.loads(entry["message"])["message"] for entry in self.log("performance")]
        return [
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        ]


def _clicked(found: list[WebElement]) -> bool:
    """Click the first element, if there is one. Return whether there is."""
    if found:
        found[0].click()
    return bool(found)


@pytest.fixture
def pages(address: str, browser: webdriver.Chrome, tmp_path: Path) -> Iterator[Pages]:
    with opened(address, browser, tmp_path) as pages:
        yield pages


@pytest.fixture
def pages_of_libraries(
    address_of_libraries: str, browser: webdriver.Chrome, tmp_path: Path
) -> Iterator[Pages]:
    with opened(address_of_libraries, browser, tmp_path) as pages:
        yield pages


@contextmanager
def opened(address: str, browser: webdriver.Chrome, tmp_path: Path) -> Iterator[Pages]:
    """Open the first page. At the end, check that nothing failed or asked another host."""
    # Load another document first. With only a new fragment, a page of asv would not start again.
    browser.get("about:blank")
    browser.get(address)
    pages = Pages(browser, address, tmp_path)
    yield pages
    assert [entry for entry in pages.log("browser") if entry["level"] == "SEVERE"] == []
    assert {url for url in pages.requested() if not url.startswith((address, "data:"))} <= {
        "about:blank"
    }


@pytest.mark.enable_socket
def test_the_grid_has_each_benchmark_under_its_suite(pages: Pages) -> None:
    pages.until(lambda: pages.find("#summarygrid-display h1", "warm"))
    pages.until(lambda: pages.find("#summarygrid-display h1", "correctness"))
    pages.until(lambda: pages.find("#summarygrid-display a", "Exact.track_mismatches"))
    pages.until(lambda: len(pages.find("#summarygrid-display canvas.flot-base")) == 2)
    pages.picture("grid")


@pytest.mark.enable_socket
def test_a_graph_shows_the_step_over_commits_and_the_last_commit_over_cores(pages: Pages) -> None:
    pages.click("#summarygrid-display a", "Warm.time_count")
    pages.choose("cores", "2")
    pages.choose("cores", "1")
    pages.until(lambda: {"cores-2"} == {each["label"].split(";")[0] for each in pages.series()})
    (planted,) = [s for s in pages.series() if "Unigram" in s["label"] and "spliced" in s["label"]]
    values = [value for _, value in planted["data"]]
    assert len(values) == COMMITS
    assert values[PLANTED_AT] / values[PLANTED_AT - 1] == pytest.approx(1.5, rel=0.03)
    assert planted["drawn"] > 200
    pages.picture("commits")

    pages.choose("x-axis", "cores")
    pages.choose("family", "byte-level BPE")
    pages.choose("shape", "long")
    pages.until(lambda: [each["data"][0][0] for each in pages.series()] == [1, 1, 1])
    for each, strategy in zip(pages.series(), PARAMS["strategy"], strict=True):
        assert each["label"].endswith(f"family-Unigram; shape-short-chat; strategy-{strategy}")
        assert [x for x, y in each["data"] if y is not None] == [1, 2, 4, 8]
        assert each["data"][0][1] == pytest.approx(SECONDS[strategy], rel=0.02)
        assert each["drawn"] > 200
    pages.until(lambda: pages.find("#main-graph .flot-x-axis .tickLabel", "16"))
    pages.picture("cores")


@pytest.mark.enable_socket
def test_bars_of_several_series_stand_side_by_side_around_their_label(pages: Pages) -> None:
    pages.click("#summarygrid-display a", "Exact.track_mismatches")
    pages.choose("x-axis", "family")
    pages.until(lambda: [len(each["places"]) for each in pages.series()] == [2, 2, 2])
    places = [each["places"] for each in pages.series()]
    assert places == [pytest.approx([at, 1 + at]) for at in (-0.2, 0, 0.2)]
    pages.picture("bars")


@pytest.mark.enable_socket
def test_the_list_has_each_combination_and_can_be_sorted(pages: Pages) -> None:
    pages.click("#nav a", "Benchmark list")
    pages.until(lambda: pages.find("#summarylist-body tbody tr"))
    assert len(pages.find("#summarylist-body tbody tr")) == 60 + 6
    pages.click("#summarylist-body th", "Value")
    pages.until(lambda: pages.find("#summarylist-body th.asc"))
    pages.picture("list")


@pytest.mark.enable_socket
def test_the_regressions_are_the_planted_one_and_lead_to_its_graph(
    pages: Pages, site: Site
) -> None:
    name, commit = f"{WARM}{PLANTED!r}", site.commits[PLANTED_AT][:8]
    pages.click("#nav a", "Regressions")
    pages.until(lambda: pages.find("#regressions-body tbody tr"))
    (row,) = pages.find("#regressions-body tbody tr")
    assert name in row.text
    assert commit in row.text
    assert re.search(r"\b1\.[45]\dx", row.text)
    pages.picture("regressions")
    pages.click("#regressions-body tbody a", name)
    pages.until(lambda: [len(each["data"]) for each in pages.series()] == [COMMITS])
    assert commit in pages.browser.current_url
    pages.picture("regression")


# --- what helps to see a regression -----------------------------------------------------


def cells(pages: Pages, table: str) -> list[list[str]]:
    """Return the text of a table on the first page, once it is there."""
    rows = pages.until(lambda: pages.find(f"#{table} tbody tr"))
    return [[cell.text for cell in row.find_elements(By.TAG_NAME, "td")] for row in rows]


@pytest.mark.enable_socket
def test_the_first_page_and_the_list_open_on_the_newest_libraries_with_values(
    pages_of_libraries: Pages, libraries: Site
) -> None:
    pages = pages_of_libraries
    newest, before = (libraries.commits[-number][:8] for number in (1, 2))
    exact, warm = cells(pages, "newest-values")
    panel = pages.find("#overview-panel")[0].text
    assert "machine, Python 3.11, tokenizers 0.23.3. Lower is better" in panel
    assert exact[:6] == [EXACT, "0.00 turns", "0.00 turns", "6", newest, f"1.00× since {before}"]
    assert (warm[0], warm[3], warm[4]) == (WARM, "48", newest)
    lowest = SECONDS["rust"] / 8 * 1000
    assert float(warm[1].removesuffix("ms")) == pytest.approx(lowest, rel=0.02)
    assert re.fullmatch(rf"(0\.9\d|1\.0\d)× since {before}", warm[5])
    assert re.fullmatch(r"(0\.9\d|1\.0\d)× '.*', '.*', \d, '.*'", warm[6])
    pages.picture("first")
    pages.click("#nav a", "Benchmark list")
    pages.until(lambda: pages.find("#summarylist-body tbody tr"))
    chosen = [each.text for each in pages.find("#summarylist-navigation a.active")]
    assert chosen == ["machine", "0.23.3"]
    # With the older libraries there would be no times.
    (row, *_) = [each for each in pages.find("#summarylist-body tbody tr") if WARM in each.text]
    assert re.search(r"\d+\.\d+(ms|s)", row.text)
    pages.picture("list")


def check_noise(pages: Pages, css: str) -> None:
    """Check that a page says how noisy its times are, above its first element."""
    pages.until(lambda: pages.find(css) and pages.find(css)[0].is_displayed())
    noise = pages.until(lambda: [each for each in pages.find("#noise") if each.text])[0]
    assert re.match(
        r"Noise: the plain call, which no commit changes, differs from commit to commit by "
        r"1\.0\d times \(median\) and by up to 1\.0\d times\.",
        noise.text,
    )
    assert noise.is_displayed()
    bottom = noise.rect["y"] + noise.rect["height"]
    pages.until(lambda: pages.find(css)[0].rect["y"] >= bottom)


@pytest.mark.enable_socket
@pytest.mark.parametrize("width", [1400, 800])
def test_the_warning_about_noise_stands_on_every_page_and_covers_nothing(
    pages: Pages, width: int
) -> None:
    pages.browser.set_window_size(width, 1000)
    first = {
        "#/": "#overview-panel h2",
        "#/summarylist": "#summarylist-body th",
        "#/regressions": "#regressions-body th",
        f"#{WARM}": "#graphdisplay-navigation .panel-heading",
    }
    try:
        for fragment, css in first.items():
            pages.browser.get(pages.address + fragment)
            check_noise(pages, css)
            pages.picture(f"noise-{width}-{css.split()[0].strip('#')}")
    finally:
        pages.browser.set_window_size(1400, 1000)


@pytest.mark.enable_socket
def test_the_first_page_has_the_regression_with_its_step_and_leads_to_it(
    pages: Pages, site: Site
) -> None:
    commit = site.commits[PLANTED_AT][:8]
    ((ratio, series, before, after, at, day),) = cells(pages, "regression-steps")
    assert re.fullmatch(r"1\.[45]\d×", ratio)
    assert (series, at, day) == (f"{WARM}{PLANTED!r}", commit, "2026-01-13")
    milliseconds = SECONDS["spliced"] / 2 * 1000
    assert float(before.removesuffix("ms")) == pytest.approx(milliseconds, rel=0.03)
    assert float(after.removesuffix("ms")) == pytest.approx(1.5 * milliseconds, rel=0.03)
    pages.picture("regressions-first")
    pages.click("#regression-steps a", series)
    pages.until(lambda: [len(each["data"]) for each in pages.series()] == [COMMITS])
    assert site.commits[PLANTED_AT] in pages.browser.current_url


@pytest.mark.enable_socket
def test_strategies_are_on_the_x_axis_one_click_from_the_first_page_and_from_a_graph(
    pages_of_libraries: Pages,
) -> None:
    pages = pages_of_libraries

    def ticks() -> list[str]:
        return [each.text for each in pages.find("#main-graph .flot-x-axis .tickLabel")]

    cells(pages, "newest-values")
    pages.browser.find_elements(By.LINK_TEXT, "by strategy")[1].click()
    pages.until(lambda: ticks() == PARAMS["strategy"])
    assert "tokenizers=0.23.3" in pages.browser.current_url
    (shown, *_) = pages.series()
    values = [value for _, value in shown["data"]]
    assert values == [pytest.approx(SECONDS[each], rel=0.02) for each in PARAMS["strategy"]]
    pages.picture("strategies")
    pages.click("#nav a", "Benchmark grid")
    pages.click("#newest-values a", WARM)
    pages.choose("x-axis", "strategy")
    pages.until(lambda: ticks() == PARAMS["strategy"])
