"""A small shop whose orders are jobs and workflows of Runledger."""
