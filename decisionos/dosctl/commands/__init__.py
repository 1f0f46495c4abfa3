"""The code of each command: parse, one call, print, an exit code."""
