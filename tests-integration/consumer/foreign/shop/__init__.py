"""A shop that has tests."""
