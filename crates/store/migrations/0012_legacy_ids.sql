-- The id that another server gave to the same thing, which clients may use like its own id. Unique in the account.
alter table enrollments add column legacy_id text;
create unique index enrollments_legacy on enrollments (account_id, legacy_id);
alter table collections add column legacy_id text;
create unique index collections_legacy on collections (account_id, legacy_id);
