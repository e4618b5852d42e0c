-- Which of these jobs have not ended. A statement after the one that locked their
-- schedules: it sees the job that another scheduler committed before it let go of the
-- schedule. Locks nothing.
SELECT id
FROM job_queue
WHERE id = ANY (%(job_ids)s::uuid[])
  AND finished_at IS NULL
