"""The settings: schema, YAML with line numbers, overrides, error messages, and the generated reference."""
