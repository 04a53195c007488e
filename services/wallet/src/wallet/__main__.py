"""`python -m wallet` serves; `migrate`, `verify`, `seal` and `archive` are its other commands."""

from kurs.data.migrations import migrate
from kurs.web.server import main
from wallet.app import create_app
from wallet.archive_command import archive_command
from wallet.commands import seal_command, verify_command
from wallet.migrations import GRANTS, VERSIONS
from wallet.settings import WalletSettings

if __name__ == "__main__":
    main(
        WalletSettings,
        create_app,
        migrate=lambda its: migrate(
            its.database_url, VERSIONS, grants=GRANTS, role=its.database_service_role
        ),
        commands={"verify": verify_command, "seal": seal_command, "archive": archive_command},
    )
