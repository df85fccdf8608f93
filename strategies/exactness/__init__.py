"""The conditions under which a cut is exact, checked one by one. docs/cutting.md proves them."""
