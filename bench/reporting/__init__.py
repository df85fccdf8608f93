"""Show what was measured: reports, tables, plots, and the ISL table of `bench count`."""
