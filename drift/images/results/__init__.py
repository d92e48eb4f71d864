"""What an experiment with images leaves behind: pictures, embeddings, summaries, TensorBoard logs."""
