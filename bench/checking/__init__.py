"""Our counts against those of a server: a sample of turns, asked and compared."""
