"""Stand-ins for steps of other tools: the same files and commands, with our counts."""
