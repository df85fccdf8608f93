"""Execute a notebook in a kernel of its own, in any folder and without the network."""

from __future__ import annotations

import ast
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from bench.measuring.folders import temporary_folder
from strategies import InputError

if TYPE_CHECKING:
    from nbformat import NotebookNode

PARAMETERS = "parameters"
"""Tag of the cell whose values may be replaced, as papermill and Jupyter use it."""


def read_notebook(source: Path, parameters: Mapping[str, str] | None = None) -> NotebookNode:
    """Return a notebook from its source, not executed.

    Parameters
    ----------
    source
        A Python file in jupytext's percent format.
    parameters
        Values by name, for the cell that is tagged ``parameters``. A cell with them follows it,
        so that the page shows them.

    Raises
    ------
    InputError
        If the notebook has no parameter of a name.
    """
    import jupytext
    from nbformat.v4 import new_code_cell

    notebook: NotebookNode = jupytext.read(source)
    if parameters:
        place = _parameter_cell(notebook)
        known = () if place is None else _assigned(notebook.cells[place].source)
        for name in parameters:
            if place is None or name not in known:
                raise InputError(f"the notebook has no parameter {name}", file=source)
        given = "\n".join(f"{name} = {value!r}" for name, value in parameters.items())
        notebook.cells.insert((place or 0) + 1, new_code_cell(given))
    return notebook


def parameters_of(source: Path) -> tuple[str, ...]:
    """Return the names of the parameters of a notebook."""
    notebook = read_notebook(source)
    place = _parameter_cell(notebook)
    return () if place is None else _assigned(notebook.cells[place].source)


def execute(notebook: NotebookNode, folder: Path, timeout_seconds: int = 1200) -> None:
    """Run all cells of a notebook and keep what they show in it.

    The kernel is that of this Python, whatever other kernels the user has. It talks through
    sockets in a temporary folder and leaves no trace in the home folder.

    Parameters
    ----------
    notebook
        The notebook; changed in place.
    folder
        The working directory of the kernel.
    timeout_seconds
        Longest time for one cell.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        If a cell raises; it holds the cell and the traceback.
    """
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient

    # Its path is short, because that of a socket may have 107 bytes.
    with temporary_folder() as own:
        manager = AsyncKernelManager(
            kernel_name="python3",
            # Without folders to look in, it is the kernel of this Python.
            kernel_spec_manager=KernelSpecManager(kernel_dirs=[]),
            transport="ipc",
            # A path that is not absolute would be read in the kernel's working directory.
            ip=str(own / "socket"),
            connection_file=str(own / "kernel.json"),
        )
        client = NotebookClient(
            notebook,
            km=manager,
            timeout=timeout_seconds,
            resources={"metadata": {"path": str(folder)}},
        )
        # The client ends a kernel whose manager was given to it only if it is told to.
        client.execute(env={**os.environ, "IPYTHONDIR": str(own)}, cleanup_kc=True)


def _parameter_cell(notebook: NotebookNode) -> int | None:
    for place, cell in enumerate(notebook.cells):
        if PARAMETERS in cell.metadata.get("tags", ()):
            return place
    return None


def _assigned(source: str) -> tuple[str, ...]:
    return tuple(
        target.id
        for statement in ast.parse(source).body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    )
