"""What asv recorded: read, judged, published as pages."""
