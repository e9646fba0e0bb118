-- Files that are kept beside the database, in a folder or a bucket. kind says what a file is, id of which row. Files of before
-- this table are not sealed yet; a worker seals them.
create table blobs (
    account_id bytea not null references accounts (id),
    kind text not null,
    id bytea not null,
    sealed boolean not null,
    created bigint not null,
    expires bigint,
    primary key (account_id, kind, id)
);
create index blobs_expires on blobs (expires) where expires is not null;
create index blobs_plain on blobs (id) where not sealed;

insert into blobs (account_id, kind, id, sealed, created)
    select account_id, 'image', id, false, created from embeddings where image_key is not null;
alter table embeddings drop column image_key;
alter table snapshots drop column image_key;
