# %% [markdown]
# # Speedup over the plain call
#
# Draws the `report.json` that `bench compare --out FOLDER` wrote: the speedup of every exact
# strategy over `sequential` on the same cores, with 95 % intervals. The shaded band is the noise
# floor: the speedup of `sequential` over itself. After `make compare`, run it from the project's
# folder. To draw another report, change the path.

# %%
from bench.reporting.plots import speedup_figure
from bench.reporting.report import read_report

report = read_report("results/bundled/report.json")

# %%
speedup_figure(report)
