"""The curators' half: from Turtle files to a snapshot, and to findings with file, line and repair."""
