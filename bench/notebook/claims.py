"""Shows an answered claim: the text, then its figure."""

from __future__ import annotations

from bench.claims.claim import Answered
from bench.claims.figure import claim_figure
from bench.claims.telling import section
from bench.notebook.show import picture, text


def tell(answered: Answered) -> None:
    """Show a claim with its question, answer, rule, experiment and figure."""
    from IPython.display import display

    display(text(section(answered)), picture(claim_figure(answered), answered.claim.question))
