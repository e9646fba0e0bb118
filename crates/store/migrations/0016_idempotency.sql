-- Requests that a client may send again under its own key: a row comes with the change that a request makes, and gets the
-- answer afterwards. The answer is sealed.
create table idempotency_keys (
    account_id bytea not null references accounts (id),
    key text not null,
    fingerprint bytea not null,
    created bigint not null,
    status bigint,
    answer bytea,
    primary key (account_id, key)
);
create index idempotency_created on idempotency_keys (created);
