"""The bundled data, and the script that makes the tokenizers in it."""
