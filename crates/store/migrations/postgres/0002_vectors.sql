-- What is searched on PostgreSQL: a row for each embedding and collection that it is in, derived from embeddings and
-- members (see vectors.rs). pgvector's halfvec is a vector of 16-bit floats; these have length 1.

create extension if not exists vector;

create table vectors (
    collection_id bytea not null,
    enrollment_id bytea not null,
    embedding_id bytea not null references embeddings (id) on delete cascade,
    account_id bytea not null,
    model text not null,
    dimension bigint not null,
    vector halfvec not null,
    primary key (collection_id, enrollment_id, embedding_id),
    foreign key (collection_id, enrollment_id) references members (collection_id, enrollment_id) on delete cascade
);

-- In the row itself: a scan that fetches each vector from a table of its own takes six times as long.
alter table vectors alter column vector set storage plain;
create index vectors_space on vectors (collection_id, model, dimension);
create index vectors_embedding on vectors (embedding_id);

-- How far a vector engine beside the database has followed each collection (see cursors.rs). A row outlives its
-- collection, until the engine has forgotten that as well.
create table cursors (
    collection_id bytea not null,
    engine text not null,
    account_id bytea not null,
    version bigint not null,
    changed bigint not null,
    written bigint not null,
    primary key (collection_id, engine)
);
