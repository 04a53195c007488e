"""What an operator had made on a table goes over when it is cut, or is named before anything is."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from tests.kurs.test_partitions import INSERT, cut, parts_and_room, session, versions

from kurs.data.cutting import Uncuttable
from kurs.data.migrations import migrate

pytestmark = pytest.mark.postgres
__all__ = ["versions"]

RIGHTS = """
    SELECT has_table_privilege($1, 'thing', 'SELECT'), has_table_privilege($1, 'thing', 'INSERT'),
        has_any_column_privilege($1, 'thing', 'SELECT'),
        has_column_privilege($1, 'thing', 'note', 'INSERT'),
        has_table_privilege($1, 'thing', 'SELECT WITH GRANT OPTION')
"""


@asynccontextmanager
async def role(owner: asyncpg.Connection, kind: str = "reader") -> AsyncIterator[str]:
    name = f"{kind}-{uuid4().hex[:6]}@kurs.iam"
    await owner.execute(f'CREATE ROLE "{name}" LOGIN')
    try:
        yield name
    finally:
        await owner.execute(f'DROP OWNED BY "{name}" CASCADE; DROP ROLE "{name}"')


async def test_names_that_need_quotes_and_public_keep_their_rights(
    postgres_url: str, versions: Path
) -> None:
    async with session(postgres_url) as owner, role(owner, "wallet") as wallet:
        granted = {"thing": "SELECT, INSERT"}
        await asyncio.to_thread(migrate, postgres_url, versions, grants=granted, role=wallet)
        await owner.execute("GRANT SELECT ON thing TO PUBLIC")

        await cut(postgres_url, versions, wallet)

        async with session(postgres_url, wallet) as service, role(owner) as other:
            await service.fetch(INSERT, 3)
            await service.execute("SELECT extend_thing()")
            async with session(postgres_url, other) as reader:
                assert await reader.fetchval("SELECT count(*) FROM thing") == 3
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await reader.fetch("SELECT FROM thing_to_100")


GRANTED = ["SELECT", "SELECT (note)", "INSERT", "INSERT (note)", "SELECT, INSERT (note)"]


@pytest.mark.parametrize("granted", [*GRANTED, "UPDATE (note)"])
@pytest.mark.parametrize("option", ["", " WITH GRANT OPTION"])
async def test_nobody_s_rights_are_wider_or_narrower_afterwards(
    postgres_url: str, versions: Path, granted: str, option: str
) -> None:
    await asyncio.to_thread(migrate, postgres_url, versions)
    async with session(postgres_url) as owner, role(owner) as who:
        await owner.execute(f'GRANT {granted} ON thing TO "{who}"{option}')
        before = await owner.fetchrow(RIGHTS, who)

        await cut(postgres_url, versions)

        assert await owner.fetchrow(RIGHTS, who) == before
        usage = "SELECT has_sequence_privilege($1, 'thing_id_seq', 'USAGE')"
        assert await owner.fetchval(usage, who) == ("INSERT" in granted)
        assert not await owner.fetchval("SELECT has_any_column_privilege($1, 'thing_to_100', "
                                        "'SELECT, INSERT, UPDATE')", who)  # fmt: skip
        if "INSERT" in granted:
            async with session(postgres_url, who) as writer:
                await writer.execute("INSERT INTO thing (note) VALUES ('mine')")


async def test_rights_on_the_sequence_and_those_passed_on_go_over(
    postgres_url: str, versions: Path
) -> None:
    await asyncio.to_thread(migrate, postgres_url, versions)
    async with session(postgres_url) as owner, role(owner) as first, role(owner) as second:
        await owner.execute(f'GRANT SELECT ON thing TO "{first}" WITH GRANT OPTION')
        await owner.execute(f'GRANT SELECT ON SEQUENCE thing_id_seq TO "{first}"')
        async with session(postgres_url, first) as giver:
            await giver.execute(f'GRANT SELECT ON thing TO "{second}"')

        await cut(postgres_url, versions)

        assert (await owner.fetchrow(RIGHTS, second))[0]
        looks = "SELECT has_sequence_privilege($1, 'thing_id_seq', 'SELECT')"
        assert await owner.fetchval(looks, first)


async def test_the_table_stays_its_owner_s_whoever_migrates(
    postgres_url: str, versions: Path
) -> None:
    await asyncio.to_thread(migrate, postgres_url, versions)
    async with session(postgres_url) as superuser, role(superuser, "owner") as whose:
        await superuser.execute(f'ALTER TABLE thing OWNER TO "{whose}"')
        await superuser.execute(f'GRANT CREATE ON SCHEMA public TO "{whose}"')

        await cut(postgres_url, versions)

        async with session(postgres_url, whose) as owner:
            await owner.fetch(INSERT, 120)
            await owner.execute("SELECT extend_thing()")
        owners = await superuser.fetch(
            "SELECT relname, relowner::regrole::text FROM pg_class WHERE relname LIKE 'thing%' "
            "UNION ALL SELECT proname, proowner::regrole::text FROM pg_proc "
            "WHERE proname = 'extend_thing'"
        )
        assert {row[1] for row in owners} == {f'"{whose}"'}


@pytest.mark.parametrize(
    ("made", "named"),
    [
        ("CREATE INDEX by_dba ON thing (note)", "by_dba"),
        ('CREATE INDEX "By-DBA" ON thing (lower(note)) WHERE id > 3', "By-DBA"),
        (f"CREATE INDEX {'x' * 63} ON thing (note)", "x" * 63),
        ("CREATE UNIQUE INDEX by_both ON thing (note, id)", "by_both"),
        ('ALTER TABLE thing ADD CONSTRAINT "Both" UNIQUE (note, id)', "Both"),
    ],
)
async def test_an_index_of_any_name_goes_over(
    postgres_url: str, versions: Path, made: str, named: str
) -> None:
    await asyncio.to_thread(migrate, postgres_url, versions)
    names = "SELECT indexname FROM pg_indexes WHERE tablename = 'thing'"
    async with session(postgres_url) as owner:
        await owner.execute(made)
        before = {row[0] for row in await owner.fetch(names)}
        await cut(postgres_url, versions)
        assert {row[0] for row in await owner.fetch(names)} == before
        assert named in before
        invalid = "SELECT count(*) FROM pg_index WHERE NOT indisvalid"
        assert await owner.fetchval(invalid) == 0


async def test_an_index_whose_build_was_broken_off_stays_behind(
    postgres_url: str, versions: Path
) -> None:
    await asyncio.to_thread(migrate, postgres_url, versions)
    async with session(postgres_url) as owner:
        await owner.execute("INSERT INTO thing (note) VALUES ('n'), ('n')")
        with pytest.raises(asyncpg.UniqueViolationError):
            await owner.execute("CREATE UNIQUE INDEX CONCURRENTLY broken ON thing (note)")
        await cut(postgres_url, versions)
        names = "SELECT tablename FROM pg_indexes WHERE indexname = 'broken'"
        assert await owner.fetchval(names) == "thing_to_100"


STAYS = {
    "unique_note": "CREATE UNIQUE INDEX unique_note ON thing (note)",
    "included": "CREATE UNIQUE INDEX included ON thing (note) INCLUDE (id)",
    "only_note": "ALTER TABLE thing ADD CONSTRAINT only_note UNIQUE (note)",
    "refers": "CREATE TABLE o (id BIGINT CONSTRAINT refers REFERENCES thing)",
    "referred": "CREATE TABLE o (id BIGINT PRIMARY KEY);"
    "ALTER TABLE thing ADD CONSTRAINT referred FOREIGN KEY (id) REFERENCES o",
    "unchecked": "ALTER TABLE thing ADD CONSTRAINT unchecked CHECK (id > 0) NOT VALID",
    "alone": "ALTER TABLE thing ADD CONSTRAINT alone CHECK (id > 0) NO INHERIT",
    "report": "CREATE VIEW report AS SELECT note FROM thing",
    "told": "CREATE PUBLICATION told FOR TABLE thing",
    "mine": "CREATE POLICY mine ON thing USING (true)",
    "child": "CREATE TABLE child () INHERITS (thing)",
    "each": "CREATE TRIGGER each BEFORE INSERT ON thing FOR EACH ROW "
    "EXECUTE FUNCTION suppress_redundant_updates_trigger()",
}


@pytest.mark.parametrize("named", STAYS)
async def test_what_cannot_go_over_is_named_and_nothing_is_changed(
    postgres_url: str, versions: Path, named: str
) -> None:
    await asyncio.to_thread(migrate, postgres_url, versions)
    async with session(postgres_url) as owner:
        await owner.execute(STAYS[named])
        constraints = "SELECT count(*) FROM pg_constraint WHERE conrelid = 'thing'::regclass"
        before = await owner.fetchval(constraints)

        with pytest.raises(Uncuttable, match=rf"thing is to be cut .*\b{named}\b.*drop that"):
            await cut(postgres_url, versions)

        revisions = "SELECT array_agg(version_num::text) FROM alembic_version"
        assert await owner.fetchval(revisions) == ["0001"]
        assert await owner.fetchval(constraints) == before
        assert await parts_and_room(postgres_url) == ([], None)


async def test_a_table_that_is_cut_may_have_them_again(postgres_url: str, versions: Path) -> None:
    await asyncio.to_thread(migrate, postgres_url, versions)
    async with session(postgres_url) as owner:
        await cut(postgres_url, versions)
        await owner.execute(STAYS["report"])
        await cut(postgres_url, versions)
        await owner.fetch(INSERT, 120)
        assert await owner.fetchval("SELECT count(*) FROM report") == 120
