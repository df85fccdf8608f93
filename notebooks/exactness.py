# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Where a prompt may be cut
#
# A prompt that is cut into pieces can be counted piece by piece, and a piece that was seen before
# need not be counted again. That is exact only if the pieces get the same tokens as in the whole.
# This notebook searches for texts in which they do not. It tries all short texts that are made of
# a tokenizer's markers, white space and letters, the shortest first, and then some prompts.
#
# "Exact" means that the search has found nothing. It is no proof; `strategies/splicing.py` has the
# argument why the first way is exact everywhere.

# %% tags=["parameters"]
MOST_PIECES = 3

# %%
from bench.cutting.survey import (
    counterexamples,
    heat_map,
    survey_bundled,
    survey_corpus,
    ways_table,
)
from bench.notebook import show

show.text(ways_table())

# %% [markdown]
# ## The bundled tokenizers
#
# One stands for each family. A field says the shortest text that is counted wrongly.

# %%
bundled = survey_bundled(MOST_PIECES)
show.picture(heat_map(bundled), "Bundled tokenizers by ways of cutting")

# %%
show.text(counterexamples(bundled))

# %% [markdown]
# ## The corpus
#
# Each row is a small tokenizer with one thing that can look past a cut: a marker that strips white
# space, a marker inside another one, a pre-tokenizer that treats the start of a text in its own
# way.

# %%
corpus = survey_corpus(MOST_PIECES)
show.picture(heat_map(corpus), "Tokenizers of the corpus by ways of cutting")

# %%
show.text(counterexamples(corpus))
