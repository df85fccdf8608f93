"""One run of `bench count`: part by part, in bounded memory, from the file to the table."""

from __future__ import annotations

import gc
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from bench.cli.console import Messages, warn
from bench.cli.inputs import load_tokenizer, tell_format
from bench.cli.progress import progress_bar, working
from bench.interruption import INTERRUPTION
from bench.reporting.dataset import files_name
from bench.reporting.growing import GrowingFile
from bench.reporting.isl_table import TableFile, Tally, columns_of
from bench.reporting.journal import Journal, State, Written, check_same
from bench.reporting.output import is_stream
from strategies import ChatSpec, ChatTokenizer, Counter, InputError, Strategy, open_available
from strategies.chat.keeping import kept_of
from strategies.columns import Figures, TableColumns
from strategies.conversations.files_stream import FilesStream
from strategies.conversations.options import ReadOptions
from strategies.conversations.parts import Batch, Place
from strategies.counting import DIRECT
from strategies.streaming import Counted, Turns, count_batches, turns_of
from strategies.traces import Contents

if TYPE_CHECKING:
    from strategies.kept.folder import Folder

JOURNAL_SECONDS = 1.0
"""The least time between two journals."""

SEEN_AT_ONCE = 100_000
"""New objects after which the garbage collector looks at them."""

KEPT = "what was counted is kept; go on with --resume"


@dataclass(frozen=True, slots=True)
class Job:
    """What to count, and how.

    Parameters
    ----------
    files, reading
        The files of the dataset, and how to read them.
    spec
        The tokenizer.
    strategy, workers
        How to count, and with how many threads or processes.
    folder
        Where what a start needs is kept; None to keep nothing.
    out, rejects
        Files to write; None for none.
    resume
        Whether to go on with what an earlier run has written.
    columns
        Columns beside the ISL.
    """

    files: Sequence[Path]
    reading: ReadOptions
    spec: ChatSpec
    strategy: Strategy
    workers: int
    folder: Folder | None
    out: Path | None
    rejects: Path | None
    resume: bool
    columns: TableColumns

    @property
    def name(self) -> str:
        """What the dataset is called."""
        return files_name(self.files)


class Counting:
    """A count on its way. Use it as a context manager.

    Parameters
    ----------
    job
        What to count.
    console
        Where progress and warnings go.

    Attributes
    ----------
    tally
        The distribution so far.
    notes
        What the strategy says about it.
    formats
        Names of the formats that were found, each once.
    chat
        The tokenizer.

    Raises
    ------
    InputError
        If the dataset, the tokenizer or the files are not as they should be.
    """

    def __init__(self, job: Job, console: Messages) -> None:
        self._job = job
        self._console = console
        self._held = ExitStack()
        self._journal = None if job.out is None or is_stream(job.out) else Journal(job.out)
        self._written = 0.0
        self.notes: list[str] = []
        self.formats: list[str] = []
        self._described = ""
        self._notes = 0
        try:
            self._begin()
        except BaseException:
            self._held.close()
            raise

    def _begin(self) -> None:
        job = self._job
        earlier = self._earlier()
        about, state = earlier or ({}, State())
        self.tally: Tally = state.tally
        requests = job.reading.records == "request"
        self._columns = columns_of(
            requests=requests, more=job.columns.names, files=len(job.files) > 1
        )
        self._out: TableFile | None = None
        self._rejects: GrowingFile | None = None
        if job.out is not None:
            keep = earlier is not None
            table = TableFile(job.out, self._columns, keep=keep, **asdict(state.out))
            self._out = self._held.enter_context(table)
            self._begin_anew()
        if job.rejects is not None:
            keep = about.get("rejects") is not None
            file = GrowingFile(job.rejects, keep=keep, **asdict(state.rejects))
            self._rejects = self._held.enter_context(file)
        self._dataset = self._held.enter_context(self._opened(state.place))
        batches = iter(self._dataset)
        with working(self._console, f"reading {job.name}"):
            first = next(batches, None)
        if first is not None:
            self._tell_source(first)
        kept = None if job.folder is None else kept_of(job.spec, job.folder)
        self.chat: ChatTokenizer = load_tokenizer(job.spec, self._console, kept)
        self._contents = Contents(self.chat)
        self._contents.go_on(state.contents)
        if earlier is not None and job.out is not None:
            check_same(about, self._about, job.out)
        self._batches = _with_first(first, batches)

    def _earlier(self) -> tuple[dict[str, Any], State] | None:
        if self._journal is None or not self._job.resume:
            return None
        earlier = self._journal.read()
        if earlier is None:
            self._console.print("nothing to go on with: counting from the start", dim=True)
        else:
            INTERRUPTION.kept = KEPT
        return earlier

    def _begin_anew(self) -> None:
        """Remove what an earlier run has left. No other program writes the table now."""
        if self._journal is None or self._job.resume or not self._journal.path.exists():
            return
        self._console.print(
            f"warning: {self._job.out}: an earlier run was not done; it is begun anew, because "
            "--resume was not given"
        )
        self._remove_earlier_rejects(self._journal)
        self._journal.remove()

    def _remove_earlier_rejects(self, journal: Journal) -> None:
        """Remove what is left of the rejects if this run writes none, or writes them elsewhere."""
        with suppress(InputError):
            about, _ = journal.read() or ({}, None)
            earlier = about.get("rejects")
            if isinstance(earlier, str):
                # Nobody else writes it if it can be opened, and it is not kept.
                GrowingFile(Path(earlier)).close()

    def _opened(self, place: Place) -> FilesStream:
        job = self._job
        begun = place.offset or place.file
        return FilesStream(
            job.files,
            job.reading,
            directly=job.strategy.name in DIRECT,
            start=place,
            finished=self._out.ids() if self._out is not None and begun else (),
        )

    def _tell_source(self, batch: Batch) -> None:
        """Say as what a file is read, unless the one before it was read as the same."""
        name, form, container = batch.source
        if form is not None and form not in self.formats:
            self.formats.append(form)
        described = f"{form}" if container == "JSON" else f"{form}, {container}"
        if form is not None and described != self._described:
            self._described = described
            tell_format(self._console, name, described)
        for note in self._dataset.notes[self._notes :]:
            self._notes += 1
            self._console.print(note, dim=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._held.close()
        if kind is not None and self._journal is not None and not self._job.resume:
            self._journal.remove()

    def run(self) -> None:
        """Count all that is left.

        Raises
        ------
        InputError
            For a record that cannot be read, or a file that cannot be written.
        TurnError
            For a turn that has no ISL, if such turns are not skipped.
        """
        job, name = self._job, self._job.strategy.name
        with ExitStack() as opened:
            with working(self._console, f"opening {name}"):
                counter = opened.enter_context(open_available(job.strategy, self.chat, job.workers))
            bar = progress_bar(
                self._console, f"{self.chat.name}: {name}", self._dataset.size, "bytes"
            )
            advance = opened.enter_context(bar)
            pace = _Pace(advance)
            counted = count_batches(
                pace.watched(self._batches),
                counter,
                self.chat,
                progress=pace.turns,
                on_error=job.reading.on_error,
                wanted=job.columns.wanted,
                stop=self._dataset.stop,
            )
            self._written = time.monotonic()
            frozen = False
            with closing(counted):
                for part in counted:
                    self._tell_source(part.batch)
                    if not frozen:
                        # What is loaded by now stays until the end. The garbage collector need
                        # not look at it each time, and seldom at counts: they are in no circle.
                        gc.freeze()
                        gc.set_threshold(SEEN_AT_ONCE)
                        frozen = True
                    self._add(part)
                    self._note(counter)
                    pace.end()
                    self._remember(part.batch.place)
                    # It need not be there while the next one is counted.
                    del part
        warn(self._console, Path(job.name).name, self._dataset.warnings)
        warn(self._console, self.chat.name, self._contents.traceless())

    def _add(self, part: Counted) -> None:
        batch, counts = part.batch, part.counts
        self.tally.add(counts)
        self._contents.add(batch.conversations)
        turns = turns_of(batch.conversations, counts, batch.file)
        if part.figures:
            turns = map(self._with_more, turns, part.figures)
        if self._out is not None:
            self._out.add(turns)
        # Without a table, the sums of the columns are all that is made of them.
        deque(turns, maxlen=0)
        if self._rejects is not None:
            from bench.reporting.rejects import reject_lines

            lines = reject_lines(batch.rejects, batch.conversations, counts, self.chat, batch.file)
            self._rejects.write(lines)

    def _with_more(self, turns: Turns, figures: Sequence[Figures]) -> Turns:
        more = self._job.columns.cells(figures)
        self.tally.add_more(more)
        return turns._replace(more=more)

    def _note(self, counter: Counter) -> None:
        note = getattr(counter, "note", None)
        if note and note not in self.notes:
            self.notes.append(note)

    def _remember(self, place: Place | None) -> None:
        """Write the journal, so that another run can go on from here."""
        if place is None or self._journal is None or self._out is None:
            return
        if time.monotonic() - self._written < JOURNAL_SECONDS:
            return
        out = Written(**self._out.state())
        rejects = Written() if self._rejects is None else Written(**self._rejects.state())
        state = State(place, out, rejects, self.tally, self._contents.found)
        self._journal.write(self._about, state)
        if self._job.resume:
            self._out.keep()
            if self._rejects is not None:
                self._rejects.keep()
            INTERRUPTION.kept = KEPT
        self._written = time.monotonic()

    def complete(self) -> None:
        """Give the files their names.

        Raises
        ------
        InputError
            If they cannot be written.
        """
        if self._out is not None:
            self._out.complete(self._table_about, last=self._remove_journal)
        if self._rejects is not None:
            self._rejects.complete()

    def _remove_journal(self) -> None:
        # A journal that outlives the file that it tells of would be refused after a kill.
        if self._journal is not None:
            self._journal.remove()

    @cached_property
    def _about(self) -> dict[str, Any]:
        """All that the counts depend on, beside the dataset."""
        return {
            "tokenizer": self.chat.fingerprint,
            "reading": self._job.reading.facts(),
            "columns": list(self._columns),
            "block_size": self._job.columns.block_size,
            "rejects": None if self._job.rejects is None else str(self._job.rejects.absolute()),
        }

    def _table_about(self) -> dict[str, Any]:
        """Return what the counts depend on, for the metadata of a Parquet file."""
        from bench.reporting.facts import Reading

        reading = Reading(**self._job.reading.facts(), not_read=self._dataset.not_read)
        files = zip(self._dataset.read, self._dataset.digests(), strict=True)
        return {
            "tokenizer": self.chat.fingerprint,
            "dataset_sha256": self._dataset.sha256(),
            "files": [{"path": file.path, "sha256": sha256} for file, sha256 in files],
            "reading": asdict(reading),
        }


def _with_first(first: Batch | None, batches: Iterator[Batch]) -> Generator[Batch]:
    if first is not None:
        yield first
        # It is counted, and nobody needs it any more.
        del first
    yield from batches


class _Pace:
    """Moves a bar of bytes with each turn: a part may be large, and then takes a while."""

    def __init__(self, advance: Callable[[float], None]) -> None:
        self._advance = advance
        self._shown = 0.0
        self._done = 0
        self._ends: list[tuple[int, int]] = []

    def watched(self, batches: Iterator[Batch]) -> Generator[Batch]:
        """Yield the same, and note how long each is."""
        for batch in batches:
            self._ends.append((batch.done, batch.turns))
            yield batch

    def turns(self, number: int) -> None:
        """Move by some turns of the part that is counted."""
        end, turns = self._ends[0]
        step = (end - self._done) * number / max(turns, 1)
        self._shown += step
        self._advance(step)

    def end(self) -> None:
        """Move to the end of the part that was counted."""
        end, _ = self._ends.pop(0)
        self._advance(end - self._shown)
        self._shown = self._done = end
