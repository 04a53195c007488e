"""`python -m wallet` serves; `migrate`, `verify` and `seal` are its other commands."""

from functools import partial

from kurs.data.migrations import migrate
from kurs.web.server import main
from wallet.app import create_app
from wallet.commands import seal_command, verify_command
from wallet.migrations import GRANTS, VERSIONS
from wallet.settings import WalletSettings

if __name__ == "__main__":
    settings = WalletSettings()
    main(
        settings,
        lambda: create_app(settings),
        migrate=lambda: migrate(
            settings.database_url, VERSIONS, grants=GRANTS, role=settings.database_service_role
        ),
        commands={
            "verify": partial(verify_command, settings),
            "seal": partial(seal_command, settings),
        },
    )
