"""`python -m kurs_operator`: the operator in its cluster. Without one: `kurs_operator.local`."""

from kurs.server import main
from kurs_operator.app import create_app
from kurs_operator.settings import OperatorSettings

settings = OperatorSettings()
main(settings, lambda: create_app(settings))
