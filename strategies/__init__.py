"""Ways to compute the input sequence length of every turn of a conversation."""
