"""Servers that others wrote, on loopback, each in an environment of its own."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

from bench.measuring.ending import end_children, kill_tree

ROOT = Path(__file__).parents[1]
PROGRAMS = Path(__file__).parent / "server_programs"
SECONDS = 180
"""Until a server answers; the imports of some take a minute on a busy machine."""


@cache
def python_with(variable: str, *modules: str) -> str:
    """Return the Python that has some modules; skip the test if there is none.

    Parameters
    ----------
    variable
        Of the environment; it names the Python. Without it, ``make check-servers`` made one.
    *modules
        What must be there.
    """
    python = os.environ.get(variable) or str(ROOT / ".venv-servers" / "bin" / "python")
    if not Path(python).exists():
        pytest.skip(f"no environment with {', '.join(modules)}: {variable} is not set")
    find = f"import importlib.util as u; assert all(map(u.find_spec, {modules!r}))"
    if subprocess.run([python, "-c", find], capture_output=True, check=False).returncode:
        pytest.skip(f"{python} lacks {' or '.join(modules)}")
    return python


def model_folder(tokenizer: Path, target: Path, template: str | None = None) -> Path:
    """Copy a tokenizer, and describe a tiny model beside it.

    Parameters
    ----------
    tokenizer
        Its folder.
    target
        The folder to make.
    template
        A chat template instead of its own.
    """
    shutil.copytree(tokenizer, target)
    if template is not None:
        (target / "chat_template.jinja").write_text(template, encoding="utf-8")
    content = json.loads((target / "tokenizer.json").read_text(encoding="utf-8"))
    added = {token["content"]: token["id"] for token in content["added_tokens"]}
    config = json.loads((target / "tokenizer_config.json").read_text(encoding="utf-8"))
    vocabulary = content["model"]["vocab"]
    size = max(len(vocabulary), *(number + 1 for number in added.values()))
    described = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "torch_dtype": "float32",
        "vocab_size": size + 8,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "max_position_embeddings": 131072,
        "eos_token_id": added[config["eos_token"]],
        "bos_token_id": added.get(config.get("bos_token")),
    }
    (target / "config.json").write_text(json.dumps(described), encoding="utf-8")
    return target


def free_port() -> int:
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        port: int = tried.getsockname()[1]
    return port


@contextmanager
def running(
    command: Sequence[str], folder: Path, url: str | None = None, **environment: str
) -> Iterator[str]:
    """Run a server while the block runs, and yield its address.

    Parameters
    ----------
    command
        What to run.
    folder
        For its output, and where it runs.
    url
        Its address; None if the server prints it.
    **environment
        More variables for it.
    """
    log = folder / "server.log"
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**inherited, "HF_HUB_OFFLINE": "1", "PYTHONUNBUFFERED": "1", **environment},
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield _answering(process, log, url)
    finally:
        end_children(process.pid)
        kill_tree(process.pid)
        process.wait()
        if process.stdin is not None:
            process.stdin.close()


def _answering(process: subprocess.Popen[bytes], log: Path, url: str | None) -> str:
    """Wait until a server answers, and return its address."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        lines = log.read_text(errors="replace").splitlines()
        found = url or next((line for line in lines if line.startswith("http://127.0.0.1:")), None)
        if found is not None and _answers(found):
            return found
        time.sleep(0.2)
    raise AssertionError(f"the server does not answer: {log.read_text(errors='replace')[-3000:]}")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5):  # noqa: S310  # it is on loopback
            return True
    except urllib.error.HTTPError:
        # It has no such path, or is not ready: the check itself says which.
        return False
    except OSError:
        return False


@contextmanager
def llama_cpp(tokenizer: Path, folder: Path, template: str | None = None) -> Iterator[str]:
    """Run llama.cpp's server."""
    python = python_with("ISL_BENCH_SERVERS", "xllamacpp", "gguf")
    more = []
    if template is not None:
        (folder / "template.jinja").write_text(template, encoding="utf-8")
        more = [str(folder / "template.jinja")]
    program = str(PROGRAMS / "llama_cpp.py")
    command = [python, program, str(tokenizer), str(folder / "model.gguf"), *more]
    with running(command, folder) as url:
        yield url


@contextmanager
def transformers_serve(tokenizer: Path, folder: Path, template: str | None = None) -> Iterator[str]:
    """Run ``transformers serve``."""
    python = python_with("ISL_BENCH_SERVERS", "torch", "fastapi", "uvicorn", "openai")
    model = model_folder(tokenizer, folder / "model", template)
    made = [python, str(PROGRAMS / "random_model.py"), str(model)]
    subprocess.run(made, check=True, capture_output=True, env={**os.environ, "PYTHONPATH": ""})
    port = free_port()
    command = [python, "-m", "transformers.cli.transformers", "serve", "model", "--device", "cpu"]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    with running(command, folder, f"http://127.0.0.1:{port}") as url:
        yield url


@contextmanager
def vllm_render(tokenizer: Path, folder: Path, template: str | None = None) -> Iterator[str]:
    """Run vLLM's renderer, which needs no model."""
    python = python_with("ISL_BENCH_VLLM", "vllm")
    model_folder(tokenizer, folder / "model", template)
    more = ["--enable-auto-tool-choice", "--tool-call-parser", "hermes"]
    with _vllm(python, folder, *more) as url:
        yield url


@contextmanager
def vllm_harmony(tokenizer: Path, folder: Path) -> Iterator[str]:
    """Run vLLM's renderer for gpt-oss: it calls the library of Harmony, and no template."""
    python = python_with("ISL_BENCH_VLLM", "vllm")
    model = folder / "model"
    shutil.copytree(tokenizer, model)
    described = {"architectures": ["GptOssForCausalLM"], "model_type": "gpt_oss"}
    (model / "config.json").write_text(json.dumps(described), encoding="utf-8")
    more = ["--enable-auto-tool-choice", "--tool-call-parser", "openai"]
    with _vllm(python, folder, *more) as url:
        yield url


@contextmanager
def vllm_mistral(vocabulary: Path, folder: Path) -> Iterator[str]:
    """Run vLLM's renderer with mistral-common and a tekken vocabulary."""
    python = python_with("ISL_BENCH_VLLM", "vllm")
    model = folder / "model"
    model.mkdir()
    shutil.copy(vocabulary, model / "tekken.json")
    described = {"architectures": ["MistralForCausalLM"], "model_type": "mistral"}
    (model / "config.json").write_text(json.dumps(described), encoding="utf-8")
    # Without a parser of tool calls: with Mistral's, vLLM 0.33.0 fails with mistral-common 1.13.1
    # from version 11 on, and tools are taken all the same.
    with _vllm(python, folder, "--tokenizer-mode", "mistral") as url:
        yield url


@contextmanager
def _vllm(python: str, folder: Path, *more: str) -> Iterator[str]:
    """Run vLLM's renderer for the model in a folder."""
    port = free_port()
    command = [python, "-m", "vllm.entrypoints.cli.main", "launch", "render", "model"]
    command += ["--host", "127.0.0.1", "--port", str(port), *more]
    quiet = {"VLLM_TARGET_DEVICE": "cpu", "VLLM_NO_USAGE_STATS": "1"}
    with running(command, folder, f"http://127.0.0.1:{port}", **quiet) as url:
        yield url


@contextmanager
def dynamo(tokenizer: Path, folder: Path, template: str | None = None) -> Iterator[str]:
    """Run Dynamo's frontend before its mocker, which answers without a model."""
    python = python_with("ISL_BENCH_DYNAMO", "dynamo.frontend", "dynamo.mocker")
    model_folder(tokenizer, folder / "model", template)
    port = free_port()
    own = {"DYN_FILE_KV": str(folder / "discovery"), "DYN_TCP_RPC_HOST": "127.0.0.1"}
    planes = ["--discovery-backend", "file", "--request-plane", "tcp"]
    worker = [python, "-m", "dynamo.mocker", "--model-path", "model", "--model-name", "model"]
    worker += ["--speedup-ratio", "1000", "--max-model-len", "65536"]
    worker += ["--num-gpu-blocks-override", "16384", *planes]
    front = [python, "-m", "dynamo.frontend", "--http-host", "127.0.0.1"]
    front += ["--http-port", str(port), *planes]
    mocked = folder / "mocker.log"
    url = f"http://127.0.0.1:{port}"
    with mocked.open("wb") as output:
        mocker = subprocess.Popen(
            worker,
            cwd=folder,
            env={**os.environ, "HF_HUB_OFFLINE": "1", **own},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        with running(front, folder, url, **own) as answering:
            _wait_for_model(answering, mocked)
            yield answering
    finally:
        end_children(mocker.pid)
        kill_tree(mocker.pid)
        mocker.wait()


def _wait_for_model(url: str, log: Path) -> None:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        with urllib.request.urlopen(f"{url}/v1/models", timeout=5) as answer:  # noqa: S310
            if json.load(answer)["data"]:
                return
        time.sleep(0.2)
    raise AssertionError(f"no model is there: {log.read_text(errors='replace')[-3000:]}")


SERVERS = {
    "llama.cpp": llama_cpp,
    "transformers serve": transformers_serve,
    "vLLM": vllm_render,
    "Dynamo": dynamo,
}
