"""What a user may say on the command line and in config files, and the help on it."""
