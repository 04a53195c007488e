"""`python -m webhooks` serves; `python -m webhooks migrate` migrates the database."""

from kurs.data.migrations import migrate
from kurs.web.server import main
from webhooks.app import create_app
from webhooks.migrations import GRANTS, VERSIONS
from webhooks.settings import WebhooksSettings

if __name__ == "__main__":
    main(
        WebhooksSettings,
        create_app,
        migrate=lambda its: migrate(
            its.database_url, VERSIONS, grants=GRANTS, role=its.database_service_role
        ),
    )
