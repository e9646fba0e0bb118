-- The id of this installation, by which a vector engine beside the database names what is of this database. One row.
create table installation (id text primary key not null);
insert into installation (id) values (left(replace(gen_random_uuid()::text, '-', ''), 16));
