-- Work, no facts: see `yaoki_core::message`.
CREATE TABLE message (
    key {BYTES} PRIMARY KEY, member {INT}, channel {INT}, template {INT}, language {INT},
    purse {INT}, state {INT}, tries {INT}, next_at {INT}, created_at {INT}, admitted_at {INT},
    expires_at {INT}, confirmation {INT}, address_digest {BYTES}, prefix {TEXT}, address {TEXT},
    arguments {TEXT}
);
CREATE INDEX message_due ON message (channel, next_at) WHERE state = 0;
CREATE INDEX message_to_address ON message (address_digest, purse, admitted_at);
CREATE INDEX message_to_prefix ON message (prefix, purse, admitted_at);
CREATE INDEX message_by_channel ON message (channel, purse, admitted_at);
CREATE INDEX message_by_time ON message (created_at, key);
