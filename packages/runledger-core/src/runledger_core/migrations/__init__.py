"""The migrations this distribution was built against, copied from the repository."""
