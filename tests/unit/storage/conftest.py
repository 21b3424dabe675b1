"""What the storage tests share."""

from tests.support.postgres import cluster, database_url, db, postgres_url

__all__ = ["cluster", "database_url", "db", "postgres_url"]
