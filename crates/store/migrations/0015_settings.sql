-- What an account has set for itself, as a JSON object; null is the server's defaults.
alter table accounts add column settings text;

-- For retention.
create index snapshots_created on snapshots (created);
create index tombstones_deleted on tombstones (deleted);
