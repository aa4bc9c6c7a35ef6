"""Inserting rows that have an id."""

import time
from functools import cache

from sqlalchemy import Connection, Insert, Table, insert


def now() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


@cache
def insertion(table: Table) -> Insert:
    """The statement that inserts into a table. SQLAlchemy is quick with a statement it has seen, slow to make one."""
    return insert(table)


def add_row(connection: Connection, table: Table, **values: object) -> int:
    """Inserts a row into a table whose key is `id`; returns that."""
    key = connection.execute(insertion(table), values).inserted_primary_key
    assert key is not None
    return int(key[0])


def add_node(connection: Connection, table: Table, **values: object) -> int:
    """Inserts an artifact, an execution or a context, born now; returns its id."""
    time_ = now()
    return add_row(connection, table, create_time_since_epoch=time_, last_update_time_since_epoch=time_, **values)
