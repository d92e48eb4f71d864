"""What is trained: networks for tables and images, one fitting loop, and the Ax search."""
