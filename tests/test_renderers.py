"""Renderers in code by name, those of other packages, and how far they depart from a template."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import warnings
from pathlib import Path

import pytest

import strategies
from bench.bundled import tokenizer_path
from bench.measuring.departures import ALL, NONE, compare_counts, contents_of
from bench.reporting.departures_page import page, rows_of
from strategies import Conversation, Counts, InputError, load_chat
from strategies.renderers.registry import BUILTIN, renderer_named, renderer_names
from tests.conftest import BENCH, Bench, bundled_chat

TALK = (
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "one"},
    {"role": "assistant", "content": "1", "reasoning_content": "Hm."},
    {"role": "user", "content": "two"},
)

PLUGIN = '''
class Letters:
    """Writes each message as its letters, and a token between messages."""
    name, summary, conversion = "letters", "letters as tokens", "letters 1"
    kwargs, splices = {"loud": "adds a token"}, None
    def availability(self):
        return None
    def open(self, vocabulary):
        return OpenLetters()

class OpenLetters:
    identity, warnings = "letters 1.0", ("letters are no words",)
    def ids(self, request):
        self.check(request)
        text = "\\0".join(m["content"] for m in request.messages)
        return [*map(ord, text), 0] + [1] * bool(request.kwargs.get("loud"))
    def check(self, request):
        if any(m["content"] == "no" for m in request.messages):
            raise ValueError("a message says no")
    def pieces(self, request):
        self.check(request)
        return [m["content"] for m in request.messages] + [1] * bool(request.kwargs.get("loud"))
    def length(self, piece):
        return 1 if piece == 1 else len(piece) + 1

class Lacking:
    name = "lacking"
'''


@pytest.fixture(scope="module")
def with_plugin(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a Python that finds an installed package with renderers."""
    folder = tmp_path_factory.mktemp("plugin")
    (folder / "isl_bench_letters.py").write_text(PLUGIN, encoding="utf-8")
    about = folder / "isl_bench_letters-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: isl_bench_letters\nVersion: 1.0\n"
    )
    (about / "entry_points.txt").write_text(
        "[isl_bench.renderers]\nletters = isl_bench_letters:Letters\n"
        "lacking = isl_bench_letters:Lacking\nharmony = isl_bench_letters:Letters\n"
    )
    return {**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "80"}


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    path = tmp_path / "talk.jsonl"
    path.write_text(json.dumps({"messages": TALK}) + "\n", encoding="utf-8")
    return path


def run(environment: dict[str, str], *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*BENCH, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )


def test_a_renderer_of_another_package_is_listed_and_counts(
    with_plugin: dict[str, str], talk: Path
) -> None:
    listed = {
        row["name"]: row for row in json.loads(run(with_plugin, "renderers", "--json").stdout)
    }
    assert listed["letters"]["available"]
    assert listed["letters"]["kwargs"] == {"loud": "adds a token"}
    assert "of isl_bench_letters lacks name, summary" in listed["lacking"]["reason"]
    # A package cannot replace a built-in renderer.
    assert listed["harmony"]["summary"] != "letters as tokens"
    out = talk.with_name("isl.jsonl")
    chosen = ("--tokenizer", "anything", "--renderer", "letters", "--template-kwargs", '{"loud":1}')
    for strategy in ("sequential", "spliced", "auto"):
        done = run(with_plugin, "count", talk, *chosen, "--strategy", strategy, "--out", out)
        assert done.returncode == 0, done.stderr
        assert "letters are no words" in done.stderr
        assert "messages: letters 1" in done.stderr + done.stdout
        isl = [json.loads(line)["isl"] for line in out.read_text().splitlines()]
        assert isl == [len("Be brief.") + 1 + len("one") + 1 + 1, 21]


def test_a_comparison_checks_it_and_measures_its_ids(
    with_plugin: dict[str, str], talk: Path
) -> None:
    done = run(
        with_plugin,
        *("compare", talk, "--tokenizer", "anything", "--renderer", "letters", "--rounds", "1"),
        *("--cores", "1", "--strategies", "spliced,rust", "--json"),
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    rows = {row["strategy"]: row for row in report["results"]}
    assert rows["spliced"]["exact"] is True
    assert rows["rust"]["status"] == "unavailable"
    # 14 and 20 ids, and the second prompt shares all but its own 6 with the first.
    assert report["tokenizers"][0]["rendered_bytes"] == 4 * 34
    assert report["tokenizers"][0]["amplification"] == pytest.approx(34 / 20)


def test_an_error_of_the_library_names_the_turn(with_plugin: dict[str, str], talk: Path) -> None:
    rows = [{"messages": [TALK[1], TALK[2], {"role": "user", "content": "no"}]}]
    talk.write_text(json.dumps(rows[0]) + "\n", encoding="utf-8")
    chosen = ("count", talk, "--tokenizer", "anything", "--renderer", "letters")
    for strategy in ("sequential", "spliced"):
        done = run(with_plugin, *chosen, "--strategy", strategy, "--quiet")
        assert done.returncode == 3
        assert done.stderr.count("\n") == 1
        assert "turn 2" in done.stderr
        assert "ValueError: a message says no" in done.stderr


def test_an_unknown_renderer_lists_those_that_exist() -> None:
    with pytest.raises(InputError, match=f"there are {', '.join(BUILTIN)}"):
        renderer_named("nobody")
    assert renderer_names()[: len(BUILTIN)] == tuple(BUILTIN)


@pytest.mark.parametrize(
    ("options", "left_out"),
    [
        ({"template": "{{ messages }}"}, "a template"),
        ({"template_name": "tool_use"}, "a template name"),
        ({"revision": "main"}, "a revision"),
        ({"messages": "as-written"}, "a messages profile"),
    ],
)
def test_what_only_templates_have_is_refused(options: dict[str, str], left_out: str) -> None:
    with pytest.raises(InputError, match=f"leave out {left_out}"):
        load_chat("anything", renderer="harmony", **options)  # type: ignore[arg-type]  # all are texts


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("renderers", "TALK"), "DATASET needs --tokenizer and --renderer"),
        (("renderers", "--renderer", "harmony"), "name a DATASET"),
    ],
)
def test_what_a_renderer_cannot_do_is_told(
    bench: Bench, talk: Path, arguments: tuple[str, ...], reason: str
) -> None:
    done = bench(*(talk if each == "TALK" else each for each in arguments))
    assert done.code == 3
    assert reason in done.error
    assert done.error.count("\n") == 1


def test_contents_are_those_of_the_prompt_of_each_turn() -> None:
    later = Conversation("c", TALK, ({"type": "function"},), (2, 4))
    assert list(contents_of(later)) == [
        ["tools", "system message"],
        ["tools", "system message", "reasoning"],
    ]
    assert list(contents_of(Conversation("d", TALK[1:2], None, (1,)))) == [[]]


def test_departures_are_told_apart_and_added_up() -> None:
    chat = bundled_chat("bpe-chatml")
    plain = Conversation("plain", TALK[1:2], None, (1,))
    data = [Conversation("c", TALK, None, (2, 4)), plain, plain, plain]
    renderer: Counts = [[10, None], [7], [None], [5]]
    template: Counts = [[12, 20], [7], [None], [None]]
    found = compare_counts("set", data, (renderer, template), (chat, chat))
    rows = {row.what: row for row in found.rows}
    assert list(rows) == [ALL, "system message", "reasoning", NONE]
    every = rows[ALL]
    assert (every.turns, every.equal, every.more, every.fewer) == (5, 1, 0, 1)
    assert (every.renderer_refuses, every.template_refuses, every.both_refuse) == (1, 1, 1)
    assert (every.mean, every.largest) == (-1, -2)
    assert rows["reasoning"].mean is None
    assert [example.kind for example in found.examples] == [
        "differs",
        "the renderer refuses",
        "both refuse",
        "the template refuses",
    ]
    assert rows_of([found])[0][6:8] == ["-1.0", "-2"]
    written = page(["about"], [found])
    assert "| set | all turns | 5 | 1 | 0 | 1 | -1.0 | -2 | 1 | 1 | 1 |" in written
    assert "- set: differs, first in conversation 'c', turn 1: renderer 10 tokens" in written


def test_a_renderer_is_compared_with_a_template(bench: Bench, talk: Path) -> None:
    pytest.importorskip("mistral_common", reason="mistral-common is not installed")
    from tests.mistral_vocabularies import shipped

    out = talk.with_name("table.md")
    tokenizer = tokenizer_path("bpe-chatml")
    chosen = ("--tokenizer", tokenizer, "--renderer", "mistral-common")
    done = bench("renderers", talk, *chosen, "--vocabulary", shipped("v7"), "--out", out)
    assert done.code == 0
    (conversation,) = strategies.read_conversations(talk)
    expected = strategies.count([conversation], load_chat(tokenizer))[0]
    assert f"template {expected[0]} tokens" in done.out
    assert "| talk | all turns | 2 |" in out.read_text(encoding="utf-8")
    # The second turn has reasoning, which version 7 refuses.
    assert "the renderer refuses, first in conversation" in done.out


def test_each_gets_arguments_of_calls_as_its_server_does(bench: Bench, talk: Path) -> None:
    """A template gets the object in a text, and a renderer the text."""
    pytest.importorskip("mistral_common", reason="mistral-common is not installed")
    from tests import talks
    from tests.mistral_vocabularies import shipped

    talk.write_text(json.dumps({"messages": talks.TALK[1:4]}) + "\n", encoding="utf-8")
    tokenizer = tokenizer_path("bpe-chatml")
    chosen = ("--tokenizer", tokenizer, "--renderer", "mistral-common", "--json")
    done = bench("renderers", talk, *chosen, "--vocabulary", shipped("v7"))
    counts = {}
    for mode in ("objects", "as-given"):
        read = strategies.read_conversations(talk, tool_arguments=mode)
        counts[mode] = strategies.count(read, load_chat(tokenizer))[0]
    assert counts["objects"] != counts["as-given"]
    (compared,) = json.loads(done.out)
    renderer = load_chat(shipped("v7"), renderer="mistral-common")
    rows = (strategies.count(read, renderer)[0], counts["objects"])
    sums = [sum(isl or 0 for isl in row) for row in rows]
    assert compared["rows"][0]["mean"] == (sums[0] - sums[1]) / 2


def test_arguments_that_were_parsed_are_told_where_their_text_shows(
    tmp_path: Path,
) -> None:
    pytest.importorskip("mistral_common", reason="mistral-common is not installed")
    from strategies.renderers.mistral import MistralCommon
    from tests import talks
    from tests.mistral_vocabularies import shipped

    path = tmp_path / "talk.jsonl"
    path.write_text(json.dumps({"id": "a", "messages": talks.TALK[1:4]}) + "\n", encoding="utf-8")
    chat = load_chat(shipped("v7"), renderer="mistral-common")
    parsed = strategies.read_conversations(path)
    assert strategies.traceless(parsed, chat) == ()
    renderer = dataclasses.replace(MistralCommon(), parses_arguments=False)
    assert chat.coded is not None
    chat.coded = dataclasses.replace(chat.coded, renderer=renderer)
    with pytest.warns(strategies.IslWarning, match=r"read as objects: 1 message; .* as-given$"):
        strategies.count(parsed, chat)
    as_given = strategies.read_conversations(path, tool_arguments="as-given")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        strategies.count(as_given, chat)
        list(strategies.stream(path, chat))
    with pytest.warns(strategies.IslWarning, match="read as objects"):
        list(strategies.stream(path, chat, tool_arguments="objects"))


def test_engines_read_arguments_as_the_renderer_gets_them() -> None:
    for options, expected in (({}, "objects"), ({"renderer": "mistral-common"}, "as-given")):
        spec = strategies.chat_spec(tokenizer_path("bpe-chatml"), **options)  # type: ignore[arg-type]
        assert spec.tool_arguments == expected
        assert strategies.CountTurns(spec)._options.tool_arguments == expected
    assert strategies.CountTurns(spec, tool_arguments="objects")._options.tool_arguments == (
        "objects"
    )
