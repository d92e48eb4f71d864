"""The only subpackage that imports MLflow: runs and their figures, the registry and its aliases."""
