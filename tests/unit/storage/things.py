"""A table that only these tests have."""

import sqlalchemy as sa

from codeyard.storage import Key, schema

things = sa.Table(
    "test_things",
    schema,
    sa.Column("id", Key(), primary_key=True),
    sa.Column("count", sa.BigInteger),
    sa.Column("raw", sa.LargeBinary),
)
