"""The databases of a world: what they refuse, services know for what it is."""

import pytest
from sqlalchemy.exc import OperationalError

from kurs.data.failures import Trouble, trouble_of
from simulation.world import Database


@pytest.mark.parametrize(
    ("database", "sql", "trouble"),
    [
        (Database(gone=True), "SELECT 1", Trouble.GONE),
        (Database(full=True), "INSERT INTO payments VALUES (1)", Trouble.FULL),
        (Database(read_only=True), "UPDATE payments SET version = 2", Trouble.GONE),
    ],
)
def test_what_a_database_refuses_is_a_trouble_and_no_fault_of_the_program(
    database: Database, sql: str, trouble: Trouble
) -> None:
    with pytest.raises(OperationalError) as refused:
        database.check(sql)

    assert trouble_of(refused.value) is trouble
