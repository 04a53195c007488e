"""Tables whose rows are history: the database itself refuses to change, replace or remove one."""

from collections.abc import Sequence

from alembic import op

_REFUSE_POSTGRESQL = """
CREATE FUNCTION refuse_change_of_{table}() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '{table} is append-only: {hint}'
USING ERRCODE = 'restrict_violation'; END $$
"""
_TRIGGER_POSTGRESQL = """
CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_{table}()
"""
_TRIGGER_SQLITE = """
CREATE TRIGGER {table}_no_{event} BEFORE {event} ON {table} {condition}
BEGIN SELECT RAISE(ABORT, '{table} is append-only: {hint}'); END
"""


def keep_history(table: str, unique: Sequence[str | tuple[str, ...]], *, hint: str) -> None:
    """Refuse every change of a row of `table` that is stored; to be called in a migration.

    `unique` are the columns that are unique, each by itself, or several together as a tuple. `hint`
    says what to do instead. On SQLite `INSERT OR REPLACE` removes the rows that it replaces without
    any delete trigger (unless the session asks for recursive ones), so an insert of a value that is
    there is refused too: what is stored must be read in the transaction that inserts.
    """
    if op.get_bind().dialect.name != "sqlite":
        op.execute(_REFUSE_POSTGRESQL.format(table=table, hint=hint))
        op.execute(_TRIGGER_POSTGRESQL.format(table=table))
        return
    stored = " OR ".join(
        f"EXISTS (SELECT 1 FROM {table} WHERE {_same(columns)})"  # noqa: S608
        for columns in unique
    )
    for event, condition in (("update", ""), ("delete", ""), ("insert", f"WHEN {stored}")):
        op.execute(_TRIGGER_SQLITE.format(table=table, event=event, condition=condition, hint=hint))


def _same(columns: str | tuple[str, ...]) -> str:
    together = (columns,) if isinstance(columns, str) else columns
    return " AND ".join(f"{column} = NEW.{column}" for column in together)
