"""The connection to MLflow: which store, whether it answers, and where an old one moved from."""
