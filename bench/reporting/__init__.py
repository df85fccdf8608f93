"""What a measurement becomes: a report, tables, plots, and the ISL table of `bench count`."""
