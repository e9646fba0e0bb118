-- How many jobs run for an account is asked with every claim.
create index jobs_running on jobs (kind, account_id) where state = 'running';
