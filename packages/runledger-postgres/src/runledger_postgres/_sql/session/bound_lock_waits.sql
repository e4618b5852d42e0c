-- Bound every wait for a lock until the end of the transaction, unless the caller's own
-- bound is stricter, and say what the bound was. Locks nothing.
SELECT
    current_setting('lock_timeout') AS previous,
    set_config(
        'lock_timeout',
        CASE
            WHEN current_setting('lock_timeout')::interval
                BETWEEN interval '1 microsecond'
                    AND make_interval(secs => %(seconds)s::double precision)
                THEN current_setting('lock_timeout')
            ELSE %(seconds)s::double precision || 's'
        END,
        TRUE
    ) AS bound
