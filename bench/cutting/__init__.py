"""Where prompts may be cut: tokenizers, ways to cut, and a search for counterexamples."""
