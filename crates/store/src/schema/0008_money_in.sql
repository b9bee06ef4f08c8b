ALTER TABLE member ADD COLUMN paid_day {INT} DEFAULT 0;
ALTER TABLE member ADD COLUMN paid_day_oldest {INT} DEFAULT 0;
ALTER TABLE member ADD COLUMN paid_month {INT} DEFAULT 0;
ALTER TABLE member ADD COLUMN paid_month_oldest {INT} DEFAULT 0;
ALTER TABLE member ADD COLUMN device_since {INT} DEFAULT 0;
ALTER TABLE member ADD COLUMN device_evidence {INT} DEFAULT 0;
ALTER TABLE member ADD COLUMN confirmed_at {INT} DEFAULT 0;
ALTER TABLE member ADD COLUMN verification {INT} DEFAULT 0;
ALTER TABLE store ADD COLUMN cash_allotted {INT} DEFAULT 0;
ALTER TABLE store ADD COLUMN cash_taken {INT} DEFAULT 0;
ALTER TABLE clerk ADD COLUMN shift {INT} DEFAULT 0;
ALTER TABLE clerk ADD COLUMN cash {INT} DEFAULT 0;
ALTER TABLE clerk ADD COLUMN cash_since {INT} DEFAULT 0;
CREATE TABLE shift (
    id {ROWID}, clerk {INT}, terminal {INT}, float {INT}, allotted {INT}, cash {INT}, count {INT},
    counted {INT}, closed {INT}
);
CREATE INDEX shift_of_terminal ON shift (terminal, id);
CREATE TABLE card (
    id {ROWID}, member {INT}, state {INT}, device {INT}, trusted {INT}, place {INT},
    fingerprint {BYTES}, token {TEXT}, label {TEXT}
);
CREATE INDEX card_of_member ON card (member);
CREATE INDEX card_by_fingerprint ON card (fingerprint) WHERE state IN (0, 2);
-- One card is in as many wallets as there are places.
CREATE UNIQUE INDEX card_place ON card (fingerprint, place) WHERE state = 0;
CREATE TABLE top_up (
    id {ROWID}, member {INT}, rail {INT}, state {INT}, amount {INT}, device {INT}, card {INT},
    terminal {INT}, secured {INT}, challenge {INT}, reason {INT}, changed_at {INT}, posted {INT},
    disputed {INT}, held_until {INT}, judged {INT}, network {BYTES}, reference {TEXT}
);
-- Who else topped up from a network.
CREATE INDEX top_up_of_network ON top_up (network, id) WHERE rail = 1;
CREATE INDEX top_up_of_member ON top_up (member, id);
-- What the acquirer is still asked about.
CREATE INDEX top_up_open ON top_up (id) WHERE state IN (1, 2, 5, 6, 9);
CREATE UNIQUE INDEX top_up_by_reference ON top_up (reference) WHERE reference <> '';
CREATE INDEX event_policy ON event (id) WHERE kind = 72;
-- How a member's devices, cards and top-ups stood at any time: dry runs fold it.
CREATE INDEX event_of_standing ON event (subject, id)
    WHERE kind IN (9, 10, 11, 13, 14, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 44, 80, 81, 82, 83,
    84, 85, 86, 87, 88, 89, 90, 91, 92);
-- What was there before: every payment of a member is counted, which is never less than the truth;
-- windows are trimmed when it matters.
UPDATE member SET
    paid_day = s.total, paid_day_oldest = s.first, paid_month = s.total, paid_month_oldest = s.first
FROM (
    SELECT member AS number,
        MIN(CASE WHEN kind IN (1, 2) THEN id END) AS first,
        SUM(CASE
            WHEN kind = 1 THEN amount
            WHEN kind = 3 THEN amount + held_change
            WHEN kind IN (2, 4, 8) OR (kind = 6 AND effect = 4) THEN held_change
            WHEN kind = 6 THEN -amount
            ELSE 0 END) AS total
    FROM operation
    WHERE refusal = 0 AND member <> 0 AND kind IN (1, 2, 3, 4, 6, 8) AND effect NOT IN (1, 2)
    GROUP BY member
) AS s WHERE s.number = member.number;
UPDATE member SET device_since = d.counts_from, device_evidence = d.evidence
FROM device AS d WHERE d.id = member.device;
-- When the user of the paying device was verified last, since it pays: as the member's row folds it.
UPDATE member SET confirmed_at = c.verified / 4194304 + 1577836800000
FROM (
    SELECT m.number,
        MAX(CASE WHEN e.kind = 31 OR (e.kind = 29 AND e.number IN (1, 3)) THEN e.id ELSE 0 END)
            AS verified,
        MAX(CASE WHEN e.kind IN (13, 30, 34, 37) THEN e.id ELSE 0 END) AS began
    FROM event AS e JOIN member AS m ON m.number = e.subject
    WHERE e.kind IN (13, 34) OR (e.kind IN (29, 30, 31, 37) AND e.object = m.device)
    GROUP BY m.number
) AS c WHERE c.number = member.number AND c.verified > c.began;
