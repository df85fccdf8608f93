"""From measurements to a decision: which strategy to use, how sure that is, what it costs."""
