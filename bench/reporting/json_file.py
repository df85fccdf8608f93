"""Reading a JSON file that this project or asv wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from strategies import InputError


def read_json(path: Path) -> Any:
    """Return what a JSON file holds; as asv writes them, with Infinity and NaN.

    Raises
    ------
    InputError
        If it cannot be read, or is not JSON.
    """
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", file=path) from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"not JSON: {error}", file=path) from None
