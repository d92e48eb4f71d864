"""Two-sample statistics of all columns together: MMD, energy distance, classifier, random features."""
