"""What made the judges, word vectors and n-grams."""
