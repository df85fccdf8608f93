"""Says for a tokenizer and a template where cutting is exact, and shows where it is not."""
