-- The facts of one day of a hotline, from a seed: `SET VARIABLE seed`, `day`, `calls`, `node` first.
-- Callers come in the morning and the early afternoon; two in five ask for a balance, one in five
-- for a loan; one in eight wants an agent; one in eight hangs up without having been served.
CREATE OR REPLACE MACRO chance(call, salt) AS
    (hash(call, salt, getvariable('seed')) % 1000003) / 1000003.0;

CREATE OR REPLACE MACRO token(purpose, number) AS
    md5(concat(purpose, number, getvariable('seed')));

CREATE OR REPLACE MACRO event(call, salt) AS
    md5(concat(call, '/', salt, '/', getvariable('seed'), getvariable('node')))::UUID;

CREATE OR REPLACE TEMP TABLE traffic_call AS
WITH hourly AS (
    SELECT generate_subscripts(weights, 1) - 1 AS hour, unnest(weights) AS weight
    FROM (SELECT [2, 1, 1, 1, 1, 2, 5, 15, 60, 110, 110, 80, 40, 50, 90, 90, 80, 60, 30, 20, 20,
                  15, 10, 5] AS weights)
), reached AS (
    SELECT hour, sum(weight) OVER (ORDER BY hour) / sum(weight) OVER () AS upper,
           (sum(weight) OVER (ORDER BY hour) - weight) / sum(weight) OVER () AS lower
    FROM hourly
), numbered AS (
    SELECT concat(getvariable('day'), '-', i) AS call,
           chance(concat(getvariable('day'), i), 'hour') AS moment
    FROM range(getvariable('calls')) AS calls(i)
), placed AS (
    SELECT call, hour + (moment - lower) / (upper - lower) AS hours
    FROM numbered JOIN reached ON moment >= lower AND moment < upper
), typed AS (
    SELECT call, chance(call, 'kind') AS kind_chance,
           getvariable('day')::TIMESTAMP - INTERVAL 8 HOUR
               + to_microseconds((hours * 3600e6)::BIGINT) AS started
    FROM placed
)
SELECT call, md5(concat(call, getvariable('seed'), getvariable('node'))) AS session, started,
       CASE WHEN kind_chance < 0.40 THEN 'balance' WHEN kind_chance < 0.60 THEN 'loan'
            WHEN kind_chance < 0.72 THEN 'information' WHEN kind_chance < 0.845 THEN 'agent'
            WHEN kind_chance < 0.875 THEN 'feedback' ELSE 'lost' END AS kind,
       -- Most people call once a month; some call every day.
       token('caller', (pow(chance(call, 'caller'), 1.3) * 400000)::INTEGER) AS caller,
       token('person', (pow(chance(call, 'person'), 1.3) * 500000)::INTEGER) AS person,
       if(kind = 'lost', 1 + (chance(call, 'steps') * 2)::INTEGER,
          5 + (chance(call, 'steps') * 11)::INTEGER) AS steps,
       3000 + (chance(call, 'pace') * 5000)::INTEGER AS step_ms
FROM typed;

CREATE OR REPLACE TEMP TABLE traffic AS
WITH place AS (
    SELECT *, started + to_milliseconds(steps * step_ms + 500) AS ended,
           MAP {'balance': 'account', 'loan': 'loan', 'information': 'information', 'agent': 'agent',
            'feedback': 'feedback', 'lost': 'main'}[kind] AS place
    FROM traffic_call
), step AS (
    SELECT *, unnest(range(1, steps + 1)) AS n FROM place
), said AS (
    SELECT *, CASE WHEN n = 1 OR kind = 'lost' THEN 'main.menu' WHEN n = 2 THEN place || '.menu'
                   WHEN n = 3 AND kind IN ('balance', 'loan', 'feedback') THEN 'identity.ask'
                   WHEN n % 3 = 1 THEN place || '.readout' ELSE place || '.menu' END AS prompt,
           chance(call, concat('heard', n)) AS luck
    FROM step
)
SELECT event(call, 'started') AS id, started AS "at", 'SessionStarted' AS fact, session,
       session AS channel, '12329' AS dialled, caller, 'v1' AS catalog
FROM place
UNION ALL BY NAME
SELECT event(call, 'answered') AS id, started + INTERVAL 200 MILLISECOND AS "at",
       'SessionAnswered' AS fact, session, 200 AS after_ms
FROM place
UNION ALL BY NAME
SELECT event(call, 'main') AS id, started + INTERVAL 300 MILLISECOND AS "at",
       'DialogueEntered' AS fact, session, 'main' AS dialogue
FROM place
UNION ALL BY NAME
SELECT event(call, 'place') AS id, started + to_milliseconds(step_ms + 600) AS "at",
       'DialogueEntered' AS fact, session, place AS dialogue
FROM place WHERE kind <> 'lost'
UNION ALL BY NAME
SELECT event(call, n) AS id, started + to_milliseconds(n * step_ms + 400) AS "at", 'Step' AS fact,
       session, n, split_part(prompt, '.', 1) AS dialogue,
       CASE WHEN prompt = 'identity.ask' THEN 'collect' WHEN prompt LIKE '%.menu' THEN 'menu'
            ELSE 'say' END AS verb,
       prompt,
       CASE WHEN kind = 'lost' THEN 'no_input' WHEN luck < 0.90 THEN 'match'
            WHEN luck < 0.95 THEN 'no_match' ELSE 'no_input' END AS heard,
       if(verb = 'menu' AND heard = 'match', (1 + luck * 6)::INTEGER::VARCHAR, NULL) AS key,
       if(verb = 'collect', 18, (heard = 'match')::INTEGER) AS keys,
       luck < 0.4 AS interrupted, step_ms AS ms
FROM said
UNION ALL BY NAME
SELECT event(call, 'looked up') AS id, started + to_milliseconds(3 * step_ms + 450) AS "at",
       'LookedUp' AS fact, session, if(kind = 'loan', 'loan', 'fund') AS source, person,
       CASE WHEN chance(call, 'outcome') < 0.9 THEN 'found' WHEN chance(call, 'outcome') < 0.97
            THEN 'not_found' ELSE 'several' END AS outcome,
       (4 + pow(chance(call, 'latency'), 6) * 400)::INTEGER AS ms
FROM place WHERE kind IN ('balance', 'loan')
UNION ALL BY NAME
SELECT event(call, 'informed') AS id, started + to_milliseconds(4 * step_ms) AS "at",
       'Informed' AS fact, session,
       concat(3 + (chance(call, 'leaf') * 2)::INTEGER, '.', 1 + (chance(call, 'branch') * 2)::INTEGER)
           AS leaf,
       chance(call, 'complete') < 0.6 AS complete, 2 * step_ms AS ms
FROM place WHERE kind = 'information'
UNION ALL BY NAME
SELECT event(call, 'transferred') AS id, ended - INTERVAL 100 MILLISECOND AS "at",
       'Transferred' AS fact, session,
       CASE WHEN chance(call, 'taken') < 0.78 THEN 'answered' WHEN chance(call, 'taken') < 0.9
            THEN 'abandoned' WHEN chance(call, 'taken') < 0.96 THEN 'busy' ELSE 'no_answer' END
           AS outcome,
       if(outcome = 'answered', '坐席' || (1 + (chance(call, 'agent') * 19)::INTEGER), NULL) AS agent,
       (pow(chance(call, 'ring'), 2) * 40000)::INTEGER AS ring_ms,
       if(outcome = 'answered', (60 + chance(call, 'talk') * 200)::INTEGER * 1000, 0) AS talk_ms
FROM place WHERE kind = 'agent'
UNION ALL BY NAME
SELECT event(call, 'voted') AS id, ended - INTERVAL 100 MILLISECOND AS "at", 'Voted' AS fact,
       session, person, 1 + (pow(chance(call, 'grade'), 3) * 4)::INTEGER AS choice
FROM place WHERE kind = 'feedback' AND chance(call, 'feedback') < 0.8
UNION ALL BY NAME
SELECT event(call, 'recorded') AS id, ended - INTERVAL 100 MILLISECOND AS "at", 'Recorded' AS fact,
       session, person, if(chance(call, 'tone') < 0.7, 'complaint', 'suggestion') AS kind,
       'recordings/' || session || '.wav' AS path, 40000 AS ms, 640000 AS bytes,
       md5(session) AS sha256, call AS reference, 'new' AS state
FROM place WHERE kind = 'feedback' AND chance(call, 'feedback') >= 0.8
UNION ALL BY NAME
SELECT event(call, 'ended') AS id, ended AS "at", 'SessionEnded' AS fact, session,
       if(kind <> 'lost' AND chance(call, 'polite') < 0.3, 'completed', 'hung_up') AS disposition,
       place AS dialogue, 16 AS cause, steps * step_ms + 500 AS ms
FROM place;
