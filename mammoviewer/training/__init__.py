"""Training of classifiers. torch is imported by the modules that run in the child process, never by spec."""
