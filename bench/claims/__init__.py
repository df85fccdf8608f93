"""Claims about counting: an experiment for each, and a rule that turns numbers into an answer."""
