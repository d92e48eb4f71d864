"""Policies compared on a whole stream: same blocks, same models, same seeds; only when to retrain differs."""
