-- One row, which is written to see whether the database can be written.
create table heartbeats (
    id bigint primary key not null,
    beaten bigint not null
);
