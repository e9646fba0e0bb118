-- One text for SQLite and PostgreSQL. Ids are 17 bytes that sort by creation time (see ids.rs), times are microseconds
-- since 1970 in UTC, vectors are little-endian 32-bit floats. A file in this folder never changes once released.

create table accounts (
    id bytea primary key not null,
    name text not null unique,
    created bigint not null
);

create table api_keys (
    id bytea primary key not null,
    account_id bytea not null references accounts (id),
    hash bytea not null unique,
    name text not null,
    scopes text not null,
    test boolean not null,
    created bigint not null,
    expires bigint,
    revoked bigint
);

-- embedding_count is the position of the next embedding: embeddings are only ever appended, or deleted all together.
create table enrollments (
    id bytea primary key not null,
    account_id bytea not null references accounts (id),
    name text not null,
    embedding_count bigint not null,
    created bigint not null,
    updated bigint not null
);
create index enrollments_account on enrollments (account_id, id);
create index enrollments_name on enrollments (account_id, name, id);

create table embeddings (
    id bytea primary key not null,
    account_id bytea not null references accounts (id),
    enrollment_id bytea not null references enrollments (id),
    position bigint not null,
    model text not null,
    dimension bigint not null,
    quality text,
    image_key text,
    created bigint not null,
    vector bytea not null,
    unique (enrollment_id, position)
);

-- version grows with every change of what an identification in the collection would see.
create table collections (
    id bytea primary key not null,
    account_id bytea not null references accounts (id),
    name text not null,
    unknowns boolean not null,
    version bigint not null,
    created bigint not null,
    updated bigint not null
);
create index collections_account on collections (account_id, id);

create table members (
    collection_id bytea not null references collections (id),
    enrollment_id bytea not null references enrollments (id),
    account_id bytea not null references accounts (id),
    created bigint not null,
    primary key (collection_id, enrollment_id)
);
create index members_enrollment on members (enrollment_id, created, collection_id);

create table snapshots (
    id bytea primary key not null,
    account_id bytea not null references accounts (id),
    class text not null,
    score double precision not null,
    image_key text,
    created bigint not null
);

-- What remains of a deleted row, so that its id answers "deleted" and not "unknown". Holds no personal data.
create table tombstones (
    id bytea primary key not null,
    account_id bytea not null references accounts (id),
    kind text not null,
    deleted bigint not null
);
