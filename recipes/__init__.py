"""What made the assets of textgym: data, judges and the small language model; run from the repository's root."""
