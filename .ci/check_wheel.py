"""Install a wheel into an empty environment and use it from a folder without the project.

    python .ci/check_wheel.py results/wheels/isl_bench-*.whl           # with what it depends on
    python .ci/check_wheel.py --borrow results/wheels/isl_bench-*.whl  # without network

With --borrow the packages that it depends on are those of the Python that runs this; only the wheel
itself is installed. The commands run in a folder whose own bench/, strategies/ and random.py would
end them if they were imported. What fails is shown whole, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import sysconfig
import tempfile
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

NEEDED = (
    "bench/data/tokenizers/bpe-chatml/tokenizer.json",
    "bench/data/conformance/flags.json",
    "bench/data/report.schema.json",
    "bench/data/reports/bundled.json",
    "bench/data/dashboard/overview.js",
    "bench/data/matrix/page.html.jinja",
    "strategies/_native.abi3.so",
    "strategies/_native.pyi",
    "strategies/py.typed",
)
ROOMS = ("bench", "isl_bench", "isl_bench_pytest", "strategies")
UNWANTED = (".rs", ".pyc", ".toml")
MOST_BYTES = 12_000_000
"""A wheel has about a third of that."""

COMMANDS = (
    "--version",
    "sample --size small --out chats.jsonl",
    "count chats.jsonl --tokenizer bpe-chatml --out isl.parquet",
    "count chats.jsonl --tokenizer sentencepiece --strategy process-pool --json",
    "lint --tokenizer unigram",
    "check --help",
    "conformance --strategy rust --cases flags::*",
    "compare --quick --out report",
    "show report/report.json",
)
SHORTER = "--tokenizer unigram --strategies rust,process-pool"
"""With borrowed packages, the comparison is of these: all would take minutes."""
UNRELATED = "raise SystemExit('the unrelated code was imported')\n"


def main() -> int:
    """Check a wheel, and return the exit code."""
    parser = argparse.ArgumentParser(description="Check a wheel in an empty environment.")
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--borrow", action="store_true", help="use the packages of this Python")
    given = parser.parse_args()
    wheel: Path = given.wheel.resolve()
    wrong = list(content(wheel))
    for line in wrong:
        print(f"{wheel.name}: {line}", file=sys.stderr)
    if wrong:
        return 1
    with tempfile.TemporaryDirectory() as folder:
        return used(wheel, Path(folder), borrow=given.borrow)


def content(wheel: Path) -> Iterator[str]:
    """Yield what is wrong about the files in a wheel."""
    size = wheel.stat().st_size
    if size > MOST_BYTES:
        yield f"{size} bytes are more than {MOST_BYTES}"
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    yield from (f"{name} is missing" for name in NEEDED if name not in names)
    for name in names:
        room = name.partition("/")[0]
        if room not in ROOMS and not room.endswith(".dist-info"):
            yield f"{name} lies beside the packages"
        elif room in ROOMS and (name.endswith(UNWANTED) or "/history/" in name):
            yield f"{name} is of no use in a wheel"
    if not any(name.endswith(".dist-info/licenses/LICENSE") for name in names):
        yield "the licence is missing"


def used(wheel: Path, folder: Path, *, borrow: bool) -> int:
    """Install a wheel and run commands, and return the exit code.

    Parameters
    ----------
    wheel
        The wheel.
    folder
        An empty folder.
    borrow
        Whether the packages that it depends on are those of this Python.
    """
    empty, elsewhere = folder / "environment", folder / "some where else"
    venv.create(empty, with_pip=not borrow)
    python = empty / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python)]
    options = ["--no-deps", "--no-index"] if borrow else []
    for name in ("bench", "strategies"):
        (elsewhere / name).mkdir(parents=True)
        (elsewhere / name / "__init__.py").write_text(UNRELATED)
    (elsewhere / "random.py").write_text(UNRELATED)
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ISL_BENCH", "PYTHON", "VIRTUAL"))
    }
    environment |= {"HF_HUB_OFFLINE": "1", "XDG_CACHE_HOME": str(folder / "cache")}
    install = [*pip, "install", "--quiet", "--disable-pip-version-check", *options, str(wheel)]
    if run(install, folder, environment):
        return 1
    if borrow:
        # The files of this folder that name further folders are not read: what this Python has
        # of the project itself stays out.
        (lies,) = empty.glob("lib/python*/site-packages")
        (lies / "borrowed.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    for command in COMMANDS:
        words = command.split()
        if borrow and words[0] == "compare":
            words += SHORTER.split()
        if run([str(empty / "bin" / "bench"), *words], elsewhere, environment):
            return 1
    where = "import sys, strategies; sys.exit(not strategies.__file__.startswith(sys.prefix))"
    return run([str(python), "-I", "-c", where], elsewhere, environment)


def run(command: list[str], folder: Path, environment: dict[str, str]) -> int:
    """Run a command, and return 1 if it failed, having shown what it printed.

    Parameters
    ----------
    command
        The command.
    folder
        Where it runs.
    environment
        Its variables.
    """
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    said = " ".join([Path(command[0]).name, *command[1:]])
    if done.returncode == 0:
        print(f"passed: {said}", flush=True)
        return 0
    print(f"{done.stdout}failed ({done.returncode}): {said}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
