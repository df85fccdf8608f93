"""Every way of cutting with every tokenizer: where it is exact, and the shortest text if not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.bundled import tokenizer_names, tokenizer_path
from bench.conformance.corpus import Case
from bench.cutting.corpus import corpus_rows
from bench.cutting.search import shortest_counterexample
from bench.cutting.subject import Subject, subject_of, subject_of_backend
from bench.cutting.ways import WAYS
from bench.samples import sample_bytes
from strategies import load_chat, parse_conversations
from strategies.linting.search import MOST_PIECES, Search
from strategies.words import many

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from strategies import ChatTokenizer

EXACT, WRONG = "#d6e6f4", "#e69f00"
"""Fills of the heat map: blue and orange, which all readers can tell apart."""

MOST_SHOWN = 14
"""Characters of a counterexample that fit into a field of the heat map."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What the searches found.

    Parameters
    ----------
    subjects
        The tokenizers, by name.
    found
        For each of them, a search for each of `WAYS`.
    """

    subjects: Mapping[str, Subject]
    found: Mapping[str, Mapping[str, Search]]

    def exact(self, way: str) -> list[str]:
        """Return the names of the tokenizers for which no counterexample was found."""
        return [name for name, searches in self.found.items() if searches[way].found is None]


def survey(
    subjects: Iterable[tuple[Subject, Sequence[str]]], most_pieces: int = MOST_PIECES
) -> Survey:
    """Search for a counterexample to every way of cutting.

    Parameters
    ----------
    subjects
        Tokenizers, each with longer texts to try.
    most_pieces
        As for `shortest_counterexample`.
    """
    given = list(subjects)
    return Survey(
        {subject.name: subject for subject, _ in given},
        {
            subject.name: {
                name: shortest_counterexample(
                    subject, way.encode, most_pieces=most_pieces, more=texts
                )
                for name, way in WAYS.items()
            }
            for subject, texts in given
        },
    )


def survey_bundled(most_pieces: int = MOST_PIECES) -> Survey:
    """Survey the bundled tokenizers, with the prompts of short conversations as longer texts."""
    chats = [load_chat(tokenizer_path(name)) for name in tokenizer_names()]
    return survey(((subject_of(chat), prompts(chat)) for chat in chats), most_pieces)


def survey_corpus(most_pieces: int = MOST_PIECES) -> Survey:
    """Survey the tokenizers of the corpus, each once, with the texts of its rows."""
    return survey(
        (
            (
                subject_of_backend(rows[0].about, rows[0].made_tokenizer()),
                [row.text for row in rows],
            )
            for rows in _by_tokenizer(corpus_rows())
        ),
        most_pieces,
    )


def prompts(chat: ChatTokenizer) -> list[str]:
    """Return the last prompt of each conversation in the adversarial part of the small sample."""
    data = sample_bytes("small", shapes=["adversarial", "multilingual"])
    found = []
    for conversation in parse_conversations(data, name="sample"):
        texts = [text for _, text in chat.prompts(conversation, "skip") if text is not None]
        found += texts[-1:]
    return found


def heat_map(result: Survey) -> Figure:
    """Return the survey as a figure: a row for each tokenizer, a column for each way."""
    from matplotlib.figure import Figure

    names, ways = list(result.found), list(WAYS)
    figure = Figure(figsize=(9, 0.8 + 0.3 * len(names)), layout="constrained")
    panel = figure.subplots()
    for row, name in enumerate(names):
        for column, way in enumerate(ways):
            found = result.found[name][way].found
            panel.barh(
                row, 0.96, 0.9, left=column - 0.48, color=WRONG if found else EXACT, linewidth=0
            )
            said = f"wrong: {_short(found.text)}" if found else "exact"
            panel.text(column, row, said, ha="center", va="center", fontsize=8)
    panel.set_xlim(-0.5, len(ways) - 0.5)
    panel.set_ylim(len(names) - 0.5, -0.5)
    panel.set_xticks(range(len(ways)), ways)
    panel.set_yticks(range(len(names)), names)
    panel.xaxis.tick_top()
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)
    return figure


def counterexamples(result: Survey) -> str:
    """Return the counterexamples as a table in Markdown, text and tokens as Python writes them."""
    lines = [
        "| tokenizer | way | shortest text | tokens of the whole | tokens of the pieces |",
        "|---|---|---|---|---|",
    ]
    for name, searches in result.found.items():
        for way, search in searches.items():
            if search.found is None:
                continue
            tokens = result.subjects[name].tokens
            whole, cut = tokens(list(search.found.whole)), tokens(list(search.found.cut))
            cells = (_code(search.found.text), _listed(whole), _listed(cut))
            lines.append(f"| {name} | {way} | {' | '.join(cells)} |")
    return "\n".join(lines)


def ways_table() -> str:
    """Return what each way does, as a table in Markdown."""
    rows = [f"| {name} | {way.summary} |" for name, way in WAYS.items()]
    return "\n".join(["| way | pieces |", "|---|---|", *rows])


def _by_tokenizer(rows: Iterable[Case]) -> list[list[Case]]:
    groups: dict[str, list[Case]] = {}
    for row in rows:
        groups.setdefault(repr(row.tokenizer), []).append(row)
    return list(groups.values())


def _short(text: str) -> str:
    """Return a text as Python writes it, or its length if it is long."""
    # A dollar sign would begin a formula, and a space at an end would not be seen.
    shown = ascii(text)[1:-1].replace("$", r"\$").replace(" ", "␣")
    return shown if len(shown) <= MOST_SHOWN else many(len(text), "character")


def _listed(tokens: Sequence[str]) -> str:
    return f"{len(tokens)}: {' '.join(map(_code, tokens))}"


def _code(text: str) -> str:
    """Return a text as code in a cell of a table, which a bar would end."""
    shown = ascii(text)[1:-1] if not text.isprintable() else text
    escaped = shown.replace("&", "&amp;").replace("<", "&lt;").replace("|", "&#124;")
    return f"<code>{escaped.replace(' ', '&nbsp;')}</code>"
