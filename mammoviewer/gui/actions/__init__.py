"""What the reader can do: commands with their keys."""
