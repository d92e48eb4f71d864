"""The steps, oldest first. A step is never changed once it was released: add another."""
