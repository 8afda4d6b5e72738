"""Compiled loops over plain arrays: they know no panel, no pandas and no names, and import nothing of the rest."""
