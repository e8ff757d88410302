"""What made the small language model and its tokenizer."""
