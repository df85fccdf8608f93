"""`bench fuzz`: search for prompts that a strategy counts wrongly."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.bundled import resolve
from bench.cli.console import stderr, stdout
from bench.cli.options import Names, PositiveNumber, seed_option, tokenizer_option
from bench.cli.progress import progress_bar
from bench.interruption import INTERRUPTION
from strategies import InputError, available_cores, load_chat
from strategies.words import many

if TYPE_CHECKING:
    from bench.fuzzing.plan import Plan
    from bench.fuzzing.state import State

STATE = "state.json"
CASES = "cases.json"


@click.command("fuzz")
@click.option(
    "--seconds",
    type=PositiveNumber(),
    default=60.0,
    show_default=True,
    help="How long to search. Rounds that have begun are finished.",
)
@click.option(
    "--prompts", metavar="N", type=click.IntRange(min=1), help="End after this many prompts, too."
)
@seed_option("Decides all cases of the search.")
@click.option("--strategies", "chosen", type=Names(), help="Strategies to compare.  [default: all]")
@click.option(
    "--target",
    "others",
    metavar="TARGET",
    multiple=True,
    help="Compare a cutter or an engine of others, too, as `bench conformance` names it; may be "
    "given several times.",
)
@click.option("--peers", is_flag=True, help="Compare the engines of other packages, too.")
@tokenizer_option(
    "tokenizers",
    multiple=True,
    more_help="One that exists, beside the random ones; may be given several times."
    "  [default: the bundled ones]",
)
@click.option(
    "--template",
    "templates",
    metavar="FILE",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A chat template that exists, for those tokenizers; may be given several times.",
)
@click.option(
    "--processes",
    metavar="N",
    type=click.IntRange(min=1, max=256),
    help="Processes that search.  [default: as many as cores]",
)
@click.option(
    "--out",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    default=Path("results/fuzz"),
    show_default=True,
    help=f"Folder for {STATE} and {CASES}.",
)
@click.option("--resume", is_flag=True, help="Go on with the search of that folder, if it has one.")
@click.option(
    "--round",
    "number",
    metavar="N",
    type=click.IntRange(min=0),
    help="Do this round of the seed alone, into a folder of its own below that of --out.",
)
@click.option("--quiet", is_flag=True, help="Show no progress and no table.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def fuzz_command(
    seconds: float,
    prompts: int | None,
    seed: int,
    chosen: Sequence[str] | None,
    others: Sequence[str],
    peers: bool,
    tokenizers: Sequence[str],
    templates: Sequence[Path],
    processes: int | None,
    out: Path,
    resume: bool,
    number: int | None,
    quiet: bool,
    as_json: bool,
) -> int:
    """Search for prompts that a strategy counts wrongly.

    Random tokenizers, chat templates and conversations are counted by every strategy and by the
    reference. A case in which they differ is made as small as possible and written as a row of the
    conformance corpus. Of the strategies that make the reference's own call, each round asks one,
    unless --strategies names them. Strategies that are wrong on purpose must be found, or the
    search says nothing: then the exit code is 2. With --round, they need not be found.
    """
    try:
        from bench.fuzzing.plan import PLAIN_CALL, Plan, bundled, usual_targets
    except ModuleNotFoundError as error:
        raise InputError(str(error)) from None
    from bench.conformance.targets import target_named
    from bench.fuzzing.rounds import verdict
    from bench.fuzzing.search import Limits, search
    from bench.fuzzing.state import new_state, read_state
    from bench.reporting.json_file import json_line
    from bench.reporting.output import make_folder

    if chosen is not None and peers:
        raise click.UsageError("--strategies names peers, too; leave out --peers")
    paths = tuple(Path(resolve(each)) for each in tokenizers) or bundled()
    # In a round they would end its process, which would pass for something that was found.
    for path in paths if tokenizers else ():
        load_chat(path, template="{{ messages }}")
    for path in templates:
        load_chat(paths[0], template=path)
    for name in others:
        target_named(name)
    targets = (*(chosen or usual_targets(peers=peers)), *others)
    by_turns = () if chosen else PLAIN_CALL
    plan = Plan(seed, targets, paths, tuple(templates), by_turns)
    one_round = number is not None
    if one_round:
        out, processes = out / f"round-{number}", 1
    make_folder(out)
    state = new_state(plan, number or 0)
    if not one_round and resume and (out / STATE).exists():
        state = read_state(out / STATE)
        plan = state.plan
    console = stderr(quiet)
    limits = Limits(seconds, prompts, 1 if one_round else None)
    INTERRUPTION.kept = f"what was compared is kept in {out / STATE}; go on with --resume"
    began = state.seconds
    with progress_bar(console, f"seed {plan.seed}", round(seconds), "seconds") as advance:
        shown = 0.0

        def progress(now: State) -> None:
            nonlocal shown
            advance(now.seconds - began - shown)
            shown = now.seconds - began

        search(
            plan,
            state,
            limits,
            processes=processes or available_cores(),
            path=out / STATE,
            progress=progress,
        )
    INTERRUPTION.begin_output()
    code = verdict(plan, state.figures.findings, one_round=one_round)
    _write_cases(state, out / CASES)
    if as_json:
        click.echo(json_line(_summary(plan, state, code)))
    elif not quiet:
        _show(plan, state, out, one_round=one_round)
    return code


def _summary(plan: Plan, state: State, code: int) -> dict[str, Any]:
    return {
        "seed": plan.seed,
        "rounds": state.rounds,
        "seconds": round(state.seconds, 1),
        "code": code,
        **state.figures.as_dict(),
    }


def _write_cases(state: State, path: Path) -> None:
    """Write the small cases as a file of the conformance corpus, if there are any."""
    from bench.fuzzing.rows import file_of
    from bench.reporting.output import write_bytes

    rows = [finding.row for finding in state.figures.findings if finding.row is not None]
    if rows:
        write_bytes(path, file_of(rows, state.seed).encode())


def _show(plan: Plan, state: State, out: Path, *, one_round: bool) -> None:
    """Print what was compared and found.

    Parameters
    ----------
    plan
        The plan of the search.
    state
        How far it has come.
    out
        Where its files are.
    one_round
        Whether it did a single round again.
    """
    from bench.fuzzing.rounds import controls_left
    from bench.reporting.fitting import Head, print_table
    from bench.reporting.words import listed

    figures = state.figures
    rows = []
    for name in plan.targets:
        wrong = sum(finding.target == name for finding in figures.findings)
        rows.append(
            [
                f"{name} (control)" if name in plan.controls else name,
                f"{figures.compared[name]:,}",
                f"{figures.unavailable[name]:,}",
                "found" if wrong and name in plan.controls else f"{wrong:,}",
            ]
        )
    heads = (Head(each) for each in ("prompts compared", "could not count", "differences"))
    print_table(stdout(), [Head("target", left=True), *heads], rows)
    if plan.by_turns:
        click.echo(f"each round asks one of {listed(plan.by_turns)}")
    rate = figures.prompts / state.seconds if state.seconds else 0
    click.echo(
        f"seed {plan.seed}: {figures.prompts:,} prompts ({figures.counted:,} with a count) in "
        f"{many(state.rounds, 'round')} and {state.seconds:,.0f} s, {rate:,.0f} a second"
    )
    if figures.refused:
        click.echo(f"{many(figures.refused, 'case')} could not be loaded, and compared by nobody")
    for finding in figures.findings:
        click.echo(f"round {finding.round}: {finding.said}")
    if any(finding.row is not None for finding in figures.findings):
        click.echo(f"the small cases are in {out / CASES}")
    left = controls_left(plan, figures.findings)
    if left and one_round:
        click.echo(f"{listed(sorted(left))} was not found in this round, which need not show it")
    elif left:
        click.echo(
            f"inconclusive: {listed(sorted(left))} was not found, which is wrong on purpose, so "
            "other differences may be missed, too; search for longer with --seconds and --resume"
        )
