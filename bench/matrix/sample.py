"""Some conversations of each dataset, shortened to their first turns."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from strategies import Conversation


@dataclass(frozen=True, slots=True)
class Sample:
    """What is taken of each dataset.

    Parameters
    ----------
    conversations
        How many.
    turns
        How many turns of each, from the first on; later ones repeat what the first ones hold.
    seed
        The same seed takes the same conversations.
    """

    conversations: int
    turns: int
    seed: int

    def of(self, conversations: Sequence[Conversation]) -> list[Conversation]:
        """Return the sample of a dataset, in the order of the data.

        Parameters
        ----------
        conversations
            The dataset.
        """
        places = range(len(conversations))
        most = min(self.conversations, len(conversations))
        chosen = sorted(random.Random(self.seed).sample(places, most))  # noqa: S311  # no secret
        return [self._shortened(conversations[place]) for place in chosen]

    def _shortened(self, conversation: Conversation) -> Conversation:
        turns = conversation.turns[: self.turns]
        if not turns:
            return conversation
        return replace(conversation, messages=conversation.messages[: turns[-1]], turns=turns)
