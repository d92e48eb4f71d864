"""What a command proposes to do next, and the numbers behind it."""
