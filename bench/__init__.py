"""What the strategies cost: the command line, measurements, statistics and reports."""
