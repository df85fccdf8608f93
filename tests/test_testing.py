"""`strategies.testing`: what it writes is various and mostly counts, and what fails gets small."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random

import hypothesis
import pytest
from hypothesis import HealthCheck, given, settings

from strategies import (
    ChatTokenizer,
    Conversation,
    InputError,
    UnavailableError,
    get,
    load_chat,
    reference_counts,
)
from strategies.testing import (
    Case,
    TokenizerFile,
    branches,
    cases,
    conversations,
    first_mismatch,
    shrunk,
    templates,
    wild_templates,
)
from strategies.testing.case import CaseWriter
from strategies.testing.tokenizers import TokenizerWriter
from tests.conftest import bundled_chat

FEW = settings(max_examples=6, suppress_health_check=list(HealthCheck))
FLAGS = ("lstrip", "rstrip", "single_word", "normalized", "special")
HI = Conversation("c", ({"role": "user", "content": "Hi"},), None, (1,))


def dice(seed: int | str) -> Random:
    return Random(seed)  # noqa: S311  # no secret


def made(count: int) -> list[TokenizerFile]:
    return [TokenizerWriter(dice(seed)).tokenizer() for seed in range(count)]


def test_every_model_step_and_flag_is_written() -> None:
    states = [each.state for each in made(800)]
    kinds = {state["model"]["type"] for state in states}
    assert kinds == {"BPE", "Unigram", "WordPiece", "WordLevel"}
    steps = {str(state[step]) for state in states for step in ("normalizer", "pre_tokenizer")}
    for step in ("'NFC'", "'Prepend'", "'Metaspace'", "'first'", "'ByteLevel'", "'Split'"):
        assert any(step in each for each in steps), step
    assert any(state["post_processor"] for state in states)
    flags = Counter(
        tuple(token[flag] for flag in FLAGS) for state in states for token in state["added_tokens"]
    )
    assert len(flags) == 2 ** len(FLAGS)


def test_some_added_tokens_overlap_or_hold_one_another() -> None:
    nested = overlapping = 0
    for tokenizer in made(200):
        for one in tokenizer.added:
            for other in tokenizer.added:
                nested += one != other and one in other
                overlapping += one != other and one[-1] == other[0]
    assert nested > 50
    assert overlapping > 50


def test_most_turns_of_cases_are_counted(tmp_path: Path) -> None:
    counts: list[int | None] = []
    for seed in range(40):
        case = CaseWriter(dice(seed)).case()
        chat = case.load(tmp_path)
        for turns in reference_counts(case.conversations, chat, on_error="skip"):
            counts += turns
    assert len(counts) > 500
    assert sum(count is not None for count in counts) > len(counts) * 0.7
    # Conversations in which nothing fails would not tell whether failures are counted alike.
    assert None in counts


def test_a_seed_gives_the_same_case_again() -> None:
    one, other = (CaseWriter(dice("seed 7")).case() for _ in range(2))
    assert one == other
    assert one != CaseWriter(dice("seed 8")).case()


def test_a_branch_begins_as_another_conversation() -> None:
    @given(branches())
    @FEW
    def check(several: Sequence[Conversation]) -> None:
        starts = [each.messages[0] for each in several if each.messages]
        shared.append(len(several) - len({repr(start) for start in starts}))

    shared: list[int] = []
    check()
    assert sum(shared) > len(shared) / 2


@given(case=cases(conversations=2, most=6))
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
def test_random_cases_are_counted_as_by_transformers(
    tmp_path_factory: pytest.TempPathFactory, case: Case
) -> None:
    chat = case.load(tmp_path_factory.mktemp("case"))
    assert first_mismatch(["spliced", "batched", "rust", "auto"], case.conversations, chat) is None


@given(text=templates() | wild_templates(), conversation=conversations(most=6))
@FEW
def test_random_templates_compile(text: str, conversation: Conversation) -> None:
    chat = load_chat(
        bundled_chat("bpe-chatml").spec.name_or_path, template=text, messages="as-written"
    )
    assert len(reference_counts([conversation], chat, on_error="skip")[0]) == len(
        conversation.turns
    )


def test_a_tokenizer_loads_with_its_added_tokens(tmp_path: Path) -> None:
    for number, tokenizer in enumerate(made(20)):
        chat = load_chat(tokenizer.save(tmp_path / str(number)), template="{{ messages }}")
        loaded = {token.content for token in chat.tokenizer.added_tokens_decoder.values()}
        assert set(tokenizer.added) <= loaded


def one_more(several: Sequence[Conversation], chat: ChatTokenizer) -> list[list[int | None]]:
    """A counter that is wrong for long prompts."""
    counts = reference_counts(several, chat, on_error="skip")
    return [[n and n + (n > 20) for n in turns] for turns in counts]


def test_a_function_is_compared_turn_by_turn() -> None:
    chat = bundled_chat("bpe-chatml")
    long = Conversation(
        "c", (HI.messages[0], {"role": "user", "content": "a b " * 9}), None, (1, 2)
    )
    assert first_mismatch(one_more, [HI], chat) is None
    found = first_mismatch(["rust", one_more], [HI, long], chat)
    assert found is not None
    assert (found.target, found.place, found.turn) == ("one_more", 1, 1)
    assert isinstance(found.expected, int)
    assert found.got == found.expected + 1


def test_wrong_errors_and_numbers_of_turns_are_differences() -> None:
    chat = bundled_chat("bpe-chatml")

    def too_few(several: Sequence[Conversation], chat: ChatTokenizer) -> list[list[int | None]]:
        return reference_counts(several, chat)[1:]

    def breaks(several: Sequence[Conversation], chat: ChatTokenizer) -> list[list[int | None]]:
        raise KeyError(several[0].id, chat.name)

    for target in (too_few, breaks):
        found = first_mismatch(target, [HI], chat)
        assert found is not None
        assert isinstance(found.got, str)


def test_nothing_compared_is_no_agreement(tmp_path: Path) -> None:
    tokenizer = TokenizerWriter(dice(0)).tokenizer()
    state = {**tokenizer.state, "post_processor": None}
    folder = TokenizerFile(state, {**tokenizer.config, "split_special_tokens": True}).save(tmp_path)
    chat = load_chat(folder, template="{{ messages[0].content }}")
    assert get("rust").availability(chat)
    with pytest.raises(UnavailableError, match="rust cannot run"):
        first_mismatch("rust", [HI], chat)
    assert first_mismatch(["rust", "sequential"], [HI], chat) is None
    with pytest.raises(InputError, match="unknown strategy"):
        first_mismatch("no such", [HI], chat)


def test_a_planted_bug_shrinks_to_a_marker_and_a_space(tmp_path: Path) -> None:
    """The control counts spans without their markers, which swallow white space."""

    def fails(case: Case) -> bool:
        try:
            chat = case.load(tmp_path)
            return first_mismatch("spliced-alone", case.conversations, chat) is not None
        except (InputError, UnavailableError):
            return False

    found = (CaseWriter(dice(seed)).case(6) for seed in range(200))
    case = shrunk(next(case for case in found if fails(case)), fails)
    assert fails(case)
    (conversation,) = case.conversations
    (message,) = conversation.messages
    assert case.template == "{{ messages[-1].content }}"
    assert len(message["content"]) <= 20
    assert len(case.tokenizer.added) <= 1
    assert len(case.tokenizer.words) <= 5


def test_hypothesis_shrinks_what_it_draws() -> None:
    wanted = hypothesis.find(
        conversations(most=6),
        lambda each: any("tool_calls" in message for message in each.messages),
        settings=settings(max_examples=60, database=None),
    )
    assert len(wanted.messages) == 4


def test_without_hypothesis_one_line_says_what_to_install() -> None:
    code = "import sys; sys.modules['hypothesis'] = None; import strategies.testing"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    (*_, last) = ran.stderr.strip().splitlines()
    assert last == (
        "ModuleNotFoundError: strategies.testing needs hypothesis: pip install 'isl-bench[testing]'"
    )
