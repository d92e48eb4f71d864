"""Commands proposed as the next step, at the end of a command of the loop."""
