-- name: backend_pid
-- The session that runs this; through a pooler it is not the one that the connection was told of.
select pg_backend_pid();
