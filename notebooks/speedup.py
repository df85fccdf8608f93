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
# # Speedup over the plain call
#
# Every plot of two recorded reports: a comparison of all strategies on the bundled tokenizers, and
# the time per turn as conversations grow. The plain call is `sequential`: one
# `apply_chat_template` per turn over the whole history.
#
# To draw reports of your own, put their paths into the next cell. `bench compare --out FOLDER`
# writes a `report.json`, and `bench growth --out FOLDER` a `growth.json`.

# %% tags=["parameters"]
from bench.bundled import report_path

REPORT = report_path("bundled")
GROWTH = report_path("growth")

# %%
from bench.notebook import show
from bench.reporting.report import read_report

show.text(show.made_for(read_report(REPORT)))

# %% [markdown]
# ## All strategies, by tokenizer and cores

# %%
show.every_plot(REPORT)

# %% [markdown]
# ## Longer conversations
#
# Every turn adds the same amount of text. What is done once for each new text costs the same per
# turn at every length. What is done again over the whole history costs more in longer
# conversations.

# %%
show.every_plot(GROWTH)
