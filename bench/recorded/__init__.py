"""Read the results of asv, judge them, and publish them as pages."""
