"""The conformance corpus, and a runner for other people's cutters and engines."""
