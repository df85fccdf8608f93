"""Programs that other environments run: servers that others wrote, with tiny random models."""
