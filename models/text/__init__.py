"""Text to numbers, in the graph: words, vocabularies, n-grams, word vectors."""
