"""What a table of PostgreSQL has that goes over to the partitioned one in its place.

Indexes, triggers of statements and rights do. What cannot, or would go on with the old part alone
without a word (a view, a publication), is told before anything changes. Names come quoted from the
server, which knows how.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, text

_INDEXES = text("""
    SELECT i.indexrelid::regclass::text AS name, pg_get_indexdef(i.indexrelid) AS definition,
        quote_ident(c.conname) AS key, pg_get_constraintdef(c.oid) AS key_definition
    FROM pg_index i
    LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid AND c.contype IN ('p', 'u')
    WHERE i.indrelid = to_regclass(:table) AND i.indisvalid
    ORDER BY i.indisprimary DESC, name
""")
_TRIGGERS = text("""
    SELECT pg_get_triggerdef(oid) FROM pg_trigger
    WHERE tgrelid = to_regclass(:table) AND NOT tgisinternal AND tgtype & 1 = 0
""")
_RIGHTS = text("""
    WITH one AS (SELECT oid, relowner, relacl FROM pg_class WHERE oid = to_regclass(:table)),
    granted AS (
        SELECT relowner, '' AS of, a.* FROM one, aclexplode(relacl) a
        UNION ALL
        SELECT relowner, format(' (%I)', attname), a.*
        FROM one JOIN pg_attribute ON attrelid = oid, aclexplode(attacl) a)
    SELECT privilege_type AS privilege, privilege_type || of AS what,
        CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END
        || CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END AS whom,
        CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END AS grantee
    FROM granted WHERE grantee <> relowner
""")
_OWNER = text("SELECT relowner::regrole::text FROM pg_class WHERE oid = to_regclass(:table)")
_STAYS = text("""
    WITH one AS (SELECT oid FROM pg_class WHERE oid = to_regclass(:table) AND relkind = 'r')
    SELECT format('the unique index or constraint %s', indexrelid::regclass) AS what
    FROM one JOIN pg_index ON indrelid = oid
    WHERE indisvalid AND (indisexclusion OR indisunique AND NOT EXISTS (
        SELECT FROM pg_attribute WHERE attrelid = indrelid AND attname = :column
        AND attnum = ANY ((indkey::int2[])[0:indnkeyatts - 1])))
    UNION SELECT format('the constraint %I of %s', conname, conrelid::regclass)
    FROM one JOIN pg_constraint c ON one.oid IN (conrelid, confrelid)
    WHERE contype = 'f' OR contype = 'c' AND conname <> :range
        AND (connoinherit OR NOT convalidated)
    UNION SELECT format('the trigger %I for each row', tgname)
    FROM one JOIN pg_trigger ON tgrelid = one.oid WHERE NOT tgisinternal AND tgtype & 1 = 1
    UNION SELECT CASE ev_class WHEN one.oid THEN format('the rule %I', rulename)
        ELSE format('the view %s', ev_class::regclass) END
    FROM one JOIN pg_depend ON refobjid = one.oid AND classid = 'pg_rewrite'::regclass
    JOIN pg_rewrite r ON r.oid = objid
    UNION SELECT format('the publication %I', pubname)
    FROM one JOIN pg_publication_rel ON prrelid = one.oid JOIN pg_publication p ON p.oid = prpubid
    UNION SELECT format('the policy %I', polname) FROM one JOIN pg_policy ON polrelid = one.oid
    UNION SELECT format('the inheritance of %s', inhrelid::regclass)
    FROM one JOIN pg_inherits ON one.oid IN (inhrelid, inhparent)
    ORDER BY what
""")


def stays(connection: Connection, table: str, column: str, own: str) -> Sequence[str]:
    """Return what a table has that one cut by a column cannot; `own` is a constraint of ours."""
    asked = {"table": table, "column": column, "range": own}
    return connection.execute(_STAYS, asked).scalars().all()


def owner_of(connection: Connection, table: str) -> str:
    """Return whose table it is; who migrates may be somebody mightier."""
    return str(connection.execute(_OWNER, {"table": table}).scalar_one())


def triggers_of(connection: Connection, table: str) -> Sequence[str]:
    """Return what makes the triggers of a table's statements."""
    return connection.execute(_TRIGGERS, {"table": table}).scalars().all()


def indexes_moved(connection: Connection, table: str, first: str) -> tuple[list[str], list[str]]:
    """Return what frees the names of a table's indexes, and what makes them again.

    Of what somebody else made the name may be anything: those of the first part are numbered.
    """
    freed, made = [], []
    for number, index in enumerate(connection.execute(_INDEXES, {"table": table}), 1):
        name = f"{first}_{number}"
        if index.key:
            freed.append(f"ALTER TABLE {first} RENAME CONSTRAINT {index.key} TO {name}")
            made.append(f"ALTER TABLE {table} ADD CONSTRAINT {index.key} {index.key_definition}")
        else:
            freed.append(f"ALTER INDEX {index.name} RENAME TO {name}")
            made.append(index.definition)
    return freed, made


def rights_moved(connection: Connection, table: str, first: str, sequence: str) -> list[str]:
    """Return what gives others the rights that they had, none of them on the first part.

    Who inserts takes a number of the sequence, which asked for no right while the table gave it.
    """
    rights = _rights(connection, table)
    return [
        *(f"GRANT {right.what} ON {table} TO {right.whom}" for right in rights),
        *(f"REVOKE ALL ON {first} FROM {grantee} CASCADE" for grantee in _grantees(rights)),
        *(
            f"GRANT USAGE ON SEQUENCE {sequence} TO {right.whom}"
            for right in rights
            if right.privilege == "INSERT"
        ),
        *(
            f"GRANT {right.what} ON SEQUENCE {sequence} TO {right.whom}"
            for right in _rights(connection, sequence)
        ),
    ]


def _rights(connection: Connection, table: str) -> Sequence[Any]:
    return connection.execute(_RIGHTS, {"table": table}).all()


def _grantees(rights: Sequence[Any]) -> list[str]:
    return sorted({right.grantee for right in rights})
