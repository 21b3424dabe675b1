"""Fixtures of the trail's tests: the cluster for those that run on both kinds of database."""

from tests.support.postgres import cluster

__all__ = ["cluster"]
