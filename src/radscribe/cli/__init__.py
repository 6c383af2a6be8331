"""The command line: one module per command. Commands parse arguments and contain no logic."""
