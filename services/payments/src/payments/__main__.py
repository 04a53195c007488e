"""`python -m payments` serves payments; it has these commands:

`migrate` brings the database up to date, `set-aside` lists the operations that could not be
finished, `resume <operation>…` (or `--all`) lets them be tried again.
"""

from functools import partial

from kurs.data.migrations import migrate
from kurs.web.server import main
from payments.app import create_app
from payments.commands import list_set_aside, resume
from payments.migrations import GRANTS, VERSIONS
from payments.settings import PaymentsSettings

if __name__ == "__main__":
    settings = PaymentsSettings()
    main(
        settings,
        lambda: create_app(settings),
        migrate=lambda: migrate(
            settings.database_url, VERSIONS, grants=GRANTS, role=settings.database_service_role
        ),
        commands={
            "set-aside": partial(list_set_aside, settings),
            "resume": partial(resume, settings),
        },
    )
