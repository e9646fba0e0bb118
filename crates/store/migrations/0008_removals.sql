-- The version of the last change that took an embedding out of a collection. A copy of an older version may hold what is deleted.
alter table collections add column removed bigint not null default 0;
update collections set removed = version;
