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
# # What is claimed about counting, and what is measured
#
# The lengths of multi-turn prompts were discussed for weeks in
# [mlcommons/endpoints#336](https://github.com/mlcommons/endpoints/pull/336) and its successors:
# threads or processes, splicing at markers, counts in the dataset. Each claim is a question here.
# An experiment gives numbers, and one rule turns them into an answer.
#
# `EFFORT` is `"quick"` for a first look of about a minute, or `"full"`.

# %% tags=["parameters"]
EFFORT = "full"

# %%
from bench.claims.catalog import answer_all
from bench.claims.telling import summary, the_rule
from bench.notebook import show
from bench.notebook.claims import tell

answers = answer_all(EFFORT)
show.text(show.made_here())

# %% [markdown]
# # The answers

# %%
show.text(summary(answers))

# %%
show.text(the_rule())

# %%
tell(answers["quadratic"])

# %%
tell(answers["linear"])

# %%
tell(answers["threads-are-faster"])

# %%
tell(answers["threads-run-meanwhile"])

# %%
tell(answers["tokenizer-per-thread"])

# %%
tell(answers["threads-like-processes"])

# %%
tell(answers["processes-are-better"])

# %%
tell(answers["sixteen-workers"])

# %%
tell(answers["chatml-is-safe"])

# %%
tell(answers["sentencepiece-is-not"])

# %%
tell(answers["neighbours-make-it-safe"])

# %%
tell(answers["text-boundaries"])

# %%
tell(answers["equal-counts-prove-it"])

# %%
tell(answers["stored-counts"])

# %%
tell(answers["shortcuts-differ"])
