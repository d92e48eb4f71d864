"""Experiments with images: make drift, measure it, show it, train it away.

experiments      what `drift images` runs           networks      classifiers, trained once and kept
perturbations    what is done to images             streams       batches that drift, and a network that meets them
detection        feature spaces and detectors       results       pictures, tables, MLflow, TensorBoard
setup            images in their roles              rows          batches as rows for the monitor
augment          networks compared by what they see embeddings    images on a plane
"""
