"""The commands by name; each is a file of its own, imported when it is asked for."""

from __future__ import annotations

from importlib import import_module

import click

COMMANDS = {
    "strategies": "bench.cli.strategies:strategies_command",
    "count": "bench.cli.count:count_command",
    "compare": "bench.cli.compare:compare_command",
    "show": "bench.cli.show:show_command",
    "growth": "bench.cli.growth:growth_command",
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


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="isl-bench")
def commands() -> None:
    """Exact input sequence lengths (ISL) of multi-turn conversations, and what they cost."""
