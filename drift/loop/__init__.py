"""What decides: train, score block by block, notice, retrain, compare, promote or roll back."""
