"""Registered versions, their aliases and their files."""
