"""The commands that say why decisions fail: disagreement, slices and runs."""

CAUSE_COMMANDS = ()
