"""What is kept between runs, so that a start need not wait: entries in a private folder."""
