"""Optional packages: one that is missing is named, and one that is there changes no count."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import strategies
from bench.bundled import tokenizer_path
from strategies import Conversation, InputError, load_chat
from strategies.errors import LONGEST_LINE, one_line
from tests.conftest import plain_counts, real_path

CONTENT = "{% for m in messages %}{{ m.content }}{% endfor %}"
HI = Conversation("c", ({"role": "user", "content": "Hi there"},), None, (1,))

WITHOUT = """
import sys

class Without:
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        hidden = name.split(".")[0] in HIDDEN
        return None if hidden else self.finder.find_spec(name, path, target)

    def find_distributions(self, context):
        find = getattr(self.finder, "find_distributions", None)
        return [] if find is None or context.name in HIDDEN else find(context)

    def invalidate_caches(self):
        pass

sys.meta_path = [Without(finder) for finder in sys.meta_path]
from strategies import InputError, load_chat
try:
    load_chat(sys.argv[1], template="{{ messages }}")
except InputError as error:
    print(error)
"""


def refusal(path: Path, *hidden: str) -> str:
    """What loading says in a process that cannot find some packages."""
    code = f"HIDDEN = {hidden!r}\n{WITHOUT}"
    ran = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    assert ran.stdout.count("\n") == 1
    return ran.stdout.strip()


@pytest.mark.parametrize(
    ("package", "hidden"), [("sentencepiece", ("sentencepiece",)), ("protobuf", ("google",))]
)
@pytest.mark.parametrize("named", ["", "tokenizer.model"])
def test_a_missing_package_is_named(package: str, hidden: tuple[str, ...], named: str) -> None:
    path = tokenizer_path("sentencepiece") / named
    assert refusal(path, *hidden) == f"{path}: needs the package {package}: pip install {package}"


def test_a_missing_package_is_named_though_transformers_tries_another(tmp_path: Path) -> None:
    shutil.copy(tokenizer_path("sentencepiece") / "tokenizer.model", tmp_path)
    said = refusal(tmp_path, "sentencepiece", "tiktoken")
    assert said == f"{tmp_path}: needs the package sentencepiece: pip install sentencepiece"


def test_what_may_be_a_file_of_tiktoken_says_so(tmp_path: Path) -> None:
    lines = [f"{base64.b64encode(bytes([byte])).decode()} {byte}\n" for byte in range(256)]
    (tmp_path / "tokenizer.model").write_text("".join(lines))
    said = refusal(tmp_path, "tiktoken")
    assert said.endswith("a tiktoken file needs the package tiktoken: pip install tiktoken")


def test_a_tekken_file_alone_needs_its_package(tmp_path: Path) -> None:
    config: dict[str, object] = {"pattern": ".", "num_vocab_tokens": 256, "default_vocab_size": 256}
    config |= {"default_num_special_tokens": 0, "version": "v3"}
    # Older ones leave their special tokens to the package.
    content = {"config": config, "vocab": []}
    (tmp_path / "tekken.json").write_text(json.dumps(content))
    said = refusal(tmp_path, "mistral_common")
    assert said == f"{tmp_path}: needs the package mistral-common: pip install mistral-common"


def test_code_of_a_tokenizer_that_imports_what_is_missing_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "brings-code"
    shutil.copytree(tokenizer_path("unigram"), folder)
    (folder / "brought.py").write_text("import not_installed_anywhere\n")
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config |= {"tokenizer_class": "B", "auto_map": {"AutoTokenizer": [None, "brought.B"]}}
    path.write_text(json.dumps(config), encoding="utf-8")
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "m"))
    monkeypatch.setattr(sys, "path", [*sys.path])
    with pytest.raises(InputError, match="needs the package not_installed_anywhere: pip install"):
        load_chat(folder, trust_remote_code=True)


def test_the_telling_part_of_a_long_message_is_shown(tmp_path: Path) -> None:
    # transformers says why in the last of five lines.
    (tmp_path / "some.tiktoken").write_text("")
    with pytest.raises(InputError) as caught:
        load_chat(tmp_path, template=CONTENT)
    assert caught.value.reason.endswith("to convert a slow tokenizer to a fast one.")


def test_a_reason_that_is_too_long_ends_at_a_word() -> None:
    words = [f"word{number}" for number in range(1000)]
    short = one_line("\n".join(words))
    *kept, last = short.split(" ")
    assert last == "…"
    assert kept == words[: len(kept)]
    assert LONGEST_LINE - 10 < len(short) <= LONGEST_LINE
    assert one_line("x" * 5000) == "x" * (LONGEST_LINE - 2) + " …"
    for whole in ("x" * LONGEST_LINE, "word " * 199 + "words"):
        assert one_line(whole) == whole


@pytest.fixture
def tekken(tmp_path: Path) -> Path:
    """A real model's tokenizer with its tekken.json, from which mistral-common would count."""
    package = pytest.importorskip("mistral_common", reason="needs mistral-common").__file__
    folder = tmp_path / "tekken"
    shutil.copytree(real_path("tokenizers", "mistral-nemo-tekken"), folder)
    file = Path(str(package)).parent / "data" / "tekken_240718.json"
    shutil.copy(file, folder / "tekken.json")
    return folder


@pytest.mark.parametrize("strategy", ["sequential", "auto"])
@pytest.mark.parametrize("template", [None, CONTENT])
@pytest.mark.parametrize("kind", ["LlamaTokenizer", "MistralCommonBackend"])
def test_mistral_common_counts_nothing_in_place_of_the_template(
    strategy: str, template: str | None, kind: str, tekken: Path
) -> None:
    path = tekken / "tokenizer_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(config | {"tokenizer_class": kind}), encoding="utf-8")
    chat = load_chat(tekken, template=template)
    without = load_chat(real_path("tokenizers", "mistral-nemo-tekken"), template=template)
    counts = strategies.count([HI], chat, strategy)
    assert counts == plain_counts(chat, [HI]) == strategies.count([HI], without)
    assert chat.fingerprint["class"] == "TokenizersBackend"
    assert chat.fingerprint["tokenizer_sha256"] == without.fingerprint["tokenizer_sha256"]
    assert any("counted with tokenizer.json and the chat" in text for text in chat.warnings)
    assert chat.load_again().fingerprint == chat.fingerprint


def test_a_tekken_file_alone_is_converted_and_takes_the_template(tekken: Path) -> None:
    (tekken / "tokenizer.json").unlink()
    chat = load_chat(tekken, template=CONTENT)
    assert strategies.count([HI], chat) == plain_counts(chat, [HI]) == [[2]]
    assert any("counted with tekken.json" in warning for warning in chat.warnings)


@pytest.mark.skipif(find_spec("mistral_common") is not None, reason="mistral-common is installed")
def test_a_configuration_that_asks_for_mistral_common_is_counted_without_it(
    tmp_path: Path,
) -> None:
    shutil.copytree(tokenizer_path("bpe-chatml"), tmp_path / "t")
    path = tmp_path / "t" / "tokenizer_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["tokenizer_class"] = "MistralCommonBackend"
    path.write_text(json.dumps(config), encoding="utf-8")
    chat = load_chat(tmp_path / "t")
    assert strategies.count([HI], chat) == plain_counts(
        load_chat(tokenizer_path("bpe-chatml")), [HI]
    )
