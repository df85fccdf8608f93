"""The matrix: every tokenizer with every template and every strategy, exact or not."""
