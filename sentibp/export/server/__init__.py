"""An HTTP server that answers as `sentibp predict` does: a model for programs in other languages."""
