"""A SentencePiece model by itself counts control pieces, BOS and EOS as the model does."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
from hypothesis import assume, given
from hypothesis import strategies as st
from transformers.convert_slow_tokenizer import import_protobuf

import strategies
from bench.bundled import tokenizer_path
from strategies import ChatTokenizer, Conversation, InputError, client_turns, load_chat
from tests.conftest import plain_counts, real_path

BUNDLED = tokenizer_path("sentencepiece") / "tokenizer.model"
CONTENT = "{% for m in messages %}{{ m.content }}{% endfor %}"
LOADED = load_chat(BUNDLED, template=CONTENT)


def conversation(*contents: str) -> Conversation:
    """User and assistant by turns."""
    messages = tuple(
        {"role": ("user", "assistant")[place % 2], "content": content}
        for place, content in enumerate(contents)
    )
    return Conversation("c", messages, None, client_turns(messages))


def ids(chat: ChatTokenizer, text: str) -> list[int]:
    return chat.apply_chat_template(conversation(text), 0)


def test_it_loads_by_itself() -> None:
    chat = load_chat(BUNDLED, template=CONTENT)
    assert chat.family == "sentencepiece library"
    assert len(ids(chat, "one two")) == chat.lengths(["one two"])[0]


@pytest.mark.parametrize("strategy", ["sequential", "spliced", "process-pool", "auto"])
def test_the_bundled_model_counts_as_its_folder(strategy: str) -> None:
    folder = load_chat(BUNDLED.parent)
    template = BUNDLED.parent / "chat_template.jinja"
    alone = load_chat(BUNDLED, template=template)
    data = [
        conversation("Hi", "Hello", "Bye", "Ok", "x"),
        conversation(" two  spaces ", "<start_of_turn>", "\n", "</s>", "<unk>"),
    ]
    assert strategies.count(data, alone, strategy) == plain_counts(folder, data)
    assert strategies.verify(strategy, data, alone) == []


def test_a_real_model_counts_its_markers_as_one_token_each() -> None:
    folder = real_path("tokenizers", "mistral-v3-spm")
    chat = load_chat(folder / "tokenizer.model", template=folder / "chat_template.jinja")
    data = [conversation("Hi"), conversation("Hi", "Hello", "Bye", "Ok", "x")]
    for strategy in ("sequential", "spliced", "auto"):
        assert strategies.count(data, chat, strategy) == [[4], [4, 10, 15]]
    # The template ends a request in [/INST], and an answer in EOS.
    assert ids(chat, "Hi") == [1, 3, 16127, 4]


def test_a_published_name_with_a_version_is_a_model(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.model.v3"
    shutil.copy(BUNDLED, path)
    assert ids(load_chat(path, template=CONTENT), "one")


@given(st.lists(st.sampled_from([" ", "  ", "\n", "▁", "a", "Hello", "é", "日本", "x<", "s>"])))
def test_text_without_control_pieces_is_what_the_library_makes_of_it(pieces: list[str]) -> None:
    text = "".join(pieces)
    library = sentencepiece.SentencePieceProcessor(model_file=str(BUNDLED))
    assume("<s>" not in text)
    assert LOADED.tokenizer(text, add_special_tokens=False)["input_ids"] == library.encode(text)


def test_white_space_is_added_at_the_start_alone() -> None:
    library = sentencepiece.SentencePieceProcessor(model_file=str(BUNDLED))
    bos = library.bos_id()
    assert ids(LOADED, "Hello") == library.encode("Hello")
    assert ids(LOADED, "<s>▁Hello") == [bos, *library.encode("Hello")]
    assert ids(LOADED, "<s>Hello") != ids(LOADED, "<s>▁Hello")
    assert ids(LOADED, "Hello<s>Hello")[:-1] != [*library.encode("Hello"), bos]


def changed_model(
    path: Path, *, whole: str = "", suffix: bool = False, drops: bool = False
) -> Path:
    """A copy of the bundled model with a user-defined piece, or with other rules."""
    protobuf: Any = import_protobuf()  # type: ignore[no-untyped-call]  # transformers' own
    model = protobuf.ModelProto.FromString(BUNDLED.read_bytes())
    if whole:
        model.pieces.add(piece=whole, score=0.0, type=4)
    model.trainer_spec.treat_whitespace_as_suffix = suffix
    model.normalizer_spec.remove_extra_whitespaces = drops
    path.write_bytes(model.SerializeToString())
    return path


def test_user_defined_pieces_are_found_by_the_model(tmp_path: Path) -> None:
    path = changed_model(tmp_path / "m.model", whole="[DOC_1]")
    chat = load_chat(path, template=CONTENT)
    library = sentencepiece.SentencePieceProcessor(model_file=str(path))
    whole = library.get_piece_size() - 1
    for text in ("[DOC_1]", "a[DOC_1] b", "a [DOC_1]b"):
        assert ids(chat, text) == library.encode(text)
        assert whole in ids(chat, text)
    assert whole in ids(chat, "<s>[DOC_1]")


def test_a_model_that_drops_spaces_keeps_the_one_after_a_control_piece(tmp_path: Path) -> None:
    path = changed_model(tmp_path / "m.model", drops=True)
    chat = load_chat(path, template=CONTENT)
    library = sentencepiece.SentencePieceProcessor(model_file=str(path))
    for text in ("  Hello  ", "Hello  Hello"):
        assert ids(chat, text) == library.encode(text)
    assert ids(chat, "<s> Hello") == [library.bos_id(), *library.encode("Hello")]


def test_a_model_that_adds_white_space_after_a_text_is_refused(tmp_path: Path) -> None:
    path = changed_model(tmp_path / "m.model", suffix=True)
    with pytest.raises(InputError, match="adds white space after a text"):
        load_chat(path, template=CONTENT)


def test_it_travels_to_other_processes_and_threads() -> None:
    again = LOADED.load_again()
    assert again.fingerprint == LOADED.fingerprint
    assert again.fingerprint["class"] == "SentencePieceModel"
