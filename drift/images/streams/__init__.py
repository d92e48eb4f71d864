"""Streams of images that change over time."""
