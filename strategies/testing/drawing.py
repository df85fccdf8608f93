"""The random writers as hypothesis strategies, which shrink what they write."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from random import Random
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from strategies.testing.case import Case, CaseWriter
from strategies.testing.conversations import ConversationWriter
from strategies.testing.templates import MARKERS, TemplateWriter
from strategies.testing.texts import TextWriter
from strategies.testing.tokenizers import TokenizerFile, TokenizerWriter
from strategies.testing.wild import WildWriter

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from strategies.conversations.conversation import Conversation, Message


def _dice() -> SearchStrategy[Random]:
    """Return dice whose throws hypothesis chooses, so that it can choose simpler ones."""
    return st.randoms(use_true_random=False)


def texts(markers: Sequence[str] = (), words: Sequence[str] = ()) -> SearchStrategy[str]:
    """Return texts of words, white space, code points of every kind, and markers.

    Parameters
    ----------
    markers
        Texts of added tokens, which occur whole and broken.
    words
        Entries of a vocabulary.
    """
    return _dice().map(lambda dice: TextWriter(dice, markers, words).text())


def conversations(
    markers: Sequence[str] = MARKERS, *, wild: bool = False, most: int = 14
) -> SearchStrategy[Conversation]:
    """Return conversations with tool loops, reasoning, parts, empty and missing content.

    Parameters
    ----------
    markers
        Texts of added tokens, which occur in the content, whole and broken.
    wild
        Whether every message may break every rule, with any data as its content.
    most
        About how many messages a conversation has at most.

    Examples
    --------
    >>> from hypothesis import given
    >>> from strategies.testing import conversations
    >>> @given(conversations(markers=["<|im_end|>"]))
    ... def test_turns_grow(conversation):
    ...     assert list(conversation.turns) == sorted(conversation.turns)
    """

    def writer(dice: Random) -> ConversationWriter:
        return ConversationWriter(dice, TextWriter(dice, markers).short)

    # In pieces, so that hypothesis can take one away.
    if wild:
        pieces = st.lists(_dice(), min_size=1, max_size=most).map(
            lambda several: [[writer(d).wild_message(i)] for i, d in enumerate(several)]
        )
    else:
        pieces = st.lists(
            _dice().map(lambda dice: writer(dice).exchange()), min_size=1, max_size=most // 2
        )

    def whole(dice: Random, pieces: list[list[Message]]) -> Conversation:
        start = [] if wild else writer(dice).beginning()
        return writer(dice).of_messages("c0", [*start, *chain.from_iterable(pieces)])

    return st.builds(whole, _dice(), pieces)


def branches(
    markers: Sequence[str] = MARKERS, *, most: int = 14
) -> SearchStrategy[tuple[Conversation, ...]]:
    """Return conversations that begin alike and then go different ways.

    Parameters
    ----------
    markers
        Texts of added tokens, which occur in the content.
    most
        About how many messages a conversation has at most.
    """

    def write(dice: Random) -> tuple[Conversation, ...]:
        writer = ConversationWriter(dice, TextWriter(dice, markers).short)
        found = [writer.conversation("c0", most=most)]
        for number in range(1, dice.randint(2, 4)):
            found.append(writer.branch(f"c{number}", dice.choice(found), most=most))
        return tuple(found)

    return _dice().map(write)


def templates(markers: Sequence[str] = MARKERS) -> SearchStrategy[str]:
    """Return chat templates of the shapes that published ones have.

    Each is valid Jinja. Most render most conversations; some raise for roles or orders of messages
    that published templates refuse, too.

    Parameters
    ----------
    markers
        Texts that a template writes around messages, such as added tokens.
    """
    return _dice().map(lambda dice: TemplateWriter(dice, markers).template())


def wild_templates(expressions: Sequence[str] = ()) -> SearchStrategy[str]:
    """Return templates of any expressions and statements; about half of them render.

    Parameters
    ----------
    expressions
        More expressions to write.
    """
    return _dice().map(lambda dice: WildWriter(dice, expressions).template())


def tokenizers() -> SearchStrategy[TokenizerFile]:
    """Return small tokenizers of each kind, with added tokens of every combination of flags.

    Examples
    --------
    >>> from hypothesis import given
    >>> from strategies import load_chat
    >>> from strategies.testing import tokenizers
    >>> @given(tokenizers())
    ... def test_loads(tmp_path_factory, tokenizer):
    ...     folder = tokenizer.save(tmp_path_factory.mktemp("tokenizer"))
    ...     load_chat(folder, template="{{ messages[0].content }}")
    """
    return _dice().map(lambda dice: TokenizerWriter(dice).tokenizer())


def cases(*, conversations: int = 3, most: int = 14) -> SearchStrategy[Case]:
    """Return a tokenizer, a template that writes its markers, and conversations.

    Parameters
    ----------
    conversations
        How many conversations a case has.
    most
        About how many messages each of them has at most.
    """
    return _dice().map(lambda dice: CaseWriter(dice).case(conversations, most))
