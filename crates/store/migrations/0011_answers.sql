-- The form of `data` in the answers that a key gets: object, or arrays for clients that read a list.
alter table api_keys add column answers text not null default 'object';
