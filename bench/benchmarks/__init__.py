"""The asv suite: what each strategy costs on the bundled data, and whether it is exact."""
