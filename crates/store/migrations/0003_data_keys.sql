-- The key under which the vectors of an account are sealed, itself sealed (wrapped) under a key of the server. Without its row,
-- the sealed vectors of the account are noise.
create table data_keys (
    account_id bytea primary key not null references accounts (id),
    wrapped bytea not null
);

-- Vectors that were stored before vectors were sealed, so that a start finds them: plain ones are whole 32-bit floats, sealed
-- ones have an odd length.
create index embeddings_plain on embeddings (id) where length(vector) % 4 = 0;
create index rejections_plain on rejections (id) where length(vector) % 4 = 0;
create index reembeddings_plain on reembeddings (embedding_id) where length(vector) % 4 = 0;
