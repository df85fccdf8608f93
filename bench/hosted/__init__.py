"""Measure a pull request on hosted CI, and post what that says as one comment.

Two programs, because a pull request may hold any code. `measure` runs that code, and its job has
neither a secret nor a right to write. `comment` runs in a job that may write comments. It runs code
of the default branch only, needs nothing but Python, and trusts nothing that `measure` wrote.
"""
