"""The servers beneath the product: an embedded PostgreSQL and Redis, and the processes of `make run`.

What must stay true: what is configured by DATABASE_URL or REDIS_URL is never started or stopped here;
every process started here ends with the command that started it, however that command ends.
"""
