"""The commands by name. Each has a file of its own, which is imported when it is run."""

from __future__ import annotations

from importlib import import_module

import click

COMMANDS = {
    "strategies": "bench.cli.strategies:strategies_command",
    "sample": "bench.cli.sample:sample_command",
    "count": "bench.cli.count:count_command",
    "compare": "bench.cli.compare:compare_command",
    "lint": "bench.cli.lint:lint_command",
    "decide": "bench.cli.decide:decide_command",
    "show": "bench.cli.show:show_command",
    "growth": "bench.cli.growth:growth_command",
    "fuzz": "bench.cli.fuzz:fuzz_command",
    "peers": "bench.cli.peers:peers_command",
    "renderers": "bench.cli.renderers:renderers_command",
    "matrix": "bench.cli.matrix:matrix_command",
    "check": "bench.cli.check:check_command",
    "conformance": "bench.cli.conformance:conformance_command",
    "annotate": "bench.cli.annotate:annotate_command",
    "endpoints-isl": "bench.cli.endpoints_isl:endpoints_isl_command",
    "cache": "bench.cli.cache:cache_command",
    "history": "bench.cli.history:history_command",
    "dashboard": "bench.cli.dashboard:dashboard_command",
}
"""In the order in which help shows them."""


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # the same in every context
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # likewise
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command


def _print_version(context: click.Context, _option: click.Parameter, asked: bool) -> None:
    if not asked or context.resilient_parsing:
        return
    from importlib.metadata import version
    from platform import python_version

    from strategies import _native

    core = f"native core {_native.__version__}, {_native.build_profile} build"
    click.echo(f"bench {version('isl-bench')} ({core}; Python {python_version()})")
    context.exit()


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version and the build, and exit.",
)
def commands() -> None:
    """Exact input sequence lengths (ISL) of multi-turn conversations, and what they cost."""
