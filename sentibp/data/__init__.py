"""From texts to feature ids: sources, readers, labels, tokens, vocabulary."""
