"""`python -m payments` serves payments; it has these commands:

`migrate` brings the database up to date, `set-aside` lists the operations that could not be
finished, `resume <operation>…` (or `--all`) lets them be tried again.
"""

from kurs.data.migrations import migrate
from kurs.web.server import main
from payments.app import create_app
from payments.commands import list_set_aside, resume
from payments.migrations import GRANTS, VERSIONS
from payments.settings import PaymentsSettings

if __name__ == "__main__":
    main(
        PaymentsSettings,
        create_app,
        migrate=lambda its: migrate(
            its.database_url, VERSIONS, grants=GRANTS, role=its.database_service_role
        ),
        commands={"set-aside": list_set_aside, "resume": resume},
    )
