"""Results of a deployment in numbers: for the command, its JSON file and the report."""
