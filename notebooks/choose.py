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
# # Which strategy should we use?
#
# From the report of a comparison to a decision. For your own data and tokenizer, run
# `bench compare mine.jsonl --tokenizer Qwen/Qwen3-8B --cores 1,2 --out report` and put the path of
# its `report.json` into the next cell. What you see was measured with the bundled tokenizers.

# %% tags=["parameters"]
from bench.bundled import report_path

REPORT = report_path("bundled")

# %%
from bench.notebook import choosing, show

show.text(choosing.decision(REPORT))

# %% [markdown]
# # What was measured
#
# The text above is what `bench decide` writes for a pull request. It was made from this:

# %%
report = choosing.read(REPORT)
show.text(show.made_for(report))

# %%
show.text(choosing.data_and_tokenizers(report))

# %% [markdown]
# # The plots

# %%
show.every_plot(REPORT)
