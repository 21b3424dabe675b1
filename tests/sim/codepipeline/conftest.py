"""What the simulations share: a throw-away PostgreSQL cluster."""

from tests.support.postgres import cluster, postgres_url

__all__ = ["cluster", "postgres_url"]
