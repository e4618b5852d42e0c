"""Ephemeral PostgreSQL databases and pytest fixtures for Runledger."""
