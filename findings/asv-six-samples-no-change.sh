#!/bin/sh
# Libraries: asv 0.6.6, asv_runner 0.3.2. Seen with Python 3.11, November 2026.
#
# Guess before: more samples make asv surer. It needs seven of a commit to call a change significant,
# because its rank test cannot get below its threshold with fewer, so a tripled time stays "the same"
# with one to six samples and is "worse" with seven and more.
#
# Seen: only six are "the same". One to five samples are "worse", and so are seven to nine. With one
# sample asv compares the two values alone. With two to five it compares confidence intervals, because
# it knows that its rank test could find nothing. With six it trusts the rank test, which can find
# nothing either: asv looks at 1/924, which is below its threshold of 0.002, but the test has two sides,
# and 2/924 is not. If asv keeps no samples, as `asv run` does unless told to, it compares the intervals
# again, and six are "worse" like the others. `asv continuous` keeps them by itself.
#
# The suite brings its own clock: each run takes the same times, with a noise of 0.3 %.
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
touch suite/__init__.py
cat >suite/work.py <<'PYTHON'
import itertools
from pathlib import Path

SECONDS = float(Path(__file__).with_name("seconds").read_text())
clock = [0.0]
noise = itertools.cycle([0, 1, -1, 2, -2, 3, -3])


class Work:
    number = 1
    rounds = 1
    warmup_time = 0
    timer = staticmethod(lambda: clock[0])

    def time_work(self):
        clock[0] += SECONDS * (1 + next(noise) / 1000)


for count in range(1, 10):
    globals()[f"Samples{count}"] = type(f"Samples{count}", (Work,), {"repeat": count})
del Work
PYTHON
for seconds in 0.02 0.06; do
    echo "$seconds" >suite/seconds
    git add suite
    git commit --quiet --message "The work takes $seconds seconds"
    git branch "took-$seconds"
done
for kept in no yes; do
    cat >asv.conf.json <<JSON
{"version": 1, "project": "small", "repo": ".", "branches": ["main"], "environment_type": "existing",
 "benchmark_dir": "suite", "results_dir": "$folder/kept-$kept"}
JSON
    "$asv" machine --yes >"$folder/log"
    for branch in took-0.02 took-0.06; do
        git checkout --quiet "$branch"
        # shellcheck disable=SC2046
        "$asv" run -E "existing:$folder/venv/bin/python" --set-commit-hash "$(git rev-parse HEAD)" \
            $([ "$kept" = no ] || echo --record-samples) >"$folder/log"
    done
    echo "samples kept: $kept"
    "$asv" compare took-0.02 took-0.06 >"$folder/compared"
    grep Samples "$folder/compared"
    marks=$(awk -F '|' '/Samples/ {printf "%s%s", substr($6, index($6, "Samples") + 7, 1), substr($2, 2, 1)}' \
        "$folder/compared")
    case $kept in
    no) expected="1+2+3+4+5+6+7+8+9+" ;;
    yes) expected="1+2+3+4+5+6 7+8+9+" ;;
    esac
    [ "$marks" = "$expected" ] || { echo "expected $expected, seen $marks"; exit 1; }
done
