"""Inserting rows that have an id."""

import time

from sqlalchemy import Connection, Table, insert


def now() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def add_row(connection: Connection, table: Table, **values: object) -> int:
    """Inserts a row into a table whose key is `id`; returns that."""
    key = connection.execute(insert(table).values(values)).inserted_primary_key
    assert key is not None
    return int(key[0])


def add_node(connection: Connection, table: Table, **values: object) -> int:
    """Inserts an artifact, an execution or a context, born now; returns its id."""
    time_ = now()
    return add_row(connection, table, create_time_since_epoch=time_, last_update_time_since_epoch=time_, **values)
