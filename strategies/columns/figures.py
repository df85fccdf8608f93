"""The figures of a turn."""

from __future__ import annotations

from typing import NamedTuple

from strategies.conversations.counts import Column

COLUMNS: frozenset[Column] = frozenset({"shared", "osl"})
"""The columns that can be asked for beside the ISL."""


class Figures(NamedTuple):
    """The figures of one turn, in tokens. A column that was not asked for is None.

    Parameters
    ----------
    isl
        Length of the prompt; None for a turn that was skipped. Then the others are None, too.
    shared
        How many ids the prompt has in common, from its start, with the prompt before it. That is
        the prompt of the last turn before it in the conversation that has an ISL. It is 0 if there
        is none.
    osl
        Length of the answer: how many tokens longer than the prompt the text is that the template
        writes for the messages up to the answer, without a generation prompt. If that text,
        without the white space at its end, ends with an added token that is a part of the answer,
        the white space is left out: the model generates up to its end token. It is None if

        - the message after the prompt is missing or is not the assistant's,
        - the turn continues its last message, or a later turn continues the answer,
        - the text does not begin with the prompt, as in templates that rewrite the last answer,
        - the text cannot be rendered or encoded, or the tokenizer does not render prompts apart
          from encoding them,
        - the text has fewer tokens than the prompt.
    """

    isl: int | None
    shared: int | None
    osl: int | None


def new_tokens(figures: Figures) -> int | None:
    """Return how many tokens of a prompt are new: those that it does not share."""
    if figures.isl is None or figures.shared is None:
        return None
    return figures.isl - figures.shared


def shared_blocks(figures: Figures, block_size: int) -> int | None:
    """Return how many blocks of a prompt are shared as a whole.

    The caches of vLLM and SGLang keep tokens in blocks, and use only whole blocks again: a block
    of which a single token differs is computed as a whole.

    Parameters
    ----------
    figures
        The figures of a turn.
    block_size
        Tokens of a block, at least 1.
    """
    return None if figures.shared is None else figures.shared // block_size
