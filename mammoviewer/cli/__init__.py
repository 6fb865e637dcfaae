"""The command line: one module per subcommand, all over the same functions that the window uses."""
