"""Libraries of makers that turn a request into token ids, without a chat template."""
