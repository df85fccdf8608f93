"""Makers' own libraries that turn a request into token ids, for models served without a template."""
