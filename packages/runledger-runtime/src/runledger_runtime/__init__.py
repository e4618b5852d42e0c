"""Run Runledger jobs: catalog, supervisor and loops on trio."""
