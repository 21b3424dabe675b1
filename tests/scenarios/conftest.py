"""What the scenario tests share."""

from tests.support.postgres import cluster, postgres_url

__all__ = ["cluster", "postgres_url"]
