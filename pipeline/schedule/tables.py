"""Three tables beside those of ML Metadata: what is scheduled, what is due, and who is at work.

Times are milliseconds since the epoch. A trigger is one reason to run a pipeline once: a fire time or a request. Its
key is unique for its pipeline and kind, so two daemons that see the same fire time make one row. What looks for a
pipeline's drift stands here as a pipeline of its own, `<pipeline>/monitor`.
"""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, MetaData, String, Table, Text, UniqueConstraint

metadata = MetaData()

schedule = Table(
    "trainworks_schedule",
    metadata,
    Column("pipeline", String(120), primary_key=True),
    Column("file", Text, nullable=False),
    Column("starts", Text, nullable=False),
    Column("zone", String(100), nullable=False),
    Column("paused", Boolean, nullable=False, default=False),
    Column("watched_until", BigInteger, nullable=False),
    Column("next_fire", BigInteger),
)

trigger = Table(
    "trainworks_trigger",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("pipeline", String(120), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("unique_key", String(64), nullable=False),
    Column("due", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("state", String(20), nullable=False),
    Column("token", Integer),
    Column("starts", Integer, nullable=False, default=0),
    Column("started", BigInteger),
    Column("finished", BigInteger),
    Column("outcome", String(20)),
    Column("run_id", String(100)),
    Column("detail", Text),
    UniqueConstraint("pipeline", "kind", "unique_key"),
    sqlite_autoincrement=True,
)
Index("idx_trainworks_trigger_state", trigger.c.pipeline, trigger.c.state)

lease = Table(
    "trainworks_lease",
    metadata,
    Column("pipeline", String(120), primary_key=True),
    Column("owner", Text, nullable=False),
    Column("token", Integer, nullable=False),
    Column("heartbeat", Integer, nullable=False),
    Column("length", BigInteger, nullable=False),
    Column("held", Boolean, nullable=False),
)
