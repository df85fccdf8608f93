"""What the strategies cost: the command line, the runner, statistics and reports."""
