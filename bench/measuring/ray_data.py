"""Ray Data beside `bench count`: the rows per second of both, measured by turns.

``python -m bench.measuring.ray_data chats.parquet --tokenizer ./qwen3`` needs the extra ``ray``.
Each round runs `bench count` and the job of docs/distributed.md once with each number of actors, in
a shuffled order, and compares their tables. Both read the same rows: Ray a folder of smaller files.
"""

from __future__ import annotations

import logging
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import click

from strategies import CountTurns, chat_spec
from strategies.words import many

if TYPE_CHECKING:
    import pyarrow as pa

COUNT = "bench count"


@dataclass(frozen=True, slots=True)
class Setting:
    """What is measured.

    Parameters
    ----------
    dataset
        A Parquet file of whole conversations.
    tokenizer
        The tokenizer.
    folder
        Where files and tables of the measurement go.
    workers
        Workers of `bench count`, and processors of the cluster.
    block
        Rows of a block of Ray Data.
    batch
        Rows of a batch; None for those of a block.
    """

    dataset: Path
    tokenizer: str
    folder: Path
    workers: int
    block: int
    batch: int | None


def cut_into_files(dataset: Path, folder: Path, files: int) -> None:
    """Write a Parquet file as many files of equally many rows, a few rows at a time.

    Parameters
    ----------
    dataset
        The file.
    folder
        Where the others go; it is made.
    files
        How many there are.
    """
    import pyarrow.parquet as pq

    folder.mkdir()
    with pq.ParquetFile(dataset) as file:
        rows = -(-file.metadata.num_rows // files)
        for number, batch in enumerate(file.iter_batches(rows)):
            with pq.ParquetWriter(folder / f"{number:04}.parquet", batch.schema) as writer:
                writer.write_batch(batch)


def run_count(setting: Setting, out: Path) -> float:
    """Run `bench count`, and return the seconds of the whole command."""
    command = [sys.executable, "-m", "bench", "count", str(setting.dataset), "--out", str(out)]
    options = ["--tokenizer", setting.tokenizer, "--workers", str(setting.workers), "--quiet"]
    start = time.perf_counter()
    subprocess.run([*command, *options], check=True)  # noqa: S603  # this project's own command
    return time.perf_counter() - start


def run_job(setting: Setting, actors: int, out: Path, counter: type[Any] = CountTurns) -> float:
    """Run the job on a cluster that is there; return its seconds, with the start of the actors.

    Parameters
    ----------
    setting
        What to count.
    actors
        How many actors count.
    out
        The folder for the table.
    counter
        The class of the actors.
    """
    import ray

    start = time.perf_counter()
    chats = ray.data.read_parquet(str(setting.folder / "chats"))
    chats.repartition(target_num_rows_per_block=setting.block).map_batches(
        counter,
        fn_constructor_args=[chat_spec(setting.tokenizer)],
        compute=ray.data.ActorPoolStrategy(size=actors),
        num_cpus=0.5,
        batch_format="pyarrow",
        batch_size=setting.batch,
    ).write_parquet(str(out))
    return time.perf_counter() - start


class PassOn(CountTurns):
    """Counts nothing, and returns one row for each conversation: what is left is the engine's."""

    def __call__(self, batch: Any) -> Any:
        """Return a table of the ids."""
        return batch.select(batch.schema.names[:1])


@dataclass(frozen=True, slots=True)
class Run:
    """One thing that is measured.

    Parameters
    ----------
    name
        What it is called.
    out
        Where its table goes.
    seconds
        Does it, with the table there, and returns how long it took.
    counts
        Whether it counts.
    """

    name: str
    out: Path
    seconds: Callable[[Path], float]
    counts: bool = True


def runs_of(setting: Setting, actors: Sequence[int], nothing: bool) -> list[Run]:
    """Return what a round measures.

    Parameters
    ----------
    setting
        What to count.
    actors
        Numbers of actors, one job for each.
    nothing
        Whether the job also runs with the most actors that count nothing.
    """
    runs = [Run(COUNT, setting.folder / "isl.parquet", partial(run_count, setting))]
    out = setting.folder / "isl"
    runs += [
        Run(f"Ray Data, {many(count, 'actor')}", out, partial(run_job, setting, count))
        for count in actors
    ]
    if nothing:
        most = max(actors)
        job = partial(run_job, setting, most, counter=PassOn)
        runs.append(Run(f"{many(most, 'actor')} that count nothing", out, job, counts=False))
    return runs


def shuffled(runs: Sequence[Run], dice: random.Random) -> list[Run]:
    """Return the runs of a round in an order of its own, so that none always comes first."""
    return dice.sample(runs, len(runs))


def table_in(out: Path) -> pa.Table:
    """Return the table in a file or a folder of files, in the order of conversations and turns."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    files = sorted(out.iterdir()) if out.is_dir() else [out]
    table = pa.concat_tables([pq.read_table(path).replace_schema_metadata() for path in files])
    return table.sort_by([("conversation", "ascending"), ("turn", "ascending")])


def same_rows(tables: Sequence[pa.Table]) -> int:
    """Return how many rows each of some tables has.

    Raises
    ------
    click.ClickException
        If they differ.
    """
    first, *others = tables
    if not all(each.equals(first) for each in others):
        raise click.ClickException("the tables differ")
    return len(first)


@click.command()
@click.argument("dataset", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--tokenizer", required=True, help="Its name or folder.")
@click.option("--rounds", type=click.IntRange(min=1), default=3, show_default=True)
@click.option("--actors", type=int, multiple=True, default=(1, 2), show_default=True)
@click.option("--workers", type=int, default=2, show_default=True)
@click.option("--files", type=click.IntRange(min=1), default=24, show_default=True)
@click.option("--block", type=click.IntRange(min=1), default=1000, show_default=True)
@click.option("--batch", type=click.IntRange(min=1), help="Rows of a batch.")
@click.option("--nothing", is_flag=True, help="Also run the job with actors that count nothing.")
@click.option("--seed", type=int, default=1, show_default=True)
def main(
    dataset: Path,
    tokenizer: str,
    rounds: int,
    actors: tuple[int, ...],
    workers: int,
    files: int,
    block: int,
    batch: int | None,
    nothing: bool,
    seed: int,
) -> None:
    """Measure Ray Data beside `bench count` on a Parquet file of whole conversations."""
    import ray

    # As in docs/distributed.md: by default, what else runs on the machine comes first.
    os.environ.setdefault("RAY_worker_niceness", "0")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_DATA_DISABLE_PROGRESS_BARS", "1")
    dice = random.Random(seed)  # noqa: S311  # an order, no secret
    # Paths of sockets must be short.
    with tempfile.TemporaryDirectory(prefix="ray-") as temporary:
        folder = Path(temporary)
        setting = Setting(dataset, tokenizer, folder, workers, block, batch)
        cut_into_files(dataset, folder / "chats", files)
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        start = time.perf_counter()
        ray.init(
            num_cpus=workers,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            _temp_dir=str(folder / "ray"),
        )
        click.echo(f"start of the cluster: {time.perf_counter() - start:.1f} s")
        seconds: dict[str, list[float]] = {}
        rows = 0
        for number in range(rounds):
            load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
            click.echo(f"round {number + 1}, load before it: {load}")
            tables = []
            for run in shuffled(runs_of(setting, actors, nothing), dice):
                took = run.seconds(run.out)
                click.echo(f"  {run.name}: {took:.1f} s")
                seconds.setdefault(run.name, []).append(took)
                if run.counts:
                    tables.append(table_in(run.out))
                if run.out.is_dir():
                    shutil.rmtree(run.out)
            rows = same_rows(tables)
        ray.shutdown()
    base = median(seconds[COUNT])
    click.echo(f"medians of {rounds} rounds, {rows:,} rows, equal in all tables:")
    for name, all_rounds in seconds.items():
        middle = median(all_rounds)
        click.echo(f"  {name}: {middle:.1f} s, {rows / middle:,.0f} rows/s ({base / middle:.0%})")


if __name__ == "__main__":
    main()
