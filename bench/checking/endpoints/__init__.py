"""The ways to ask a server for the tokens of a prompt; each has a file."""
