"""How servers turn the messages of a request into what the chat template gets."""
