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

-- embedding_count is the position of the next embedding: positions have no gaps. external_id is what the tenant's own system
-- calls the person, metadata a JSON object of the tenant's.
create table enrollments (
    id bytea primary key not null,
    account_id bytea not null references accounts (id),
    name text not null,
    external_id text,
    metadata text,
    embedding_count bigint not null,
    created bigint not null,
    updated bigint not null
);
create index enrollments_account on enrollments (account_id, id);
create index enrollments_name on enrollments (account_id, name, id);
create index enrollments_external on enrollments (account_id, external_id, id);

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

-- version grows by one with every change of what an identification in the collection would see; member_count counts the
-- rows of members.
create table collections (
    id bytea primary key not null,
    account_id bytea not null references accounts (id),
    name text not null,
    unknowns boolean not null,
    version bigint not null,
    member_count bigint not null,
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

-- Whose embeddings or membership changed with each version: a copy of the collection catches up by them. The oldest are
-- removed now and then.
create table changes (
    collection_id bytea not null references collections (id) on delete cascade,
    version bigint not null,
    account_id bytea not null references accounts (id),
    enrollment_id bytea not null,
    changed bigint not null,
    primary key (collection_id, version)
);

-- The newest classifier of each collection, in a form that the program knows, fitted to the embeddings of one model.
create table fits (
    collection_id bytea primary key not null references collections (id) on delete cascade,
    account_id bytea not null references accounts (id),
    model text not null,
    version bigint not null,
    outdated bigint not null,
    fitted bigint not null,
    data bytea not null
);

-- Probes that were not somebody, as users told.
create table rejections (
    id bytea primary key not null,
    account_id bytea not null references accounts (id),
    collection_id bytea not null references collections (id) on delete cascade,
    enrollment_id bytea not null references enrollments (id) on delete cascade,
    model text not null,
    created bigint not null,
    vector bytea not null
);
create index rejections_collection on rejections (collection_id, id);
create index rejections_enrollment on rejections (enrollment_id);

-- Vectors by another model that wait for the switch to it.
create table reembeddings (
    embedding_id bytea primary key not null references embeddings (id) on delete cascade,
    account_id bytea not null references accounts (id),
    model text not null,
    vector bytea not null
);

-- Work to be done later, at most one row for each subject. due is when it may begin; of a running one, when its worker
-- counts as lost. again: asked for anew while it was running.
create table jobs (
    kind text not null,
    subject bytea not null,
    account_id bytea not null references accounts (id),
    state text not null,
    again boolean not null,
    due bigint not null,
    attempts bigint not null,
    error text,
    primary key (kind, subject)
);
create index jobs_due on jobs (kind, due);

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
