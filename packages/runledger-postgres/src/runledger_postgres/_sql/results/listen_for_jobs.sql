-- Be told of jobs that have ended. Locks nothing.
LISTEN runledger_job_terminal
