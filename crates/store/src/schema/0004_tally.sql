CREATE TABLE tally (
    hour {INT}, store {INT}, kind {INT}, outcome {INT}, count {INT}, amount {INT},
    PRIMARY KEY (hour, store, kind, outcome)
) {CLUSTERED};

-- What was followed already: see `Tally` and `follow::counted`. The numbers are those of core: an
-- id is milliseconds since 2020, lane and sequence; kind 7 is a tombstone; effect 1 and 2 changed
-- nothing, 4 only released a hold.
INSERT INTO tally (hour, store, kind, outcome, count, amount)
SELECT
    ((o.id >> 22) + 1577836800000) / 3600000, t.store, o.kind,
    CASE WHEN o.refusal = 0 AND o.kind <> 7 THEN 0 ELSE 1 END,
    COUNT(*),
    CAST(SUM(CASE WHEN o.kind = 6 AND o.effect = 4 THEN 0 ELSE o.amount END) AS BIGINT)
FROM operation o
JOIN terminal t ON t.number = o.terminal
JOIN position p ON p.name = 'roll_up' AND p.lane = ((o.id >> 12) & 1023) AND o.seq <= p.seq
WHERE o.refusal <> 0 OR o.kind = 7 OR o.effect NOT IN (1, 2)
GROUP BY 1, 2, 3, 4;
