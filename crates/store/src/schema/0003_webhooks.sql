CREATE TABLE webhook (
    number {ROWID}, merchant {INT}, state {INT}, generation {INT}, previous_until {INT}, url {TEXT}
);
