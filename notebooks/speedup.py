# %% [markdown]
# # Speedup over the plain call
#
# Draws the `report.json` that `bench compare --out FOLDER` wrote: every exact strategy against
# `sequential` on the same cores, with 95 % intervals. The shaded band is the noise floor,
# `sequential` against itself. After `make compare` it runs as it is, from the project's folder.
# Name another report to draw that one.

# %%
from bench.reporting.plots import speedup_figure
from bench.reporting.report import read_report

report = read_report("results/bundled/report.json")

# %%
speedup_figure(report)
