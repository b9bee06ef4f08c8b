ALTER TABLE device ADD COLUMN way {INT} DEFAULT 0;
ALTER TABLE device ADD COLUMN label {TEXT} DEFAULT '';
ALTER TABLE device ADD COLUMN session {INT} DEFAULT 0;
ALTER TABLE device ADD COLUMN verified_at {INT} DEFAULT 0;
ALTER TABLE device ADD COLUMN evidence {INT} DEFAULT 1;
ALTER TABLE device ADD COLUMN pays_since {INT} DEFAULT 0;
ALTER TABLE device ADD COLUMN pays_from {INT} DEFAULT 0;
ALTER TABLE device ADD COLUMN counts_from {INT} DEFAULT 0;
-- What the events of devices that were enrolled by a link say of them.
UPDATE device SET label = (SELECT text FROM event WHERE event.id = device.id),
    session = CASE WHEN state = 1 THEN 0 ELSE id END,
    pays_since = (id / 4194304) + 1577836800000, counts_from = (id / 4194304) + 1577836800000;
ALTER TABLE enrolment_link ADD COLUMN inviter {INT} DEFAULT 0;

CREATE TABLE credential (
    id {ROWID}, member {INT}, kind {INT}, state {INT}, used {INT}, lookup {BYTES}, secret {BYTES},
    label {TEXT}
);
CREATE INDEX credential_of_member ON credential (member);
-- One passkey, one external id is one wallet's.
CREATE UNIQUE INDEX credential_by_lookup ON credential (lookup)
    WHERE state = 0 AND length(lookup) > 0;

CREATE TABLE contact (
    digest {BYTES} PRIMARY KEY, member {INT}, channel {INT}, language {INT}, state {INT},
    since {INT}, ended_at {INT}, returned_at {INT}, address {TEXT}
);
CREATE INDEX contact_of_member ON contact (member);

CREATE TABLE recovery (
    id {ROWID}, member {INT}, state {INT}, proofs {INT}, contested {INT}, token {BYTES},
    binding {BYTES}
);
CREATE INDEX recovery_of_member ON recovery (member);

CREATE TABLE consent (member {ROWID}, terms {INT}, event {INT});

CREATE TABLE payment_proof (payment {ROWID}, member {INT}, device {INT}, proof {BYTES});

-- Work, no facts.
CREATE TABLE challenge (
    id {BYTES} PRIMARY KEY, purpose {INT}, member {INT}, channel {INT}, language {INT},
    tries {INT}, state {INT}, expires_at {INT}, contact {BYTES}, code {BYTES}, message {BYTES},
    address {TEXT}
);
CREATE INDEX challenge_over ON challenge (expires_at);
CREATE TABLE device_seen (device {ROWID}, at {INT}, network {TEXT});
