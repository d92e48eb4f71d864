"""Colours and pictures: one palette for pages and for the figures that MLflow keeps."""
