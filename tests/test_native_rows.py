"""The rows that the native core writes are those that a loop in Python writes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies import _native

LARGEST, SMALLEST = 2**63 - 1, -(2**63)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=9)
cells = st.none() | st.integers(SMALLEST, LARGEST) | texts


@st.composite
def tables(draw: Any) -> tuple[list[str], list[tuple[str, list[list[Any]]]]]:
    """Draw labels, and conversations with a column for each."""
    labels = draw(st.lists(texts, max_size=3))
    conversations = []
    for head in draw(st.lists(texts, max_size=4)):
        turns = draw(st.integers(0, 4))
        column = st.lists(cells, min_size=turns, max_size=turns)
        conversations.append((head, [draw(column) for _ in labels]))
    return labels, conversations


def written(conversations: Any, labels: Sequence[str], nothing: str, end: str) -> bytes:
    """Return the rows as the description of the function has them."""
    out = []
    for head, columns in conversations:
        for turn, row in enumerate(zip(*columns, strict=True), 1):
            found = (nothing if cell is None else str(cell) for cell in row)
            beside = (f"{label}{cell}" for label, cell in zip(labels, found, strict=True))
            out.append(f"{head}{turn}{''.join(beside)}{end}")
    return "".join(out).encode()


@given(table=tables(), nothing=texts, end=texts)
def test_rows_are_those_of_a_loop(table: Any, nothing: str, end: str) -> None:
    labels, conversations = table
    expected = written(conversations, labels, nothing, end)
    assert _native.rows(conversations, labels, nothing=nothing, end=end) == expected
    assert _native.rows(iter(conversations), tuple(labels), nothing=nothing, end=end) == expected


def test_a_turn_has_its_number_and_its_cells() -> None:
    conversations: list[Any] = [
        ("a,", [[1, 2], [None, 30]]),
        ("é,", [[LARGEST], ["x"]]),
        ("no turn", [[], []]),
    ]
    found = _native.rows(conversations, [",", ";"], nothing="null", end="\n")
    assert found.decode() == f"a,1,1;null\na,2,2;30\né,1,{LARGEST};x\n"
    assert _native.rows([], [","], nothing="", end="\n") == b""
    without: list[Any] = [("no columns", [])]
    assert _native.rows(without, [], nothing="", end="\n") == b""


@pytest.mark.parametrize(
    ("columns", "labels"),
    [
        pytest.param([[1, 2], [3]], ["a", "b"], id="a column is shorter"),
        pytest.param([[1], [2, 3]], ["a", "b"], id="a column is longer"),
        pytest.param([[1]], ["a", "b"], id="a column is missing"),
        pytest.param([[1], [2]], ["a"], id="a column has no label"),
        pytest.param([[1]], [], id="no labels"),
        pytest.param([], ["a"], id="no columns"),
    ],
)
def test_columns_that_do_not_fit_are_refused(columns: Any, labels: list[str]) -> None:
    fitting: Any = ("fits", [[1] for _ in labels])
    with pytest.raises(ValueError, match="columns that do not fit together"):
        _native.rows([fitting, ("bad", columns)], labels, nothing="", end="\n")


@pytest.mark.parametrize(
    ("conversation", "error"),
    [
        pytest.param(("a", [[1.5]]), TypeError, id="a float"),
        pytest.param(("a", [[b"x"]]), TypeError, id="bytes"),
        pytest.param(("a", [[[1]]]), TypeError, id="a list in a list"),
        pytest.param(("a", [(1,)]), TypeError, id="a column that is no list"),
        pytest.param((1, [[1]]), TypeError, id="a head that is no text"),
        pytest.param(("a", [[1]], 2), ValueError, id="three values"),
        pytest.param(None, TypeError, id="no conversation"),
        pytest.param(("a", [[LARGEST + 1]]), OverflowError, id="a number that is too large"),
        pytest.param(("a", [[SMALLEST - 1]]), OverflowError, id="a number that is too small"),
        pytest.param(("a", [["\ud800"]]), UnicodeEncodeError, id="half a character"),
        pytest.param(("\ud800", [[1]]), UnicodeEncodeError, id="half a character in a head"),
    ],
)
def test_what_is_no_cell_is_an_error(conversation: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        _native.rows([("fits", [[1]]), conversation], [","], nothing="", end="\n")


def test_an_error_of_the_iterable_is_that_of_the_caller() -> None:
    def broken() -> Any:
        yield "a", [[1]]
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        _native.rows(broken(), [","], nothing="", end="\n")
    untyped: Any = 5
    with pytest.raises(TypeError):
        _native.rows(untyped, [","], nothing="", end="\n")
