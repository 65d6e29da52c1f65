"""sentibp."""
