"""A tokenizer with everything that decides a prompt, and the rendering of prompts."""
