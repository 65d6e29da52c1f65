"""A model in other people's hands: compressed."""
