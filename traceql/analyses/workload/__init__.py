"""What kind of work a trace holds, and how well the machine is used by it."""
