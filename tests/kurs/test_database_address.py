"""kurs.data.address: URLs as managed services, operators and libpq print them."""

import pytest

from kurs.data.address import UrlUnfit, read_address


@pytest.mark.parametrize(
    ("url", "servers"),
    [
        ("postgresql://u:p@db:5432/w", ["postgresql://u:p@db:5432/w"]),
        ("postgres://u:p@db/w", ["postgresql://u:p@db/w"]),
        ("postgresql+asyncpg://u@db/w", ["postgresql://u@db/w"]),
        (
            "postgres://u:p%40@db/w?sslmode=require&channel_binding=require",
            ["postgresql://u:p%40@db/w?sslmode=require"],
        ),
        (
            "postgresql://u@db/w?sslmode=verify-full&sslrootcert=/ca.pem&connect_timeout=10",
            ["postgresql://u@db/w?sslmode=verify-full&sslrootcert=%2Fca.pem"],
        ),
        ("postgresql+asyncpg://u@db/w?ssl=require", ["postgresql://u@db/w?sslmode=require"]),
        ("postgresql://u@/w?host=/run/pg", ["postgresql://u@/w?host=%2Frun%2Fpg"]),
        ("postgresql://u@%2Frun%2Fpg/w", ["postgresql://u@%2Frun%2Fpg/w"]),
        ("postgresql://u@[::1]:5432/w", ["postgresql://u@[::1]:5432/w"]),
        ("postgresql://u:p%2Fw@db/w", ["postgresql://u:p%2Fw@db/w"]),
        ("postgresql://u@db/w?port=5433", ["postgresql://u@db:5433/w"]),
        ("postgresql://u@/w?port=5433", ["postgresql://u@/w?port=5433"]),
        (
            "postgresql://u@a:1,b:2/w",
            [
                "postgresql://u@a:1/w?target_session_attrs=read-write",
                "postgresql://u@b:2/w?target_session_attrs=read-write",
            ],
        ),
        (
            "postgresql://u@/w?host=a,b&port=1,2&target_session_attrs=any",
            [
                "postgresql://u@a:1/w?target_session_attrs=any",
                "postgresql://u@b:2/w?target_session_attrs=any",
            ],
        ),
    ],
)
def test_it_is_read_as_libpq_reads_it(url: str, servers: list[str]) -> None:
    assert list(read_address(url).servers) == servers


def test_the_place_tells_nothing_of_who_asks() -> None:
    place = read_address("postgresql://kurs:p4ss@a:1,b:2/wallet").place
    assert place == "the database wallet at a:1, b:2"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://kurs:p4ss@db/w", "use sqlite:///var/x.db or postgresql://"),
        ("postgresql+psycopg2://kurs:p4ss@db/w", "postgresql://"),
        ("wallet.db", "without a scheme"),
        ("", "without a scheme"),
        ("postgresql://kurs:p4ss@db:5432/w?port=5433", "one as port="),
        ("postgresql://kurs:p4ss@db/w?sslmode=maybe", "sslmode=maybe"),
        ("postgresql://kurs:p4ss@db/w?target_session_attrs=maybe", "target_session_attrs=maybe"),
        ("postgresql://kurs:p4ss@db", "names none"),
        ("sqlite://", "needs a file"),
        ("sqlite:///p4%00ss.db", "needs a file"),
    ],
)
def test_anything_else_is_one_sentence(url: str, said: str) -> None:
    with pytest.raises(UrlUnfit, match=said) as refused:
        read_address(url)
    assert "p4ss" not in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        # A / ends what is before the path, and so a host, whatever the password is.
        "postgresql://kurs:p4ss/half@db:5432/wallet",
        "postgresql://kurs:5432/p4ss@db:5432/wallet",
        "postgresql://kurs:p4ss?half@db:5432/wallet",
        "postgresql://kurs:p4ss#half@db:5432/wallet",
        "postgresql://kurs:5432#p4ss@db/wallet",
        "postgresql://kurs:half[p4ss@db/wallet",
        "postgresql://kurs:[p4ss]@db/wallet",
        # Normalized, these are a colon and "a/c", in what urlsplit takes for a host.
        "postgresql://kurs:p4ss\uff1ahalf@db/wallet",
        "postgresql://kurs:p4ss\u2100half@db/wallet",
        "postgresql://kurs:p4ss@db:1x/wallet",
        "postgresql://kurs:p4ss@db:65536/wallet",
        "postgresql://kurs:p4ss@db:\u0661/wallet",
        "postgresql://kurs:p4ss@db:0/wallet",
        "postgresql://kurs:p4ss@db,other:no/wallet",
        "postgresql://kurs:p4ss@a..b/wallet",
        "postgresql://kurs:p4ss@a,b:65536/wallet",
        "postgresql://kurs:p4ss@/wallet?host=a,b&port=1,0",
        "postgresql://kurs:p4ss@/wallet?host=/run/pg&port=p4ss",
    ],
)
def test_a_host_or_port_that_is_none_tells_how_to_write_a_password(url: str) -> None:
    with pytest.raises(UrlUnfit) as refused:
        read_address(url)
    assert str(refused.value) == (
        "the URL of the database has a host or a port that is none; "
        "in a password write / @ : ? # as %2F %40 %3A %3F %23"
    )
    assert refused.value.__cause__ is None
