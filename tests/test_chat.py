"""Tokenizers load, travel to other processes, and describe themselves. Errors are one line."""

from __future__ import annotations

import gc
import json
import pickle
import shutil
import socket
import sys
import threading
from datetime import datetime
from pathlib import Path

import pytest
from huggingface_hub import constants

from bench.bundled import TOKENIZERS, tokenizer_path
from strategies import ChatTokenizer, Conversation, InputError, client_turns, get, load_chat
from strategies.chat.loading import hub_answers
from strategies.runtime.collection import collection_paused
from tests.conftest import bundled_chat, real_chat, real_path

MESSAGES = ({"role": "user", "content": "one two"}, {"role": "assistant", "content": "three"})
CONVERSATION = Conversation("c", MESSAGES, None, client_turns(MESSAGES))


@pytest.mark.parametrize(("family", "name"), TOKENIZERS.items())
def test_the_family_is_read_from_the_loaded_tokenizer(family: str, name: str) -> None:
    assert bundled_chat(name).family == family


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("qwen3", "byte-level BPE"),
        ("deepseek-v3", "byte-level BPE"),
        ("gemma-4", "SentencePiece BPE"),
        ("phi-3-mini", "SentencePiece BPE"),
        ("mistral-v3-spm", "SentencePiece BPE"),
        ("t5-small", "Unigram"),
    ],
)
def test_the_family_of_real_tokenizers(name: str, family: str) -> None:
    assert real_chat(name).family == family


def test_pickling_carries_the_specification_alone(bundled_name: str) -> None:
    chat = load_chat(
        tokenizer_path(bundled_name),
        template_kwargs={"a": [1]},
        clock=datetime(2000, 1, 1),  # noqa: DTZ001  # local, as templates write it
    )
    pickled = pickle.dumps(chat)
    assert len(pickled) < 2000
    again = pickle.loads(pickled)  # noqa: S301  # made in the line before
    assert isinstance(again, ChatTokenizer)
    assert again.spec == chat.spec
    assert again.fingerprint == chat.fingerprint


@pytest.mark.parametrize("name", ["unigram", "sentencepiece"])
def test_a_tokenizer_that_was_changed_does_not_travel_as_another(name: str) -> None:
    chat = load_chat(tokenizer_path(name))
    chat.tokenizer.add_tokens(["a new token"])
    with pytest.raises(InputError, match="is no longer the tokenizer that was loaded"):
        pickle.loads(pickle.dumps(chat))  # noqa: S301  # made here
    with (
        pytest.raises(InputError, match="is no longer the tokenizer that was loaded"),
        get("thread-pool").open(chat, workers=2),
    ):
        pass


def test_a_template_that_was_changed_does_not_travel_as_another() -> None:
    chat = load_chat(tokenizer_path("unigram"))
    chat.tokenizer.chat_template = "{{ messages }}"
    with pytest.raises(InputError, match="is no longer the tokenizer that was loaded"):
        chat.load_again()


@pytest.mark.parametrize("name", ["unigram", "sentencepiece"])
def test_another_vocabulary_is_another_tokenizer(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "tokenizer"
    shutil.copytree(tokenizer_path(name), folder)
    chat = load_chat(folder)
    (path,) = [*folder.glob("*.model"), *folder.glob("tokenizer.json")]
    # Replace a piece by another one of the same length, so that nothing else differs.
    before, after = "▁the".encode(), "▁thQ".encode()
    data = path.read_bytes()
    assert before in data
    path.write_bytes(data.replace(before, after, 1))
    other = load_chat(folder)
    assert other.fingerprint["tokenizer_sha256"] != chat.fingerprint["tokenizer_sha256"]
    with pytest.raises(InputError, match="is no longer the tokenizer that was loaded"):
        chat.load_again()


def test_a_sentencepiece_model_that_samples_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "tokenizer"
    shutil.copytree(tokenizer_path("sentencepiece"), folder)
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["sp_model_kwargs"] = {"enable_sampling": True, "nbest_size": -1, "alpha": 0.1}
    path.write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(InputError, match="samples"):
        load_chat(folder)


def test_the_fingerprint_follows_everything_that_decides_a_count(tmp_path: Path) -> None:
    folder = tmp_path / "tokenizer"
    shutil.copytree(tokenizer_path("bpe-chatml"), folder)
    first = load_chat(folder).fingerprint
    assert load_chat(folder).fingerprint == first
    assert load_chat(folder, template="{{ messages }}").fingerprint != first
    assert load_chat(folder, template_kwargs={"enable_thinking": False}).fingerprint != first
    state = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    assert load_chat(folder, revision="main").fingerprint != first
    assert set(first["versions"]) == {"transformers", "tokenizers", "sentencepiece", "jinja2"}
    state["added_tokens"][-1]["rstrip"] = True
    (folder / "tokenizer.json").write_text(json.dumps(state), encoding="utf-8")
    assert load_chat(folder).fingerprint["tokenizer_sha256"] != first["tokenizer_sha256"]


def test_a_template_without_the_date_gives_one_fingerprint_for_all_days() -> None:
    path = tokenizer_path("sp-bpe")
    days = [datetime(2000, 1, day) for day in (1, 2)]  # noqa: DTZ001  # local, as templates write it
    assert len({json.dumps(load_chat(path, clock=day).fingerprint) for day in days}) == 1
    dated = "{{ strftime_now('%d') }}"
    prints = {json.dumps(load_chat(path, template=dated, clock=d).fingerprint) for d in days}
    assert len(prints) == 2


def test_a_template_is_given_as_text_or_as_file(tmp_path: Path) -> None:
    path = tmp_path / "t.jinja"
    path.write_text("{{ messages[0].content }}", encoding="utf-8")
    for template in (path, str(path), "{{ messages[0].content }}"):
        chat = load_chat(tokenizer_path("bpe-chatml"), template=template)
        assert chat.renderer(CONVERSATION).render(0) == "one two"


def test_what_transformers_warns_about_is_kept_and_not_printed(
    capfd: pytest.CaptureFixture[str],
) -> None:
    chat = load_chat(real_path("tokenizers", "mistral-nemo-tekken"))
    assert any("incorrect regex pattern" in warning for warning in chat.warnings)
    assert capfd.readouterr().err == ""


def test_no_prompt_is_too_long_to_count(capfd: pytest.CaptureFixture[str]) -> None:
    # xlm-roberta has a limit of 512 tokens, but an ISL may be larger.
    chat = real_chat("xlm-roberta-unigram")
    messages = ({"role": "user", "content": "word " * 2000},)
    assert len(chat.apply_chat_template(Conversation("c", messages, None, (1,)), 0)) > 2000
    assert "longer than" not in capfd.readouterr().err


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ("llama-2-nbsp-corrupted", "the tokenizer cannot be loaded, its files may be damaged"),
        ("chatglm3-needs-remote-code", "say --trust-remote-code"),
    ],
)
def test_broken_real_tokenizers_end_in_one_line(
    broken: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = real_path("broken", broken)
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("asked a question"))
    with pytest.raises(InputError) as caught:
        load_chat(path)
    line = str(caught.value)
    assert line.startswith(f"{path}: ")
    assert reason in line
    assert "\n" not in line


def test_code_that_a_tokenizer_brings_runs_only_where_that_is_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "brings-code"
    shutil.copytree(tokenizer_path("unigram"), folder)
    (folder / "brought.py").write_text(
        "from transformers import PreTrainedTokenizerFast\n"
        "class Brought(PreTrainedTokenizerFast):\n"
        "    pass\n"
    )
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config |= {
        "tokenizer_class": "Brought",
        "auto_map": {"AutoTokenizer": [None, "brought.Brought"]},
    }
    path.write_text(json.dumps(config), encoding="utf-8")
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("asked a question"))
    # transformers copies the code there and imports it from there.
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "m"))
    monkeypatch.setattr(sys, "path", [*sys.path])
    with pytest.raises(InputError, match="say --trust-remote-code"):
        load_chat(folder)
    chat = load_chat(folder, trust_remote_code=True)
    assert type(chat.tokenizer).__name__ == "Brought"
    assert chat.load_again().fingerprint == chat.fingerprint


def broken_folder(tmp_path: Path, **files: str | None) -> Path:
    folder = tmp_path / "tokenizer"
    shutil.copytree(tokenizer_path("bpe-chatml"), folder)
    for name, content in files.items():
        path = folder / name.replace("__", ".")
        if content is None:
            path.unlink()
        else:
            path.write_text(content, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"tokenizer__json": None}, "no tokenizer in this folder"),
        ({"tokenizer__json": None, "spiece__model": ""}, "the tokenizer cannot be loaded"),
        ({"tokenizer__json": "{"}, "its files may be damaged"),
        ({"tokenizer__json": ""}, "its files may be damaged"),
        ({"tokenizer_config__json": "[]"}, "its files may be damaged"),
        ({"chat_template__jinja": None}, "has no chat template; give one with --template"),
        ({"chat_template__jinja": ""}, "has no chat template; give one with --template"),
        ({"chat_template__jinja": "{% for %}"}, "the chat template has an error in line 1"),
        ({"chat_template__jinja": "a\n{{ x | nofilter }}"}, "the chat template has an error"),
    ],
    ids=lambda value: (
        " ".join(f"{k}={v!r}" for k, v in value.items()) if isinstance(value, dict) else ""
    ),
)
def test_a_broken_folder_ends_in_one_line(
    files: dict[str, str | None], reason: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as caught:
        load_chat(broken_folder(tmp_path, **files))
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_tokenizer_that_the_library_panics_on_ends_in_one_line(tmp_path: Path) -> None:
    state = json.loads((tokenizer_path("bpe-chatml") / "tokenizer.json").read_text("utf-8"))
    # A pattern without width adds text in front that belongs to no character.
    state["normalizer"] = {
        "type": "Sequence",
        "normalizers": [
            {"type": "Replace", "pattern": {"Regex": "^"}, "content": "x"},
            {"type": "NFD"},
        ],
    }
    state["added_tokens"][0]["normalized"] = True
    with pytest.raises(InputError, match="its files may be damaged: PanicException: "):
        load_chat(broken_folder(tmp_path, tokenizer__json=json.dumps(state)))


@pytest.mark.enable_socket
def test_a_hub_that_redirects_elsewhere_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as hub,
        # The port is bound but nobody listens, so no connection can be made.
        socket.socket() as nobody,
    ):
        nobody.bind(("127.0.0.1", 0))
        elsewhere = f"http://127.0.0.1:{nobody.getsockname()[1]}/"
        answer = f"HTTP/1.1 302 Found\r\nLocation: {elsewhere}\r\nContent-Length: 0\r\n\r\n"

        def redirect() -> None:
            connection, _ = hub.accept()
            with connection:
                connection.recv(10000)
                connection.sendall(answer.encode())

        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{hub.getsockname()[1]}")
        thread = threading.Thread(target=redirect, daemon=True)
        thread.start()
        assert hub_answers()
        thread.join()
        monkeypatch.setattr(constants, "ENDPOINT", elsewhere)
        assert not hub_answers()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("./nowhere", "no such folder"),
        ("/nowhere/at/all", "no such folder"),
        ("missing.model", "no such folder"),
        ("owner/not-on-the-hub", "neither a folder nor a tokenizer on the hub that can be reached"),
    ],
)
def test_a_name_that_is_nothing_ends_in_one_line(name: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason) as caught:
        load_chat(name)
    assert "\n" not in str(caught.value)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match="is a file; name the tokenizer's folder"):
        load_chat(path)


@pytest.mark.parametrize(
    "name", ["tokenize", "add_generation_prompt", "messages", "tools", "self", "isl_bench_capture"]
)
def test_an_argument_is_no_template_variable(name: str) -> None:
    with pytest.raises(InputError, match=f"'{name}' is an argument of apply_chat_template"):
        load_chat(tokenizer_path("bpe-chatml"), template_kwargs={name: True})


@pytest.mark.parametrize(
    ("template", "part"),
    [
        ("{{ messages | random }}", "the filter random"),
        ("{{ messages | map('random') | join }}", "the filter random"),
        ("{% if tools %}{{ lipsum() }}{% endif %}", "the function lipsum"),
    ],
)
def test_a_template_that_writes_at_random_is_refused(template: str, part: str) -> None:
    with pytest.raises(InputError, match=rf"at random \({part}\)"):
        load_chat(tokenizer_path("bpe-chatml"), template=template)


def test_a_tokenizer_that_drops_merges_at_random_is_refused(tmp_path: Path) -> None:
    state = (tokenizer_path("bpe-chatml") / "tokenizer.json").read_text(encoding="utf-8")
    random = state.replace('"dropout":null', '"dropout":0.5')
    assert random != state
    with pytest.raises(InputError, match="at random"):
        load_chat(broken_folder(tmp_path, tokenizer__json=random))


def test_a_tokenizer_with_padding_and_truncation_counts_as_the_reference(tmp_path: Path) -> None:
    state = json.loads((tokenizer_path("bpe-chatml") / "tokenizer.json").read_text("utf-8"))
    state["truncation"] = {
        "direction": "Right",
        "max_length": 5,
        "strategy": "LongestFirst",
        "stride": 0,
    }
    state["padding"] = {
        "strategy": {"Fixed": 64},
        "direction": "Right",
        "pad_to_multiple_of": None,
        "pad_id": 0,
        "pad_type_id": 0,
        "pad_token": "!",
    }
    chat = load_chat(broken_folder(tmp_path, tokenizer__json=json.dumps(state)))
    assert chat.backend is not None
    prompt = chat.renderer(CONVERSATION).render(0)
    assert chat.lengths([prompt]) == [len(chat.apply_chat_template(CONVERSATION, 0))]


def test_the_garbage_collector_runs_again_after_loading(tmp_path: Path) -> None:
    assert gc.isenabled()
    load_chat(tokenizer_path("bpe-chatml"))
    assert gc.isenabled()
    with pytest.raises(InputError):
        load_chat(tmp_path)
    assert gc.isenabled()


def test_a_garbage_collector_that_is_off_stays_off() -> None:
    gc.disable()
    try:
        with collection_paused():
            assert not gc.isenabled()
        assert not gc.isenabled()
    finally:
        gc.enable()
    with collection_paused():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_the_error_of_a_bundled_name_says_how_to_get_its_folder() -> None:
    with pytest.raises(InputError, match=r"in Python, bench\.bundled\.tokenizer_path gives"):
        load_chat("bpe-chatml")
    with pytest.raises(InputError) as refused:
        load_chat("nobody/bpe-chatml")
    assert "bundled" not in str(refused.value)
