"""What is counted: conversations, the files they are read from, and what counting gives."""
