"""What is measured beside each other, each a program of its own that runs with its own Python."""
