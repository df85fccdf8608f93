#!/bin/sh
# Libraries: asv 0.6.6, asv_runner 0.3.2. Seen with Python 3.11, November 2026.
#
# Guess before: `asv continuous` ends with 1 if something became slower, and with another code if it
# could not compare. A commit that cannot be built is such a case, like a commit that does not exist.
# A benchmark that fails at the head is shown in the comparison, next to a benchmark that got slower.
#
# Seen: 1 means "slower", and also that there is no such commit, no benchmark of that name, or that asv
# itself ended with an exception. A commit that cannot be built is 2, and so is one benchmark that fails
# at one commit. With 2 there is no comparison at all, so a benchmark that became three times slower in
# the same run is not named. `asv compare` on the results of that run does name it, and ends with 0.
#
# asv builds each commit with the project's own commands. Its environments install packages from an
# index, so a plug-in gives one that has none. The suite brings its own clock.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check asv==0.6.6 asv_runner==0.3.2
export HOME="$folder" GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
export GIT_AUTHOR_NAME=someone GIT_AUTHOR_EMAIL=someone
export GIT_COMMITTER_NAME=someone GIT_COMMITTER_EMAIL=someone
asv="$folder/venv/bin/asv"
mkdir -p "$folder/project/suite"
cd "$folder/project"
git init --quiet --initial-branch=main
cat >asv.conf.json <<JSON
{"version": 1, "project": "small", "repo": ".", "branches": ["main"], "plugins": [".plain"],
 "environment_type": "plain", "pythons": ["3"], "benchmark_dir": "suite",
 "results_dir": "$folder/results", "env_dir": "$folder/env", "uninstall_command": [],
 "build_command": ["sh {build_dir}/build.sh"], "install_command": ["cp {build_dir}/small.py {env_dir}"]}
JSON
cat >plain.py <<'PYTHON'
import sys
from pathlib import Path

from asv.environment import Environment


class Plain(Environment):
    """The Python that runs asv, and a folder a commit."""

    tool_name = "plain"

    def __init__(self, conf, python, requirements, tagged_env_vars):
        self._python, self._requirements = python, requirements
        super().__init__(conf, python, requirements, tagged_env_vars)

    @classmethod
    def matches(cls, python):
        return True

    def _setup(self):
        Path(self._path).mkdir(parents=True)

    def find_executable(self, executable):
        return {"python": sys.executable}.get(executable, f"/bin/{executable}")

    def run(self, args, **kwargs):
        return self.run_executable("python", args, **kwargs)
PYTHON
touch suite/__init__.py
cat >suite/work.py <<'PYTHON'
import os
import sys

sys.path.insert(0, os.environ["ASV_ENV_DIR"])
clock = [0.0]


class Work:
    params = ["first", "second"]
    number = rounds = 1
    repeat = 8
    warmup_time = 0
    timer = staticmethod(lambda: clock[0])

    def time_work(self, which):
        import small

        clock[0] += small.SECONDS[which]
PYTHON
commit() { # name, seconds of the two benchmarks, what building does
    git checkout --quiet -b "$1"
    echo "SECONDS = {$2}" >small.py
    echo "$3" >build.sh
    git add small.py build.sh
    git commit --quiet --message "$1"
}
commit fast '"first": 0.2, "second": 0.2' true
commit slow '"first": 0.6, "second": 0.2' true
commit slow-and-failing '"first": 0.6' true
commit unbuilt '"first": 0.2, "second": 0.2' false

continuous() { # expected exit code, whether there is a comparison, arguments
    expected="$1 $2"
    shift 2
    code=0
    "$asv" continuous "$@" >"$folder/log" 2>&1 || code=$?
    compared=no
    ! grep -q "^| Change" "$folder/log" || compared=yes
    echo "continuous $*: exit code $code, comparison $compared"
    [ "$code $compared" = "$expected" ] || { cat "$folder/log"; exit 1; }
}
"$asv" machine --yes >"$folder/log"
continuous 1 yes fast slow
continuous 1 no fast nowhere
continuous 1 no fast slow --bench nothing
continuous 1 no fast slow --bench '('
grep -q "re.error\|PatternError" "$folder/log"
continuous 2 no fast unbuilt
continuous 2 no unbuilt slow
continuous 2 no fast slow-and-failing
"$asv" compare --only-changed fast slow-and-failing >"$folder/log"
cat "$folder/log"
grep -q "| + .*first" "$folder/log"
