CREATE TABLE operation (
    id {ROWID}, seq {INT}, terminal {INT}, member {INT}, amount {INT}, held_change {INT},
    epoch {INT}, payment {INT}, previous {INT}, expires_at {INT}, business_date {DAY}, kind {SMALL},
    refusal {SMALL}, effect {SMALL}, request_id {BYTES}, fingerprint {BYTES}
);
CREATE UNIQUE INDEX operation_by_request ON operation (request_id, terminal);
CREATE INDEX operation_of_payment ON operation (payment) WHERE payment <> 0 AND payment <> id;

CREATE TABLE transfer (
    id {ROWID}, member {INT}, debit {INT}, credit {INT}, amount {INT}, operation {INT}, seq {INT},
    kind {SMALL}
);

CREATE TABLE event (
    id {ROWID}, seq {INT}, kind {INT}, subject {INT}, object {INT}, number {INT},
    request_id {BYTES}, digest {BYTES}, actor {TEXT}, second {TEXT}, text {TEXT}
);
CREATE UNIQUE INDEX event_by_request ON event (request_id);

CREATE TABLE acknowledgement (
    operation {ROWID}, lane {INT}, seq {INT}
);

CREATE TABLE batch (
    lane {INT}, seq {INT}, at {INT}, first_id {INT}, last_id {INT}, facts {INT}, head {BYTES},
    PRIMARY KEY (lane, seq)
) {CLUSTERED};

CREATE TABLE lane (
    id {ROWID}, seq {INT}, head {BYTES}, last_at {INT}, last_id {INT}, holder {TEXT},
    generation {INT}
) {HOT};

CREATE TABLE member (
    number {ROWID}, state {INT}, money {INT}, points {INT}, held {INT}, device {INT},
    code_epoch {INT}, code_declines {INT}, last_epoch {INT}, last_payment {INT},
    last_store {INT}, last_id {INT}, last_operation {INT}, code_secret {BYTES}
) {HOT};

CREATE TABLE device (
    id {ROWID}, member {INT}, state {INT}, public_key {BYTES}
);
CREATE INDEX device_of_member ON device (member);

CREATE TABLE enrolment_link (
    digest {BYTES} PRIMARY KEY, member {INT}, expires_at {INT}, device {INT}
);

CREATE TABLE merchant (number {ROWID}, name {TEXT});
CREATE TABLE store (number {ROWID}, merchant {INT}, cutoff_minutes {INT}, name {TEXT});
CREATE TABLE terminal (
    number {ROWID}, store {INT}, suspended {INT}, generation {INT}, previous_until {INT},
    name {TEXT}
);

CREATE TABLE switch (
    capability {INT}, scope {INT}, subject {INT}, closed_at {INT}, lapses_at {INT}, actor {TEXT},
    reason {TEXT}, PRIMARY KEY (capability, scope, subject)
) {CLUSTERED};

CREATE TABLE payment_state (
    payment {ROWID}, member {INT}, status {INT}, held {INT}, captured {INT}, refunded {INT},
    expires_at {INT}
) {HOT};
CREATE INDEX payment_state_lapsing ON payment_state (expires_at) WHERE held > 0;

CREATE TABLE switchboard (id {ROWID}, version {INT}) {HOT};
INSERT INTO switchboard (id, version) VALUES (1, 1);

CREATE TABLE balance (
    account {INT}, day {INT}, amount {INT}, PRIMARY KEY (account, day)
) {CLUSTERED};
CREATE TABLE position (
    name {TEXT}, lane {INT}, seq {INT}, PRIMARY KEY (name, lane)
) {CLUSTERED};
CREATE TABLE ledger_list (
    account {INT}, operation {INT}, PRIMARY KEY (account, operation)
) {CLUSTERED};

CREATE TABLE book (
    id {ROWID}, kind {INT}, currency {TEXT}, zone {TEXT}, created_at {INT},
    code_generation {INT}, closed {INT}
);
