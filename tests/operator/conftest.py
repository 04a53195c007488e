"""Property tests here may take their time: no test asserts a time."""

from hypothesis import settings

settings.register_profile("operator", deadline=None, max_examples=60)
settings.load_profile("operator")
