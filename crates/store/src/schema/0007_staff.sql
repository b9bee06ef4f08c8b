ALTER TABLE store ADD COLUMN clerks {INT} DEFAULT 0;
CREATE TABLE operator (
    number {ROWID}, roles {INT}, state {INT}, sessions_since {INT}, name {TEXT}
);
CREATE TABLE operator_link (
    digest {BYTES} PRIMARY KEY, operator {INT}, made_by {INT}, expires_at {INT}, used {INT}
);
CREATE TABLE operator_passkey (
    lookup {BYTES} PRIMARY KEY, id {INT}, operator {INT}, made_by {INT}, counter {INT}, state {INT}, secret {BYTES}
);
CREATE TABLE proposal (
    id {ROWID}, kind {INT}, proposer {INT}, expires_at {INT}, state {INT}, decided_by {INT},
    digest {BYTES}, act {TEXT}, reason {TEXT}
);
CREATE INDEX proposal_live ON proposal (id) WHERE state < 2;
CREATE TABLE staff_session (
    id {ROWID}, operator {INT}, clerk {INT}, terminal {INT}, verified_at {INT}, ended {INT},
    key {BYTES}
);
CREATE TABLE clerk (
    number {ROWID}, store {INT}, tries {INT}, locked_until {INT}, sessions_since {INT}, last_id {INT},
    state {INT}, name {TEXT}, pin {BYTES}
);
CREATE INDEX clerk_of_store ON clerk (store);
