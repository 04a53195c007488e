"""Runs the whole gateway on one machine: `Stack` for programs and tests, `dev` for people."""

from devstack.errors import StackError
from devstack.stack import Stack

__all__ = ["Stack", "StackError"]
