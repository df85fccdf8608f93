"""Notebooks: what their cells show, how they are executed, and their pages."""
