"""Opening the database of lineage, and its transactions.

Writers wait for each other: in SQLite by taking the write lock at the transaction's start (a read lock that is raised
later fails at once when another writer was faster), on a server by locking the one row of MLMDEnv.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, MetaData, create_engine, event, insert, inspect, make_url, select
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from pipeline.lineage import tables
from pipeline.lineage.indexes import index_statements
from pipeline.lineage.types import KNOWN_TYPES, Type, add_types, read_types
from schemas.errors import ConfigError, TrainworksError

_WRITES = "trainworks_writes"
_MYSQL = ("mysql", "mariadb")
_BACKENDS = ("sqlite", "postgresql", *_MYSQL)


def open_database(url_or_path: str | Path, lock_timeout: float) -> tuple[Engine, dict[Type, int]]:
    """An engine on a database of schema version 10, made when absent, and the ids of its types.

    Args:
        url_or_path: path of a SQLite file, or an SQLAlchemy URL.
        lock_timeout: seconds to wait for another process's transaction.

    Raises:
        ConfigError: the database is locked, unreadable or of another schema version.
    """
    url = _url(url_or_path)
    engine = _sqlite(url, lock_timeout) if url.get_backend_name() == "sqlite" else _server(url)
    try:
        with _explained(engine):
            with engine.connect() as connection:
                made = _has_schema(connection)
            if not made:
                _create(engine, lock_timeout)
            _check_version(engine)
            return engine, _known_types(engine)
    except TrainworksError as error:
        engine.dispose()
        raise ConfigError(str(error)) from error.__cause__
    except BaseException:
        engine.dispose()
        raise


def whereabouts(url_or_path: str | Path) -> str:
    """Which database a path or URL means, without the user, the password and the driver that get there.

    Raises:
        ConfigError: it is neither a path nor the URL of a database that lineage can be in.
    """
    url = _url(url_or_path)
    backend, database = url.get_backend_name(), url.database
    if backend == "sqlite":
        database = os.path.abspath(database or "")  # noqa: PTH100 (Path.absolute keeps `..`)
    return URL.create(backend, host=url.host, port=url.port, database=database).render_as_string()


def is_absent(url_or_path: str | Path) -> bool:
    """Whether it is a SQLite database whose file is not there; a server is not asked."""
    if isinstance(url_or_path, str) and "://" in url_or_path:
        url = _url(url_or_path)
        return url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file()
    return not Path(url_or_path).is_file()


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that only reads: one state of the database, whatever others write meanwhile."""
    with _explained(engine), engine.connect() as connection:
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes, one at a time over all processes; rolled back on any error."""
    with _explained(engine), engine.execution_options(**{_WRITES: True}).begin() as connection:
        if engine.dialect.name != "sqlite":
            connection.execute(select(tables.environment).with_for_update())
        yield connection


def add_tables(engine: Engine, metadata: MetaData) -> None:
    """Makes tables of our own beside those of ML Metadata, whose client ignores them; those that stand are left."""
    with _explained(engine):
        with engine.connect() as connection:
            present = set(inspect(connection).get_table_names())
        if present.issuperset(metadata.tables):
            return
        with engine.execution_options(**{_WRITES: True}).connect() as connection, _alone(connection):
            metadata.create_all(connection)
            connection.commit()


def _url(url_or_path: str | Path) -> URL:
    if isinstance(url_or_path, Path) or "://" not in url_or_path:
        path = Path(os.path.abspath(url_or_path))  # noqa: PTH100 (Path.absolute keeps `..`)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"The lineage database {path} needs a folder that can be made. Received: {error.strerror}"
            ) from error
        return URL.create("sqlite", database=str(path))
    try:
        url = make_url(url_or_path)
    except (ArgumentError, ValueError):
        raise ConfigError(
            "The lineage database must be a path, or a URL such as `postgresql+psycopg://user@host/name`. "
            f"Received: {url_or_path.partition('://')[0]}://..."  # the rest may hold a password anywhere
        ) from None
    if url.get_backend_name() not in _BACKENDS:
        raise _unknown(url)
    return url


def _sqlite(url: URL, lock_timeout: float) -> Engine:
    engine = create_engine(url, connect_args={"timeout": lock_timeout})

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, record: object) -> None:
        connection.isolation_level = None  # transactions begin as `begin` says, not as the driver guesses
        # In WAL mode this loses nothing when a process is killed; the last transactions may go with the power.
        connection.execute("PRAGMA synchronous = NORMAL").close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        immediate = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    return engine


def _server(url: URL) -> Engine:
    try:
        return create_engine(url, isolation_level="READ COMMITTED", pool_pre_ping=True)
    except NoSuchModuleError as error:
        raise _unknown(url) from error
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"A lineage database of `{url.drivername}` needs the Python package `{error.name}`: install it with pip."
        ) from error


def _unknown(url: URL) -> ConfigError:
    return ConfigError(f"The lineage database must be SQLite, PostgreSQL or MySQL. Received: {url.drivername}://...")


def _keeps_parts(connection: Connection) -> bool:
    """Whether an attempt to make the schema that was cut off may have left a part: MySQL's DDL is not transactional."""
    return connection.dialect.name in _MYSQL


def _has_schema(connection: Connection) -> bool:
    name = tables.environment.name
    folded = name.lower() if connection.dialect.name == "postgresql" else name
    if not inspect(connection).has_table(folded):
        return False
    # The version is what is written last.
    return not _keeps_parts(connection) or connection.scalar(select(tables.environment).limit(1)) is not None


def _create(engine: Engine, lock_timeout: float) -> None:
    """Makes the schema, unless another process has made it meanwhile."""
    if engine.dialect.name == "sqlite":
        _set_wal(engine, lock_timeout)
    with engine.execution_options(**{_WRITES: True}).connect() as connection, _alone(connection):
        if _has_schema(connection):
            return
        checkfirst = _keeps_parts(connection)
        tables.metadata.create_all(connection, checkfirst=checkfirst)
        _add_indexes(connection, checkfirst=checkfirst)
        add_types(connection, KNOWN_TYPES)
        connection.execute(insert(tables.environment).values(schema_version=tables.SCHEMA_VERSION))
        connection.commit()


@contextmanager
def _alone(connection: Connection) -> Iterator[None]:
    """Keeps others from making the schema at the same time; SQLite's transaction does so by itself."""
    dialect = connection.dialect.name
    if dialect == "postgresql":
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('trainworks'))")
    if dialect in _MYSQL:  # a lock of the session, since each statement of DDL ends the transaction
        connection.exec_driver_sql("SELECT GET_LOCK('trainworks', 60)")
    try:
        yield
    finally:
        if dialect in _MYSQL:
            connection.rollback()
            connection.exec_driver_sql("SELECT RELEASE_LOCK('trainworks')")


def _add_indexes(connection: Connection, *, checkfirst: bool) -> None:
    present: set[str | None] = set()
    if checkfirst:
        found = inspect(connection).get_multi_indexes().values()
        present = {index["name"] for indexes in found for index in indexes}
    for name, statement in index_statements(connection.dialect.name).items():
        if name not in present:
            connection.exec_driver_sql(statement)


def _set_wal(engine: Engine, lock_timeout: float) -> None:
    """Write-ahead logging: readers and a writer do not wait for each other. It stays with the file.

    Where another process is about to write, SQLite says so at once instead of waiting.
    """
    import tenacity

    again = tenacity.Retrying(
        retry=tenacity.retry_if_exception(_is_busy),
        stop=tenacity.stop_after_delay(lock_timeout),
        wait=tenacity.wait_random(0.01, 0.05),
        reraise=True,
    )
    with closing(engine.raw_connection()) as connection:
        again(connection.cursor().execute, "PRAGMA journal_mode = WAL")


def _is_busy(error: BaseException) -> bool:
    """Of result codes, the low byte is the primary one: https://www.sqlite.org/rescode.html."""
    return isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY


def _check_version(engine: Engine) -> None:
    with engine.connect() as connection:
        found = list(connection.execute(select(tables.environment.c.schema_version)).scalars())
    if found != [tables.SCHEMA_VERSION]:
        raise ConfigError(
            f"The lineage database {_name(engine)} must be of ML Metadata's schema version {tables.SCHEMA_VERSION}. "
            f"Received: {', '.join(map(str, found)) or 'none'}. Upgrade it with ML Metadata's client, or name another."
        )


def _known_types(engine: Engine) -> dict[Type, int]:
    with engine.connect() as connection:
        ids = read_types(connection)
    if all(known in ids for known in KNOWN_TYPES):
        return ids
    with writing(engine) as connection:  # the client made this database
        return add_types(connection, KNOWN_TYPES)


@contextmanager
def _explained(engine: Engine) -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        raise TrainworksError(f"The lineage database {_name(engine)} {_reason(error)}") from error
    except sqlite3.Error as error:  # from a listener, before SQLAlchemy knows the connection
        raise TrainworksError(f"The lineage database {_name(engine)} cannot be opened: {error}.") from error


def _name(engine: Engine) -> str:
    url = engine.url
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return url.set(query={}).render_as_string(hide_password=True)  # a query may hold a password, too


_REASONS = {
    "locked": "is locked by another process: wait until that one is done, or end it.",
    "not a database": "is not a SQLite database: name another file, or move this one away.",
    "malformed": "is damaged: restore it from a copy, or move it away (cached steps then run again).",
    "unable to open": "cannot be opened: it must be a file that this user may read and write.",
    "readonly": "cannot be written: this user needs the right to write the file and its folder.",
    "is full": "cannot grow, since the disk is full: make room and run again (finished steps are kept).",
}


def _reason(error: DBAPIError) -> str:
    text = str(error.orig).strip()
    return next((reason for sign, reason in _REASONS.items() if sign in text), f"cannot be used: {text}")
