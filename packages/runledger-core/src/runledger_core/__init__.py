"""Contracts of Runledger: types, statuses, transitions, validation; no I/O."""
