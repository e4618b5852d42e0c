-- Be told of runs that have ended. Locks nothing.
LISTEN runledger_workflow_run_terminal
