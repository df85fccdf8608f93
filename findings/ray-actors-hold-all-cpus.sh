#!/bin/sh
# Library: ray 2.60.0 (Ray Data). Seen with Python 3.11, pyarrow 26.0.1, November 2026. The wheel has
# about 75 MB.
#
# Guess before: a pipeline that reads Parquet and maps it over as many actors as the cluster has
# processors works: the stages take turns, or Ray says that it has too few processors.
#
# Seen: it hangs, and says nothing that names the reason. The actors take their processors before the first
# file is read, and keep them. To list the files is a task, which waits for a processor forever. With
# one actor less, or actors that ask for half a processor each, it ends after seconds. Data that Ray
# makes itself, as `ray.data.range` does, is not listed, so an example without files does not show it.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'ray[data]==2.60.0' pyarrow==26.0.1
cat >"$folder/count.py" <<'PYTHON'
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import ray

cpus, path = float(sys.argv[1]), f"{sys.argv[2]}/numbers.parquet"
pq.write_table(pa.table({"id": range(100)}), path)
ray.init(num_cpus=2, include_dashboard=False)


class Same:
    def __call__(self, batch):
        return batch


actors = ray.data.ActorPoolStrategy(size=2)
same = ray.data.read_parquet(path).map_batches(Same, compute=actors, num_cpus=cpus)
print(same.count(), "rows")
PYTHON
count() {
    code=0
    timeout 100 "$folder/venv/bin/python" "$folder/count.py" "$1" "$folder" 2>"$folder/log" || code=$?
    echo "two actors with $1 processors each: exit code $code (124: stopped after 100 seconds)"
}
count 0.5
test "$code" = 0
count 1
test "$code" = 124
