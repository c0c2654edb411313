-- All that the facts say of one call ($session), in order. `place`: where it happened; `what`: its
-- kind; `told`: what of it; `ms`: how long it took, where it took time.
WITH course AS (
    SELECT started AS happened, 0 AS rank, 'came' AS what, NULL AS place, NULL AS prompt,
           dialled AS told, NULL AS outcome, NULL AS key, NULL AS keys, NULL AS ms
    FROM call_session WHERE session = $session AND started IS NOT NULL
    UNION ALL BY NAME
    SELECT answered AS happened, 1 AS rank, 'answered' AS what, answer_ms AS ms
    FROM call_session WHERE session = $session AND answered IS NOT NULL
    UNION ALL BY NAME
    SELECT happened, 2 AS rank, 'resumed' AS what, dialogue AS place
    FROM session_resumed WHERE session = $session
    UNION ALL BY NAME
    SELECT happened, 3 AS rank, 'entered' AS what, dialogue AS place
    FROM dialogue_visit WHERE session = $session
    UNION ALL BY NAME
    SELECT happened, 10 + n AS rank, verb AS what, dialogue AS place, prompt, said AS told,
           heard AS outcome, key, keys, ms
    FROM call_step WHERE session = $session
    UNION ALL BY NAME
    SELECT happened, 4 AS rank, 'looked_up' AS what, source AS told, outcome, ms
    FROM lookup WHERE session = $session
    UNION ALL BY NAME
    SELECT happened, 5 AS rank, 'informed' AS what, leaf AS told,
           if(complete, 'whole', 'part') AS outcome, ms
    FROM information WHERE session = $session
    UNION ALL BY NAME
    SELECT happened, 6 AS rank, 'transferred' AS what, agent AS told, outcome,
           coalesce(ring_ms, 0) + coalesce(talk_ms, 0) AS ms
    FROM transfer WHERE session = $session
    UNION ALL BY NAME
    SELECT happened, 7 AS rank, 'recorded' AS what, reference AS told, kind AS outcome, ms
    FROM recording_saved WHERE session = $session
    UNION ALL BY NAME
    SELECT happened, 7 AS rank, 'talk_recorded' AS what, reference AS told, outcome, ms
    FROM talk_recording WHERE session = $session
    UNION ALL BY NAME
    SELECT happened, 7 AS rank, 'noted' AS what, subject AS told, agent AS outcome
    FROM call_note WHERE session = $session
    UNION ALL BY NAME
    SELECT happened, 8 AS rank, 'voted' AS what, choice::VARCHAR AS told
    FROM survey_vote WHERE session = $session
    UNION ALL BY NAME
    SELECT happened, 9 AS rank, 'refused' AS what, reason AS outcome
    FROM refusal WHERE session = $session
    UNION ALL BY NAME
    SELECT ended AS happened, 1000000 AS rank, 'ended' AS what, last_dialogue AS place,
           disposition AS outcome, cause::VARCHAR AS told, ms
    FROM call_session WHERE session = $session AND ended IS NOT NULL
)
SELECT local_time(happened) AS at, epoch_ms(happened) - min(epoch_ms(happened)) OVER () AS after_ms,
       what, place, prompt, told, outcome, key, keys, ms
FROM course ORDER BY happened, rank
