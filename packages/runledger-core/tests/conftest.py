"""Set Hypothesis up: no deadlines, since a busy machine is no fault of the code."""

from hypothesis import settings

settings.register_profile("runledger", deadline=None)
settings.load_profile("runledger")
