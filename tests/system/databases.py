"""Fresh databases on the embedded PostgreSQL for the services that have one."""

import asyncio
from importlib import import_module
from pathlib import Path
from uuid import uuid4

import asyncpg

from kurs.data.migrations import migrate

SERVICES = ("wallet", "payments", "risk")


async def create_databases(socket: str) -> dict[str, str]:
    """Return the URL of a new and migrated database for each service."""
    urls = {name: await _create(socket) for name in SERVICES}
    for name, url in urls.items():
        package = import_module(f"{name}.migrations")
        versions = Path(str(package.__file__)).parent / "versions"
        await asyncio.to_thread(migrate, url, versions)
    return urls


async def _create(socket: str) -> str:
    name = f"m{uuid4().hex}"
    connection = await asyncpg.connect(host=socket, user="postgres", database="postgres")
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
    return f"postgresql+asyncpg://postgres@/{name}?host={socket}"
